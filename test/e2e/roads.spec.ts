/** Every road in real Chromium: a tab and a gateway in Node.js, and two tabs that share a relay. */
import { MAINNET_HEIGHT, needRealHeaders } from './chain-data.ts'
import { expect, test } from './road-fixtures.ts'
import { lastHeader } from './road-peer-process.ts'
import {
  addressOver,
  fetchSha256,
  heightOf,
  peerIdOf,
  putInto,
  ROADS,
  someBlock,
  startTab,
  submitHeader,
  transportsOf,
  untilAlone,
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
    expect(await heightOf(page)).toBe(MAINNET_HEIGHT - 1)
    expect(await transportsOf(page)).toEqual([road])

    peer.tell(`submit ${lastHeader().toString('hex')}`)
    await untilHeight(page, MAINNET_HEIGHT)

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

test('over webrtc: a tab syncs from a tab that it met through a relay, and they go on without it', async ({
  roads,
}) => {
  const peer = await roads.peer()
  const relay = addressOver('/ws/', peer.addresses)
  const [alice, bob] = [await roads.tab(), await roads.tab()]
  const transports = ['websockets', 'webrtc'] as const
  await startTab(alice, { peers: [relay], transports })
  const startedMs = Date.now()
  const step = (name: string): void => console.log(`webrtc: ${name} after ${Date.now() - startedMs} ms`)
  // It knows the other tab only; on the way it comes by the relay, which serves headers too, and is let go.
  const address = await webRtcAddressOf(alice)
  step('a place at the relay')
  await startTab(bob, { peers: [address], transports })
  step('synced')
  await untilReadyOver(bob, 'webrtc')
  step('direct')
  await peer.kill()
  await bob.waitForFunction(() => window.lightNode.snapshot().peers.every(({ transport }) => transport === 'webrtc'))
  step('without the relay')
  expect(await heightOf(bob)).toBe(MAINNET_HEIGHT - 1)

  await submitHeader(alice, lastHeader())
  await untilHeight(bob, MAINNET_HEIGHT)
  step('new head')
  const [there, back] = [someBlock(), someBlock()]
  await putInto(alice, there)
  expect(await fetchSha256(bob, there.cid)).toBe(there.sha256)
  step('block there')
  await putInto(bob, back)
  expect(await fetchSha256(alice, back.cid)).toBe(back.sha256)
  step('block back')
  expect(await transportsOf(bob)).toEqual(['webrtc'])

  const own = await peerIdOf(bob)
  await bob.evaluate(() => window.lightNode.stop())
  await alice.waitForFunction((gone) => window.peerEvents.includes(gone), `gone ${own}`)
  step('goodbye')
  await untilAlone(alice)
})
