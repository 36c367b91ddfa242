import type { HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import type { Persisted, PersistFailed } from './event.ts'
import { HEADERS_PER_LOAD, PERSIST_RETRY_MS, PERSISTS_IN_FLIGHT_MAX } from './limits.ts'

/**
 * Keeps the store in step with the best chain: at most two writes under way, each as long as what has gathered.
 * `issuedCount` leading headers of the best chain are in the store once every write under way is durable.
 */
export class StoreWriter {
  readonly #tree: HeaderTree
  readonly #effects: Effect[]
  #isEnabled = false
  #issuedCount = 0
  #storedCount = 0
  #nextSequence = 1
  #pausedUntilMs: number | undefined
  /** Bounded by PERSISTS_IN_FLIGHT_MAX, but for what is written at the end. */
  #inFlight: { sequence: number; truncateTo: number; headerCount: number }[] = []

  constructor(options: { tree: HeaderTree; effects: Effect[] }) {
    this.#tree = options.tree
    this.#effects = options.effects
  }

  /** Headers of the best chain that are known to be durable. */
  get storedCount(): number {
    return this.#storedCount
  }

  /** `matchingCount` leading headers of the store are the best chain's. */
  enable(matchingCount: number, nowMs: number): void {
    this.#isEnabled = true
    this.#issuedCount = matchingCount
    this.#storedCount = matchingCount
    this.pump(nowMs)
  }

  /** For a store that is only read: so many of its headers were found good. */
  matched(matchingCount: number): void {
    this.#storedCount = matchingCount
  }

  /** The best chain is the same as before up to and with `commonHeight`. */
  headChanged(commonHeight: number): void {
    this.#issuedCount = Math.min(this.#issuedCount, commonHeight + 1)
  }

  pump(nowMs: number): void {
    if (!this.#isEnabled || (this.#pausedUntilMs !== undefined && nowMs < this.#pausedUntilMs)) return
    this.#pausedUntilMs = undefined
    this.#issue(PERSISTS_IN_FLIGHT_MAX)
  }

  #issue(inFlightMax: number): void {
    // What is above a gap is written when the gap is closed: until then it is fetched again after a restart, in one answer or few.
    const lastHeight = (this.#tree.gap?.fromHeight ?? this.#tree.tip.height + 1) - 1
    while (this.#inFlight.length < inFlightMax && this.#issuedCount <= lastHeight) {
      const truncateTo = this.#issuedCount
      const headerCount = Math.min(truncateTo + HEADERS_PER_LOAD, lastHeight + 1)
      const last = this.#tree.summary(headerCount - 1)
      const sequence = this.#nextSequence++
      this.#effects.push({
        type: 'persist',
        sequence,
        truncateTo,
        append: this.#tree.range({ fromHeight: truncateTo, count: headerCount - truncateTo }),
        work: last?.work ?? 0n,
      })
      this.#inFlight.push({ sequence, truncateTo, headerCount })
      this.#issuedCount = headerCount
    }
  }

  persisted(event: Persisted, nowMs: number): void {
    const done = this.#inFlight.filter(({ sequence }) => sequence <= event.sequence)
    if (done.length === 0) return
    this.#inFlight = this.#inFlight.filter(({ sequence }) => sequence > event.sequence)
    this.#storedCount = done.at(-1)?.headerCount ?? this.#storedCount
    this.pump(nowMs)
  }

  /** What was under way did not arrive: all of it is written again, from the lowest height that any of it touched. */
  persistFailed(event: PersistFailed, nowMs: number): void {
    if (!this.#inFlight.some(({ sequence }) => sequence === event.sequence)) return
    for (const { truncateTo } of this.#inFlight) this.#issuedCount = Math.min(this.#issuedCount, truncateTo)
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
