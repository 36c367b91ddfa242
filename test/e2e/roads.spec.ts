/** Every road in real Chromium: a tab and a light node in Node.js, and two tabs that share a relay. */
import type { Page } from '@playwright/test'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { MAINNET, MAINNET_HEIGHT, needRealHeaders } from './chain-data.ts'
import { expect, test, type Gateways } from './fixtures.ts'
import { runCommand } from './gateway.ts'
import { startLab, startRoadPeer, type Lab, type RoadPeer } from './road-lab.ts'

const ROADS = [
  ['websockets', '/ws/'],
  ['webrtc-direct', '/webrtc-direct/'],
  ['webtransport', '/webtransport/'],
] as const
const HEADER_BYTES = 80
const BLOCK_BYTES: number = 1024 * 1024

needRealHeaders()

let lab: Lab
let peers: RoadPeer[] = []

test.beforeAll(async () => {
  lab = await startLab()
})

test.afterEach(async ({ browser }) => {
  for (const context of browser.contexts()) await context.close()
  await Promise.all(peers.map((peer) => peer.kill()))
  peers = []
})

test.afterAll(async () => lab.close())

/** With all real headers but the last, which it returns. */
async function startPeer(gateways: Gateways): Promise<{ readonly peer: RoadPeer; readonly lastHeader: Buffer }> {
  const folder = gateways.folder()
  const headers = readFileSync(MAINNET)
  const file = join(folder, 'headers.bin')
  writeFileSync(file, headers.subarray(0, MAINNET_HEIGHT * HEADER_BYTES))
  runCommand('import', file, '--data', join(folder, 'data'))
  const peer = await startRoadPeer(join(folder, 'data'))
  peers.push(peer)
  return { peer, lastHeader: headers.subarray(MAINNET_HEIGHT * HEADER_BYTES) }
}

function someBlock(): { readonly cid: string; readonly bytes: Buffer; readonly sha256: string } {
  const bytes = randomBytes(BLOCK_BYTES)
  const digest = createHash('sha256').update(bytes).digest()
  const cid = formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest })
  return { cid, bytes, sha256: digest.toString('hex') }
}

/** Resolves, with how long it took, when it is ready. */
function startTab(page: Page, options: Parameters<Window['start']>[0]): Promise<number> {
  return page.evaluate(async (given) => {
    const startedMs = performance.now()
    await window.start(given)
    await window.lightNode.ready({ signal: AbortSignal.timeout(60_000) })
    return Math.round(performance.now() - startedMs)
  }, options)
}

const heightOf = (page: Page): Promise<number> => page.evaluate(() => window.lightNode.head.height)
const transportsOf = (page: Page): Promise<readonly string[]> =>
  page.evaluate(() =>
    window.lightNode
      .snapshot()
      .peers.filter(({ state }) => state === 'ready')
      .map(({ transport }) => transport),
  )
const untilHeight = async (page: Page, height: number): Promise<void> =>
  void (await page.waitForFunction((wanted) => window.lightNode.head.height === wanted, height))

const fetchSha256 = (page: Page, cid: string): Promise<string> =>
  page.evaluate(async (wanted) => {
    const bytes = await window.lightNode.getBytes(wanted, { signal: AbortSignal.timeout(60_000) })
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  }, cid)

const putInto = (page: Page, { cid, bytes }: { readonly cid: string; readonly bytes: Buffer }): Promise<void> =>
  page.evaluate(
    ([name, base64]) =>
      window.lightNode.putBytes(
        name,
        Uint8Array.from(atob(base64), (each) => each.charCodeAt(0)),
      ),
    [cid, bytes.toString('base64')] as const,
  )

for (const [road, component] of ROADS) {
  test(`over ${road}: sync, a new head, a block each way, a goodbye, and a kill that is noticed`, async ({
    browser,
    gateways,
  }) => {
    const { peer, lastHeader } = await startPeer(gateways)
    const address = peer.addresses.find((each) => each.includes(component)) ?? ''
    const page = await lab.open(browser)
    const tookMs = await startTab(page, { peers: [address], transports: [road] })
    expect(await heightOf(page)).toBe(MAINNET_HEIGHT - 1)
    expect(await transportsOf(page)).toEqual([road])

    peer.tell(`submit ${lastHeader.toString('hex')}`)
    await untilHeight(page, MAINNET_HEIGHT)

    const [there, back] = [someBlock(), someBlock()]
    peer.tell(`put ${there.cid} ${there.bytes.toString('base64')}`)
    expect(await fetchSha256(page, there.cid)).toBe(there.sha256)
    await putInto(page, back)
    peer.tell(`get ${back.cid}`)
    expect(await peer.said('got')).toBe(back.sha256)

    const own = await page.evaluate(() => window.lightNode.peerId)
    const goodbyeMs = Date.now()
    await page.evaluate(() => window.lightNode.stop())
    expect(await peer.said('gone')).toBe(own)
    const goneMs = Date.now() - goodbyeMs

    const other = await lab.open(browser)
    await startTab(other, { peers: [address], transports: [road] })
    const killedMs = Date.now()
    await peer.kill()
    await other.waitForFunction(() => window.lightNode.snapshot().peers.every(({ state }) => state !== 'ready'))
    console.log(`${road}: synced in ${tookMs} ms, goodbye in ${goneMs} ms, kill seen in ${Date.now() - killedMs} ms`)
  })
}

test('two tabs that met through a relay go on without it: a new head and blocks, over WebRTC', async ({
  browser,
  gateways,
}) => {
  const { peer, lastHeader } = await startPeer(gateways)
  const relay = peer.addresses.find((each) => each.includes('/ws/')) ?? ''
  const [alice, bob] = [await lab.open(browser), await lab.open(browser)]
  const transports = ['websockets', 'webrtc'] as const
  await startTab(alice, { peers: [relay], transports })
  await alice.waitForFunction(() => window.lightNode.addresses.some((each) => each.includes('/webrtc/')))
  const address = await alice.evaluate(() => window.lightNode.addresses.find((each) => each.includes('/webrtc/')) ?? '')
  const tookMs = await startTab(bob, { peers: [address], transports })
  await bob.waitForFunction(() =>
    window.lightNode.snapshot().peers.some(({ transport, state }) => transport === 'webrtc' && state === 'ready'),
  )
  await peer.kill()
  await bob.waitForFunction(() => window.lightNode.snapshot().peers.every(({ transport }) => transport === 'webrtc'))
  expect(await heightOf(bob)).toBe(MAINNET_HEIGHT - 1)

  await alice.evaluate((bytes) => window.lightNode.submitHeaders(Uint8Array.from(bytes)), [...lastHeader])
  await untilHeight(bob, MAINNET_HEIGHT)
  const [there, back] = [someBlock(), someBlock()]
  await putInto(alice, there)
  expect(await fetchSha256(bob, there.cid)).toBe(there.sha256)
  await putInto(bob, back)
  expect(await fetchSha256(alice, back.cid)).toBe(back.sha256)
  expect(await transportsOf(bob)).toEqual(['webrtc'])
  console.log(`webrtc: synced in ${tookMs} ms`)
})
