/** Every road in real Chromium: a tab and a gateway in Node.js, and two tabs that share a relay. */
import type { Page } from '@playwright/test'
import { MAINNET, MAINNET_HEIGHT, needRealHeaders } from './chain-data.ts'
import { expect, test } from './road-fixtures.ts'
import { PEER_HEIGHT } from './road-peer-process.ts'
import {
  addressOver,
  fetchSha256,
  heightOf,
  peerIdOf,
  putInto,
  ROADS,
  someBlock,
  startTab,
  transportsOf,
  untilHeight,
  untilReadyOver,
  webRtcAddressOf,
} from './road-tab.ts'

needRealHeaders()

for (const [road, component] of ROADS) {
  test(`over ${road}: handshake, sync, a new head, a block each way, and a goodbye`, async ({ roads }) => {
    const peer = await roads.peer()
    const address = addressOver(component, peer.addresses)
    const page = await roads.tab()
    const tookMs = await startTab(page, { peers: [address], transports: [road] })
    expect(await heightOf(page)).toBe(PEER_HEIGHT)
    expect(await transportsOf(page)).toEqual([road])

    peer.submit(PEER_HEIGHT + 1)
    await untilHeight(page, PEER_HEIGHT + 1)

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
  })
}

test('over webrtc: tabs that met at a relay, which dies; one syncs from a gateway, the other everything from it', async ({
  roads,
  gateways,
}) => {
  const [relay, gateway] = await Promise.all([roads.emptyPeer(), gateways.serving(MAINNET)])
  const [alice, bob] = [await roads.tab(), await roads.tab()]
  const transports = ['websockets', 'webrtc'] as const
  const start = (page: Page, address: string): Promise<void> =>
    page.evaluate((options) => window.start(options), { peers: [address], transports })
  await start(alice, addressOver('/ws/', relay.addresses))
  const address = await webRtcAddressOf(alice)

  const startedMs = Date.now()
  await start(bob, address)
  await untilReadyOver(bob, 'webrtc')
  const directMs = Date.now() - startedMs
  await untilReadyOver(alice, 'webrtc')
  for (const page of [alice, bob]) {
    await page.waitForFunction(() =>
      [...window.openConnections.values()].every((each) => !/\/p2p-circuit\/p2p\//.test(each)),
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
  await alice.evaluate((url) => window.lightNode.connect(url).then(() => {}), gateway.url)
  await untilHeight(bob, MAINNET_HEIGHT)
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
  console.log(`webrtc: goodbye in ${Date.now() - goodbyeMs} ms`)
})
