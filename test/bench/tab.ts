/**
 * From a gateway to its page in Chromium over the best road, verified and stored in IndexedDB, beside a raw stream of the
 * same bytes over the same road, and one that is kept in IndexedDB too; how the page answers meanwhile; what a restart takes;
 * and memory. The page is the built one.
 */
import type { Browser } from '@playwright/test'
import { buildIfNeeded } from '../../scripts/build-steps.ts'
import { figure, median, medians, type Figure } from './exchange/figures.ts'
import { HEADER_COUNT, withGateway } from './headers/made-once.ts'
import { report, ROUNDS } from './headers/rounds.ts'
import { inNewProcess } from './headers/new-process.ts'
import {
  memoryBytes,
  newVisitor,
  restartTab,
  serveRawPage,
  syncTab,
  watchMainThread,
  withChromium,
} from './headers/tab.ts'

const HEADER_BYTES = 80
const TOTAL_BYTES: number = HEADER_COUNT * HEADER_BYTES
const SYNC_MS_MAX = 10_000
const RAW_TIMES_MAX = 1.5
const TASK_MS_MAX = 50
const CLICK_MS_MAX = 100
const SHOWN_MS_MAX = 2_000
const BYTES_PER_HEADER_MAX = 140

buildIfNeeded()
const rounds: Record<string, number>[] = []
let transport = 'none'

await withGateway(async ({ url }) => {
  await inNewProcess(async (server) => {
    const listen = ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/udp/0/quic-v1/webtransport']
    const addresses = await server.call('serveRaw', { totalBytes: TOTAL_BYTES, listen })
    const rawPage = await serveRawPage()
    await withChromium(async (browser) => {
      for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measure(browser, url, rawPage.url, addresses))
    })
    await rawPage.close()
  })
})

async function measure(
  browser: Browser,
  url: string,
  rawUrl: string,
  addresses: readonly string[],
): Promise<Record<string, number>> {
  const visitor = await newVisitor(browser)
  const page = await visitor.newPage()
  const syncThread = await watchMainThread(page)
  const sync = await syncTab(page, url, HEADER_COUNT)
  const syncThreadMs = await syncThread()
  transport = sync.transport
  const heldBytes = await memoryBytes(page)
  const restart = await restartTab(page, HEADER_COUNT - 1)
  if (restart.trust !== 'stored') throw new Error(`expected trust stored, got ${restart.trust}`)
  await visitor.close()

  const address =
    addresses.find((each) => each.includes(transport === 'webtransport' ? '/webtransport/' : '/ws/')) ?? ''
  const raw = await readRaw(browser, rawUrl, address, false)
  const storedRaw = await readRaw(browser, rawUrl, address, true)
  return {
    'stored ms': sync.storedMs,
    'from the connection on, ms': sync.syncMs,
    'raw stream ms': raw.tookMs,
    'raw stream kept unverified, ms': storedRaw.tookMs,
    times: sync.syncMs / raw.tookMs,
    'times the raw stream kept unverified': sync.syncMs / storedRaw.tookMs,
    'its main thread, ms': syncThreadMs,
    'that of the raw stream, ms': raw.threadMs,
    'longest task ms': sync.longestTaskMs,
    'before the first header, ms': sync.longestStartTaskMs,
    'slowest click ms': sync.slowestClickMs,
    'shown ms': restart.shownMs,
    'verified again ms': restart.verifiedMs,
    'bytes a header': (heldBytes - raw.heldBytes) / HEADER_COUNT,
  }
}

/** In a tab of its own that was never here. */
async function readRaw(
  browser: Browser,
  url: string,
  address: string,
  isStored: boolean,
): Promise<{ readonly tookMs: number; readonly threadMs: number; readonly heldBytes: number }> {
  const visitor = await newVisitor(browser)
  const page = await visitor.newPage()
  const thread = await watchMainThread(page)
  await page.goto(url)
  await page.waitForFunction(() => 'readRaw' in window)
  const args = [address, TOTAL_BYTES, isStored] as const
  const tookMs = await page.evaluate(([to, bytes, stored]) => window.readRaw(to, bytes, stored), args)
  const threadMs = await thread()
  const heldBytes = await memoryBytes(page)
  await visitor.close()
  return { tookMs, threadMs, heldBytes }
}

function held(name: string, of: string, unit: string, atMost: number, beside: readonly string[] = []): Figure {
  const values = medians(rounds.map((round) => Object.fromEntries(beside.map((each) => [each, round[each] ?? NaN]))))
  const result = median(rounds.map((round) => round[of] ?? NaN))
  return figure({
    name,
    values,
    result,
    unit,
    goal: { atMost },
    rounds: rounds.map((round) => ({ [of]: round[of] ?? NaN })),
  })
}

report('tab', [
  held(`gateway to tab over ${transport}`, 'stored ms', 'ms', SYNC_MS_MAX, ['from the connection on, ms']),
  held('… beside a raw stream', 'times', 'times as long', RAW_TIMES_MAX, [
    'raw stream ms',
    'raw stream kept unverified, ms',
    'times the raw stream kept unverified',
    'its main thread, ms',
    'that of the raw stream, ms',
  ]),
  held('… longest task', 'longest task ms', 'ms', TASK_MS_MAX, ['before the first header, ms']),
  held('… slowest of 20 clicks', 'slowest click ms', 'ms', CLICK_MS_MAX),
  held('restart in a tab', 'shown ms', 'ms', SHOWN_MS_MAX, ['verified again ms']),
  held('memory in a tab', 'bytes a header', 'bytes a header', BYTES_PER_HEADER_MAX),
])
