/** Peers on every road, and pages to connect to them; all gone when a test ends. */
import type { Page } from '@playwright/test'
import { join } from 'node:path'
import { test as base } from './fixtures.ts'
import { startLab, type Lab } from './road-lab.ts'
import { startPeerOf, startRoadPeer, type RoadPeer } from './road-peer-process.ts'

export { expect } from './fixtures.ts'

export interface Roads {
  /** A light node in Node.js on every road, with all real headers but the last. */
  peer(options?: Parameters<typeof startPeerOf>[1]): Promise<RoadPeer & { readonly directory: string }>
  /** One over a folder that is there already. */
  restart(directory: string, port: number): Promise<RoadPeer>
  /** A tab of a browser context of its own. */
  tab(): Promise<Page>
}

export const test = base.extend<{ roads: Roads }, { lab: Lab }>({
  lab: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const lab = await startLab()
      await use(lab)
      await lab.close()
    },
    { scope: 'worker' },
  ],
  roads: async ({ browser, gateways, lab }, use) => {
    const peers: RoadPeer[] = []
    const pages: Page[] = []
    const added = <Peer extends RoadPeer>(peer: Peer): Peer => {
      peers.push(peer)
      return peer
    }
    await use({
      peer: async (options) => {
        const folder = gateways.folder()
        return { ...added(await startPeerOf(folder, options)), directory: join(folder, 'data') }
      },
      restart: async (directory, port) => added(await startRoadPeer(directory, port)),
      tab: async () => {
        const page = await lab.open(browser)
        pages.push(page)
        return page
      },
    })
    await Promise.all(pages.map((page) => page.context().close()))
    await Promise.all(peers.map((peer) => peer.kill()))
  },
})
