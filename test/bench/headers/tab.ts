/** A Chromium of the bench's own, and what its tabs are measured with. */
import { chromium, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { setTimeout } from 'node:timers/promises'
import type { Snapshot } from '../../../src/driver/api.ts'
import { CHROMIUM_FLAGS, findChromiumOrExit } from '../../find-chromium.ts'
import { servePage, type ServedPage } from '../../serve-page.ts'

declare global {
  interface Window {
    /** Each task that held the main thread for more than 50 ms. */
    longTasks: { readonly startMs: number; readonly tookMs: number }[]
    /** From each click to the frame after it. */
    clickMs: number[]
  }
}

const CLICK_COUNT = 20
const CLICK_EVERY_MS = 100
export async function withChromium(use: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await chromium.launch({ executablePath: findChromiumOrExit(), args: [...CHROMIUM_FLAGS] })
  try {
    await use(browser)
  } finally {
    await browser.close()
  }
}

/** A visitor who was never here: nothing is stored. Long tasks and clicks are counted from the first line of the page on. */
export async function newVisitor(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext()
  await context.addInitScript(() => {
    window.longTasks = []
    window.clickMs = []
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) {
        window.longTasks.push({ startMs: startTime, tookMs: duration })
      }
    }).observe({ type: 'longtask', buffered: true })
    addEventListener('click', ({ timeStamp }) => {
      requestAnimationFrame(() => {
        // After the frame that the click led to.
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => window.clickMs.push(performance.now() - timeStamp)
        port2.postMessage(undefined)
      })
    })
  })
  return context
}

export interface TabSync {
  /** From the beginning of the visit until everything was in IndexedDB. */
  readonly storedMs: number
  /** The same from the moment when the gateway was a ready peer. */
  readonly syncMs: number
  readonly transport: string
  /** Of those that began before the first header was verified: the page's own start. 0 when there was none. */
  readonly longestStartTaskMs: number
  /** Of the others, likewise. */
  readonly longestTaskMs: number
  readonly slowestClickMs: number
}

/** Opens the gateway's page and clicks on it while it syncs. */
export async function syncTab(page: Page, url: string, headerCount: number): Promise<TabSync> {
  await page.goto(url)
  await page.waitForFunction(() => window.rushlight !== undefined)
  const stored = page.evaluate(async (count) => {
    const lightNode = window.rushlight
    if (lightNode === undefined) throw new Error('expected a light node')
    let [syncStartMs, readyMs]: (number | undefined)[] = []
    return new Promise<{ readonly storedMs: number; readonly syncMs: number; readonly syncStartMs: number }>(
      (resolve) => {
        const look = (): void => {
          const { progress, store, peers } = lightNode.snapshot()
          const nowMs = performance.now()
          if (peers.some(({ state }) => state === 'ready')) readyMs ??= nowMs
          if (progress.verified > 0) syncStartMs ??= nowMs
          const syncMs = nowMs - (readyMs ?? 0)
          if (store.headerCount === count) resolve({ storedMs: nowMs, syncMs, syncStartMs: syncStartMs ?? 0 })
        }
        lightNode.subscribe(look)
        look()
      },
    )
  }, headerCount)
  for (let click = 0; click < CLICK_COUNT; click += 1) {
    await page.mouse.click(5, 5)
    await setTimeout(CLICK_EVERY_MS)
  }
  return page.evaluate(
    ({ storedMs, syncMs, syncStartMs }) => {
      const snapshot: Snapshot | undefined = window.rushlight?.snapshot()
      const longest = (isMeant: (startMs: number) => boolean): number =>
        Math.max(0, ...window.longTasks.flatMap(({ startMs, tookMs }) => (isMeant(startMs) ? [tookMs] : [])))
      return {
        storedMs,
        syncMs,
        transport: snapshot?.peers.find(({ state }) => state === 'ready')?.transport ?? 'none',
        longestStartTaskMs: longest((startMs) => startMs < syncStartMs),
        longestTaskMs: longest((startMs) => startMs >= syncStartMs),
        slowestClickMs: Math.max(...window.clickMs),
      }
    },
    await stored,
  )
}

/** Milliseconds from the beginning of the visit until the page shows this height, with what trust, and until it is verified again. */
export async function restartTab(
  page: Page,
  height: number,
): Promise<{ readonly shownMs: number; readonly trust: string; readonly verifiedMs: number }> {
  await page.reload()
  return page.evaluate(async (wanted) => {
    const shown = (): boolean => {
      const element = document.querySelector('rushlight-head')?.shadowRoot?.querySelector('#height')
      return element?.textContent?.replaceAll(/\D/g, '') === String(wanted)
    }
    while (!shown()) await new Promise((resolve) => requestAnimationFrame(resolve))
    const shownMs = performance.now()
    const trust = window.rushlight?.head.trust ?? 'none'
    while (window.rushlight?.head.trust === 'stored') await new Promise((resolve) => requestAnimationFrame(resolve))
    return { shownMs, trust, verifiedMs: performance.now() }
  }, height)
}

/** To be called before the page loads. The function gives the processor time of its main thread since then, in milliseconds. */
export async function watchMainThread(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    return 1_000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN)
  }
}

/** Bytes that the page's JavaScript holds, array buffers too, when garbage is collected. */
export async function memoryBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize, backingStorageSize = 0 } = (await session.send('Runtime.getHeapUsage')) as {
    readonly usedSize: number
    readonly backingStorageSize?: number
  }
  await session.detach()
  return usedSize + backingStorageSize
}

/** A page with a `readRaw`. */
export function serveRawPage(): Promise<ServedPage> {
  return servePage({ file: 'test/bench/headers/raw-page.ts' })
}
