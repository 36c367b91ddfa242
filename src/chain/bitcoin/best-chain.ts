/** Height to row on the best chain, in chunks that never move. Starts empty; the tree puts genesis in first. */
const CHUNK_HEIGHTS = 4_096
const CHUNK_SHIFT = 12
const CHUNK_MASK: number = CHUNK_HEIGHTS - 1

export class BestChain {
  readonly #chunks: Uint32Array[] = []
  #tipHeight = -1

  /** -1 when empty. */
  get tipHeight(): number {
    return this.#tipHeight
  }

  get sizeBytes(): number {
    return this.#chunks.length * CHUNK_HEIGHTS * 4
  }

  /** The row at a height from 0 to the tip's; -1 beyond. */
  rowAt(height: number): number {
    if (height < 0 || height > this.#tipHeight) return -1
    return this.#chunks[height >>> CHUNK_SHIFT]?.[height & CHUNK_MASK] ?? -1
  }

  /** The next row after the tip. */
  append(row: number): void {
    this.#tipHeight += 1
    const chunkIndex = this.#tipHeight >>> CHUNK_SHIFT
    const chunk = this.#chunks[chunkIndex] ?? new Uint32Array(CHUNK_HEIGHTS)
    this.#chunks[chunkIndex] = chunk
    chunk[this.#tipHeight & CHUNK_MASK] = row
  }

  /** Drops everything above a height. */
  truncate(tipHeight: number): void {
    this.#tipHeight = Math.min(this.#tipHeight, tipHeight)
  }
}
