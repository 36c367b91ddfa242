import type { HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import type { Persisted, PersistFailed } from './event.ts'
import { HEADERS_PER_LOAD, PERSIST_RETRY_MS, PERSISTS_IN_FLIGHT_MAX } from './limits.ts'

/**
 * Keeps the store in step with the best chain: at most two writes under way, each as long as what has gathered.
 * Once every write under way is durable, the store holds the best chain's first `issuedCount` headers, and of those above a gap
 * the ones below `upperEndHeight`. These are the upper part, which is dropped when all of the chain is stored below.
 */
export class StoreWriter {
  readonly #tree: HeaderTree
  readonly #effects: Effect[]
  #isEnabled = false
  #issuedCount = 0
  #storedCount = 0
  /** 0 where there is no upper part. */
  #upperEndHeight = 0
  #nextSequence = 1
  #pausedUntilMs: number | undefined
  /** Bounded by PERSISTS_IN_FLIGHT_MAX, but for what is written at the end. */
  #inFlight: { sequence: number; isUpper: boolean; fromHeight: number; endHeight: number }[] = []

  constructor(options: { tree: HeaderTree; effects: Effect[] }) {
    this.#tree = options.tree
    this.#effects = options.effects
  }

  /** Headers of the best chain that are known to be durable. */
  get storedCount(): number {
    return this.#storedCount
  }

  /** The store may be written. */
  enable(nowMs: number): void {
    this.#isEnabled = true
    this.pump(nowMs)
  }

  /** `matchingCount` leading headers of the store are the best chain's. */
  matched(matchingCount: number): void {
    this.#issuedCount = matchingCount
    this.#storedCount = matchingCount
  }

  /** The store's upper part is the best chain's below this height; 0 where there is no upper part. */
  matchedUpper(endHeight: number): void {
    this.#upperEndHeight = endHeight
  }

  /** The best chain is the same as before up to and with `commonHeight`. */
  headChanged(commonHeight: number): void {
    this.#issuedCount = Math.min(this.#issuedCount, commonHeight + 1)
    // Below the gap headers come and go by themselves.
    if (commonHeight > (this.#tree.gap?.toHeight ?? Infinity)) {
      this.#upperEndHeight = Math.min(this.#upperEndHeight, commonHeight + 1)
    }
  }

  pump(nowMs: number): void {
    if (!this.#isEnabled || (this.#pausedUntilMs !== undefined && nowMs < this.#pausedUntilMs)) return
    this.#pausedUntilMs = undefined
    this.#issue(PERSISTS_IN_FLIGHT_MAX)
  }

  #issue(inFlightMax: number): void {
    const { gap, tip } = this.#tree
    const tipEndHeight = tip.height + 1
    const hasRoom = (): boolean => this.#inFlight.length < inFlightMax
    if (gap !== undefined) {
      const baseHeight = gap.toHeight + 1
      this.#upperEndHeight = Math.max(this.#upperEndHeight, baseHeight)
      while (hasRoom() && this.#upperEndHeight < tipEndHeight) {
        this.#upperEndHeight = this.#write(this.#upperEndHeight, tipEndHeight, baseHeight)
      }
    }
    const endHeight = gap?.fromHeight ?? tipEndHeight
    while (hasRoom() && this.#issuedCount < endHeight) this.#issuedCount = this.#write(this.#issuedCount, endHeight)
    // The upper part goes when all that it holds is durable below, not before.
    const isDone = gap === undefined && this.#upperEndHeight > 0 && this.#inFlight.length === 0
    if (isDone) this.#upperEndHeight = this.#write(0, 0, 0)
  }

  /**
   * Writes what lies from `fromHeight` on and below `endHeightMax`, one load at most. A write to the upper part says at which
   * `baseHeight` that part begins. Returns the height that the write ends below.
   */
  #write(fromHeight: number, endHeightMax: number, baseHeight?: number): number {
    const endHeight = Math.min(fromHeight + HEADERS_PER_LOAD, endHeightMax)
    const isUpper = baseHeight !== undefined
    const sequence = this.#nextSequence++
    this.#effects.push({
      type: 'persist',
      sequence,
      ...(isUpper && { isUpper }),
      truncateTo: fromHeight - (baseHeight ?? 0),
      append: this.#tree.range({ fromHeight, count: endHeight - fromHeight }),
      work: this.#tree.summary(endHeight - 1)?.work ?? 0n,
    })
    this.#inFlight.push({ sequence, isUpper, fromHeight, endHeight })
    return endHeight
  }

  persisted(event: Persisted, nowMs: number): void {
    const done = this.#inFlight.filter(({ sequence }) => sequence <= event.sequence)
    if (done.length === 0) return
    this.#inFlight = this.#inFlight.filter(({ sequence }) => sequence > event.sequence)
    this.#storedCount = done.findLast(({ isUpper }) => !isUpper)?.endHeight ?? this.#storedCount
    this.pump(nowMs)
  }

  /** What was under way did not arrive: all of it is written again, from the lowest height that any of it touched. */
  persistFailed(event: PersistFailed, nowMs: number): void {
    if (!this.#inFlight.some(({ sequence }) => sequence === event.sequence)) return
    for (const { isUpper, fromHeight } of this.#inFlight) {
      // Never 0: there may be an upper part by now.
      if (isUpper) this.#upperEndHeight = Math.max(1, Math.min(this.#upperEndHeight, fromHeight))
      else this.#issuedCount = Math.min(this.#issuedCount, fromHeight)
    }
    this.#inFlight = []
    this.#pausedUntilMs = nowMs + PERSIST_RETRY_MS
    if (event.reason === 'lost-lock') this.#isEnabled = false
    const code = event.reason === 'quota-exceeded' ? 'quota-exceeded' : 'store-write-failed'
    this.#effects.push({ type: 'warning', code, detail: event.detail })
  }

  nextTimeout(): number | undefined {
    return this.#isEnabled ? this.#pausedUntilMs : undefined
  }

  shift(byMs: number): void {
    if (this.#pausedUntilMs !== undefined) this.#pausedUntilMs += byMs
  }

  /** What is verified and not written yet is written now, so that a clean stop loses nothing. */
  stop(): void {
    if (this.#isEnabled && this.#pausedUntilMs === undefined) this.#issue(Infinity)
    this.#isEnabled = false
  }
}
