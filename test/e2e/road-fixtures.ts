/** Peers on every road, and pages to connect to them; all gone when a test ends. */
import type { Page } from '@playwright/test'
import { test as base } from './fixtures.ts'
import { startLab, type Lab } from './road-lab.ts'
import { startProxy, type Proxy } from './road-proxy.ts'
import { startPeerOf, startRoadPeer, type RoadPeer } from './road-peer-process.ts'

export { expect } from './fixtures.ts'

export interface Roads {
  /** A light node in Node.js on every road, with the real headers up to `PEER_HEIGHT`. */
  peer(options?: Parameters<typeof startPeerOf>[1]): Promise<RoadPeer>
  /** One that knows the genesis header only. */
  emptyPeer(): Promise<RoadPeer>
  /** The same, on the ports that it had. */
  restart(peer: RoadPeer): Promise<RoadPeer>
  /** Between a tab and this address of a peer. */
  proxy(address: string): Promise<Proxy>
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
    const proxies: Proxy[] = []
    const added = (peer: RoadPeer): RoadPeer => {
      peers.push(peer)
      return peer
    }
    await use({
      peer: async (options) => added(await startPeerOf(gateways.folder(), options)),
      emptyPeer: async () => added(await startRoadPeer({ directory: gateways.folder() })),
      restart: async ({ directory, port }) => added(await startRoadPeer({ directory, port })),
      proxy: async (address) => {
        const proxy = await startProxy(address)
        proxies.push(proxy)
        return proxy
      },
      tab: async () => {
        const page = await lab.open(browser)
        pages.push(page)
        return page
      },
    })
    await Promise.all(pages.map((page) => page.context().close()))
    await Promise.all(peers.map((peer) => peer.kill()))
    await Promise.all(proxies.map((proxy) => proxy.close()))
  },
})
