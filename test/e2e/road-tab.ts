/** What the road tests do with a page of the lab. */
import type { Page } from '@playwright/test'
import { createHash, randomBytes } from 'node:crypto'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../src/wire/cid.ts'

/** From a tab to a gateway, and what its addresses contain. */
export const ROADS = [
  ['websockets', '/ws/'],
  ['webrtc-direct', '/webrtc-direct/'],
  ['webtransport', '/webtransport/'],
] as const

export type TabOptions = Parameters<Window['start']>[0]

const BLOCK_BYTES: number = 1024 * 1024

export interface SomeBlock {
  readonly cid: string
  readonly bytes: Buffer
  readonly sha256: string
}

/** 1 MiB that nobody has yet. */
export function someBlock(): SomeBlock {
  const bytes = randomBytes(BLOCK_BYTES)
  const digest = createHash('sha256').update(bytes).digest()
  const cid = formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest })
  return { cid, bytes, sha256: digest.toString('hex') }
}

export function addressOver(component: string, addresses: readonly string[]): string {
  const address = addresses.find((each) => each.includes(component) && !each.includes('/p2p-circuit'))
  if (address === undefined) throw new Error(`expected an address with ${component}, got ${addresses.join(', ')}`)
  return address
}

/** Resolves, with how long it took, when it is ready. */
export function startTab(page: Page, options: TabOptions): Promise<number> {
  return page.evaluate(async (given) => {
    const startedMs = performance.now()
    await window.start(given)
    await window.lightNode.ready({ signal: AbortSignal.timeout(60_000) })
    return Math.round(performance.now() - startedMs)
  }, options)
}

export const peerIdOf = (page: Page): Promise<string> => page.evaluate(() => window.lightNode.peerId)

export const heightOf = (page: Page): Promise<number> => page.evaluate(() => window.lightNode.head.height)

export const transportsOf = (page: Page): Promise<readonly string[]> =>
  page.evaluate(() =>
    window.lightNode
      .snapshot()
      .peers.filter(({ state }) => state === 'ready')
      .map(({ transport }) => transport),
  )

export async function untilHeight(page: Page, height: number): Promise<void> {
  // A hidden page draws no frames, by which Playwright would look again.
  await page.waitForFunction((wanted) => window.lightNode.head.height === wanted, height, { polling: 20 })
}

export async function untilReadyOver(page: Page, transport: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => window.lightNode.snapshot().peers.some((peer) => peer.transport === wanted && peer.state === 'ready'),
    transport,
  )
}

export async function untilAlone(page: Page): Promise<void> {
  await page.waitForFunction(() => window.lightNode.snapshot().peers.every(({ state }) => state !== 'ready'))
}

/** Where others reach this tab, once a relay has a place for it. */
export async function webRtcAddressOf(page: Page): Promise<string> {
  const handle = await page.waitForFunction(() => window.lightNode.addresses.find((each) => each.includes('/webrtc/')))
  return (await handle.jsonValue()) ?? ''
}

export const fetchSha256 = (page: Page, cid: string): Promise<string> =>
  page.evaluate(async (wanted) => {
    const bytes = await window.lightNode.getBytes(wanted, { signal: AbortSignal.timeout(60_000) })
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  }, cid)

export const putInto = (page: Page, { cid, bytes }: SomeBlock): Promise<void> =>
  page.evaluate(
    ([name, base64]) =>
      window.lightNode.putBytes(
        name,
        Uint8Array.from(atob(base64), (each) => each.charCodeAt(0)),
      ),
    [cid, bytes.toString('base64')] as const,
  )
