/** What is done on every road, in every browser. */
import type { Page } from '@playwright/test'
import { expect } from './fixtures.ts'
import { PEER_HEIGHT, type RoadPeer } from './road-peer-process.ts'
import {
  addressOver,
  fetchSha256,
  heightOf,
  peerIdOf,
  putInto,
  someBlock,
  startTab,
  transportsOf,
  untilHeight,
  untilReadyOver,
  webRtcAddressOf,
  type TabOptions,
} from './road-tab.ts'

/** A browser gives up on a connection that says nothing after 15 s: a goodbye is heard before. */
const GIVEN_UP_MS = 15_000

type Road = NonNullable<TabOptions['transports']>[number]

/** Handshake, sync, a new head, a block each way, and a goodbye: between a fresh page and a peer, over this road. */
export async function exerciseRoad(args: {
  readonly page: Page
  readonly peer: RoadPeer
  readonly road: Road
  readonly address: string
  /** Where the peer's head is. */
  readonly height?: number
}): Promise<void> {
  const { page, peer, road, address, height = PEER_HEIGHT } = args
  const tookMs = await startTab(page, { peers: [address], transports: [road] })
  expect(await heightOf(page)).toBe(height)
  expect(await transportsOf(page)).toEqual([road])

  peer.submit(height + 1)
  await untilHeight(page, height + 1)

  const [there, back] = [someBlock(), someBlock()]
  peer.tell(`put ${there.cid} ${there.bytes.toString('base64')}`)
  expect(await fetchSha256(page, there.cid)).toBe(there.sha256)
  await putInto(page, back)
  peer.tell(`get ${back.cid}`)
  expect(await peer.said(`got ${back.cid}`)).toBe(back.sha256)

  const own = await peerIdOf(page)
  const goodbyeMs = Date.now()
  await page.evaluate(() => window.lightNode.stop())
  await peer.said(`gone ${own}`)
  console.log(`${road}: synced in ${tookMs} ms, goodbye in ${Date.now() - goodbyeMs} ms`)
}

/**
 * Two fresh pages meet at a relay that knows no headers, and it is killed. One then syncs from a gateway, the other everything
 * from it; the gateway is killed, and they go on: a block each way, and a goodbye.
 */
export async function exerciseTabs(args: {
  readonly alice: Page
  readonly bob: Page
  readonly relay: RoadPeer
  /** With headers up to `height`, at this URL or multiaddr. */
  readonly gateway: { readonly address: string; readonly height: number; kill(): Promise<void> }
}): Promise<void> {
  const { alice, bob, relay, gateway } = args
  const start = (page: Page, address: string): Promise<void> =>
    page.evaluate((options) => window.start(options), {
      peers: [address],
      transports: ['websockets', 'webrtc'] as const,
    })
  await start(alice, addressOver('/ws/', relay.addresses))
  const address = await webRtcAddressOf(alice)

  const startedMs = Date.now()
  await start(bob, address)
  await untilReadyOver(bob, 'webrtc')
  const directMs = Date.now() - startedMs
  await untilReadyOver(alice, 'webrtc')
  for (const page of [alice, bob]) {
    await page.waitForFunction(() =>
      [...window.openConnections.values()].every((each) => !each.includes('/p2p-circuit/p2p/')),
    )
    expect(await page.evaluate(() => window.limitedEvents)).toEqual([])
  }
  expect(await bob.evaluate(() => window.warnings)).toEqual([])
  await relay.kill()
  for (const page of [alice, bob]) {
    await page.waitForFunction(() => window.lightNode.snapshot().peers.every((peer) => peer.transport === 'webrtc'))
  }
  expect(await heightOf(bob)).toBe(0)

  const syncMs = Date.now()
  await alice.evaluate((given) => window.lightNode.connect(given).then(() => {}), gateway.address)
  await untilHeight(bob, gateway.height)
  console.log(`webrtc: direct after ${directMs} ms, both synced in ${Date.now() - syncMs} ms`)
  await gateway.kill()
  const [there, back] = [someBlock(), someBlock()]
  await putInto(alice, there)
  expect(await fetchSha256(bob, there.cid)).toBe(there.sha256)
  await putInto(bob, back)
  expect(await fetchSha256(alice, back.cid)).toBe(back.sha256)
  expect(await transportsOf(bob)).toEqual(['webrtc'])

  const own = await peerIdOf(bob)
  const goodbyeMs = Date.now()
  await bob.evaluate(() => window.lightNode.stop())
  await alice.waitForFunction((gone) => window.peerEvents.includes(gone), `gone ${own}`)
  const goodbyeTookMs = Date.now() - goodbyeMs
  console.log(`webrtc: goodbye in ${goodbyeTookMs} ms`)
  expect(goodbyeTookMs).toBeLessThan(GIVEN_UP_MS)
}
