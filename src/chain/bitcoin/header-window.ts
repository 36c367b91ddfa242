import { RETARGET_PERIOD_HEADERS } from './networks.ts'

/**
 * Times and bits of the last headers of one branch: all that the rules need of a header's ancestors.
 * Bounded: 2,048 entries, enough for the first header of the period that just ended (2,016 back).
 * 1. Entries `lowHeight` … `tipHeight` are held, without a gap.
 */
export class HeaderWindow {
  readonly #times = new Uint32Array(CAPACITY)
  readonly #bits = new Uint32Array(CAPACITY)
  readonly #loadEarlier: (() => boolean) | undefined
  #lowHeight = 0
  #tipHeight = -1
  /** The tip when `lastRealBits` was last asked for, and what it said; -1 for never. */
  #walkedHeight = -1
  #realBits = 0

  /** `loadEarlier` prepends the header before `lowHeight` and says whether it could; without it nothing earlier is known. */
  constructor(loadEarlier?: () => boolean) {
    this.#loadEarlier = loadEarlier
  }

  /** Height of the last header; one below the first to come when the window is empty. */
  get tipHeight(): number {
    return this.#tipHeight
  }

  /** Empties it; the next header to be appended has height `nextHeight`. */
  reset(nextHeight: number): void {
    this.#lowHeight = nextHeight
    this.#tipHeight = nextHeight - 1
    this.#walkedHeight = -1
  }

  append(time: number, bits: number): void {
    this.#tipHeight += 1
    this.#times[this.#tipHeight & MASK] = time
    this.#bits[this.#tipHeight & MASK] = bits
    if (this.#tipHeight - this.#lowHeight === CAPACITY) this.#lowHeight += 1
  }

  prepend(time: number, bits: number): void {
    this.#lowHeight -= 1
    this.#times[this.#lowHeight & MASK] = time
    this.#bits[this.#lowHeight & MASK] = bits
  }

  /** Whether headers from `height` to the tip are known, after loading what can be loaded. At most 2,047 below the tip. */
  reaches(height: number): boolean {
    while (this.#lowHeight > height) {
      if (this.#loadEarlier?.() !== true) return false
    }
    return this.#tipHeight >= this.#lowHeight
  }

  /** Only of heights that the window was found to reach. */
  timeAt(height: number): number {
    return this.#times[height & MASK] ?? 0
  }

  /** Only of heights that the window was found to reach. */
  bitsAt(height: number): number {
    return this.#bits[height & MASK] ?? 0
  }

  /**
   * Bits of the last header of the tip's period that has others than `easiest`, those of the period's first header at the
   * latest; `undefined` where the window ends before. Walks back no further than to where it was asked the last time.
   */
  lastRealBits(easiest: number): number | undefined {
    for (let height = this.#tipHeight; height !== this.#walkedHeight; height -= 1) {
      if (!this.reaches(height)) return undefined
      const bits = this.bitsAt(height)
      if (bits === easiest && height % RETARGET_PERIOD_HEADERS !== 0) continue
      this.#realBits = bits
      break
    }
    this.#walkedHeight = this.#tipHeight
    return this.#realBits
  }
}

const CAPACITY = 2_048
const MASK: number = CAPACITY - 1
