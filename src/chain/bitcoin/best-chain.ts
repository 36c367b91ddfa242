import type { Gap } from '../../core/chain.ts'

/** Height to row on the best chain, in chunks that never move. Starts empty; the tree puts genesis in first. */
const CHUNK_HEIGHTS = 4_096
const CHUNK_SHIFT = 12
const CHUNK_MASK: number = CHUNK_HEIGHTS - 1

/** While a back-fill is under way the chain has a gap: it goes from genesis to `lowTipHeight`, and from `baseHeight` to the tip. */
export class BestChain {
  /** None in the gap. */
  readonly #chunks: (Uint32Array | undefined)[] = []
  #chunkCount = 0
  #tipHeight = -1
  #lowTipHeight = -1
  /** 0 without a gap. */
  #baseHeight = 0

  /** -1 when empty. */
  get tipHeight(): number {
    return this.#tipHeight
  }

  /** Where the headers from genesis on end; the tip's where there is no gap. */
  get lowTipHeight(): number {
    return this.#baseHeight === 0 ? this.#tipHeight : this.#lowTipHeight
  }

  /** The first height above the gap; 0 where there is none. */
  get baseHeight(): number {
    return this.#baseHeight
  }

  get gap(): Gap | undefined {
    if (this.#baseHeight === 0) return undefined
    return { fromHeight: this.#lowTipHeight + 1, toHeight: this.#baseHeight - 1 }
  }

  get sizeBytes(): number {
    return this.#chunkCount * CHUNK_HEIGHTS * 4
  }

  /** The row at a height from 0 to the tip's; -1 beyond and in the gap. */
  rowAt(height: number): number {
    if (height < 0 || height > this.#tipHeight) return -1
    if (height < this.#baseHeight && height > this.#lowTipHeight) return -1
    return this.#chunks[height >>> CHUNK_SHIFT]?.[height & CHUNK_MASK] ?? -1
  }

  /** The next row after the tip. */
  append(row: number): void {
    this.#tipHeight += 1
    this.#put(this.#tipHeight, row)
  }

  /** Drops everything above a height, which is none below the gap. */
  truncate(tipHeight: number): void {
    this.#tipHeight = Math.min(this.#tipHeight, tipHeight)
  }

  /** Leaves a gap up to this height, where the row is the new tip. Not to be called while there is a gap. */
  startAt(height: number, row: number): void {
    this.#lowTipHeight = this.#tipHeight
    this.#baseHeight = height
    this.#tipHeight = height - 1
    this.append(row)
  }

  /** The next row below the gap. */
  appendLow(row: number): void {
    this.#lowTipHeight += 1
    this.#put(this.#lowTipHeight, row)
  }

  /** Drops everything below the gap and above a height. */
  truncateLow(height: number): void {
    this.#lowTipHeight = Math.min(this.#lowTipHeight, height)
  }

  /** The last height below the gap is the one before its other end. */
  close(): void {
    this.#baseHeight = 0
  }

  /** Drops what is above the gap. */
  dropAbove(): void {
    this.#tipHeight = this.#lowTipHeight
    this.#baseHeight = 0
  }

  #put(height: number, row: number): void {
    const index = height >>> CHUNK_SHIFT
    let chunk = this.#chunks[index]
    if (chunk === undefined) {
      this.#chunks[index] = chunk = new Uint32Array(CHUNK_HEIGHTS)
      this.#chunkCount += 1
    }
    chunk[height & CHUNK_MASK] = row
  }
}
