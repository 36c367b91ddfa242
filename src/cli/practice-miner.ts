import { mineHeader, type Gateway, type Log } from '../nodejs.ts'

/** DESIGN, "--dev": one retarget period at once, so that there is something to sync. */
const FIRST_HEADER_COUNT = 2_016
/** Bitcoin's pace, so that the practice chain's past looks like a chain's. */
const FIRST_HEADER_SPACING_SECONDS = 600
/** Bitcoin Core, validation.cpp, MedianTimePast: a header's time is above the median of this many. */
const MEDIAN_TIME_SPAN = 11
const REORG_DEPTH = 2

export interface PracticeMinerOptions {
  readonly gateway: Pick<Gateway, 'head' | 'snapshot' | 'getHeader' | 'submitHeaders' | 'subscribe'>
  readonly intervalMs: number
  /** Every so many headers the last two are replaced by three; undefined for never. */
  readonly reorgEvery: number | undefined
  readonly log: Log
  readonly nowUnixMs: () => number
}

/** Mines on the gateway's head until it is stopped; begins when the stored headers are verified again. */
export class PracticeMiner {
  readonly #options: PracticeMinerOptions
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: (() => void) | undefined
  #stopped = false
  #minedCount = 0

  constructor(options: PracticeMinerOptions) {
    this.#options = options
    this.#unsubscribe = options.gateway.subscribe(() => this.#beginWhenVerified())
    this.#beginWhenVerified()
  }

  stop(): void {
    this.#stopped = true
    this.#unsubscribe?.()
    clearTimeout(this.#timer)
  }

  #beginWhenVerified(): void {
    const { gateway } = this.#options
    if (this.#unsubscribe === undefined || this.#stopped) return
    if (gateway.snapshot().status === 'starting' || gateway.head.trust === 'stored') return
    this.#unsubscribe()
    this.#unsubscribe = undefined
    if (gateway.head.height === 0) this.#take(this.#mineFirst())
    this.#wait()
  }

  #wait(): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#take(this.#mineNext())
      this.#wait()
    }, this.#options.intervalMs)
  }

  /** Hands over what was mined; a gateway that stops meanwhile is no failure. */
  #take(mining: Promise<Uint8Array>): void {
    mining.then(
      (headers) => {
        if (!this.#stopped) this.#options.gateway.submitHeaders(headers)
      },
      (error: unknown) => {
        if (!this.#stopped) this.#options.log('warning', { code: 'practice-miner-failed', detail: String(error) })
      },
    )
  }

  async #mineFirst(): Promise<Uint8Array> {
    const parent = await this.#header(0)
    const nowSeconds = Math.floor(this.#options.nowUnixMs() / 1_000)
    const times = Array.from(
      { length: FIRST_HEADER_COUNT },
      (_, index) => nowSeconds - (FIRST_HEADER_COUNT - 1 - index) * FIRST_HEADER_SPACING_SECONDS,
    )
    return mineRun({ parent: parent.bytes, times })
  }

  /** One header on the head, or three on its grandparent. */
  async #mineNext(): Promise<Uint8Array> {
    const { gateway, reorgEvery, nowUnixMs } = this.#options
    this.#minedCount += 1
    const tipHeight = gateway.head.height
    const isReorg = reorgEvery !== undefined && this.#minedCount % reorgEvery === 0 && tipHeight > REORG_DEPTH
    const parentHeight = isReorg ? tipHeight - REORG_DEPTH : tipHeight
    const heights = Array.from({ length: MEDIAN_TIME_SPAN }, (_, index) => parentHeight - index)
    const before = await Promise.all(heights.filter((height) => height >= 0).map((height) => this.#header(height)))
    const [parent] = before
    if (parent === undefined) throw new Error(`expected a header of height ${parentHeight}`)
    const times = nextTimes({
      before: before.map(({ time }) => time),
      nowSeconds: Math.floor(nowUnixMs() / 1_000),
      count: isReorg ? REORG_DEPTH + 1 : 1,
    })
    return mineRun({ parent: parent.bytes, times })
  }

  async #header(height: number): Promise<{ readonly bytes: Uint8Array; readonly time: number }> {
    const header = await this.#options.gateway.getHeader(height)
    if (header === undefined) throw new Error(`expected a header of height ${height}`)
    return header
  }
}

/** Times of `count` headers after those of `before` (newest first): now, or just above the median where blocks come fast. */
export function nextTimes(args: {
  readonly before: readonly number[]
  readonly nowSeconds: number
  readonly count: number
}): readonly number[] {
  const newestFirst = [...args.before]
  const times: number[] = []
  while (times.length < args.count) {
    const sorted = newestFirst.slice(0, MEDIAN_TIME_SPAN).sort((one, other) => one - other)
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0
    const time = Math.max(args.nowSeconds, median + 1)
    times.push(time)
    newestFirst.unshift(time)
  }
  return times
}

/** Headers of these times on `parent`, one after another; a random Merkle root keeps rivals apart. */
function mineRun(args: { readonly parent: Uint8Array; readonly times: readonly number[] }): Uint8Array {
  const headers: Uint8Array[] = []
  let parent = args.parent
  for (const time of args.times) {
    const merkleRoot = crypto.getRandomValues(new Uint8Array(32))
    parent = mineHeader({ parent, time, merkleRoot })
    headers.push(parent)
  }
  return new Uint8Array(Buffer.concat(headers))
}
