/** A run of consecutive headers as one commit wrote them. */
export interface Segment {
  readonly fromHeight: number
  readonly count: number
  /** Where the first header's bytes lie in the file. */
  readonly offset: number
  /** Chain work up to the last header; undefined where a later commit cut the run short. */
  readonly work: bigint | undefined
}

/**
 * Where in an append-only file each header of the best chain lies.
 * 1. Segments follow one another by height, without gap or overlap, from height 0.
 * 2. Their offsets grow with their heights: what is higher was written later.
 * Bounded by compaction: see `file.nodejs.ts`.
 */
export class Segments {
  readonly #segments: Segment[] = []

  get count(): number {
    return this.#segments.length
  }

  get headerCount(): number {
    const last = this.#segments.at(-1)
    return last === undefined ? 0 : last.fromHeight + last.count
  }

  /** Keeps the first `truncateTo` headers, then adds `count` that lie at `offset`. `work` is up to the last header afterwards. */
  apply(commit: {
    readonly truncateTo: number
    readonly count: number
    readonly offset: number
    readonly work: bigint
  }): void {
    this.#truncate(commit.truncateTo)
    if (commit.count > 0) {
      const { count, offset, work } = commit
      this.#segments.push({ fromHeight: commit.truncateTo, count, offset, work })
    } else {
      const last = this.#segments.pop()
      if (last !== undefined) this.#segments.push({ ...last, work: commit.work })
    }
  }

  /** The parts that hold `count` headers from `fromHeight`, in order; fewer at the end. */
  *between(fromHeight: number, count: number): Generator<Segment> {
    const endHeight = Math.min(fromHeight + count, this.headerCount)
    if (fromHeight >= endHeight) return
    for (let index = this.#indexOf(fromHeight); index < this.#segments.length; index += 1) {
      const segment = this.#segments[index]
      if (segment === undefined || segment.fromHeight >= endHeight) return
      yield segment
    }
  }

  #truncate(headerCount: number): void {
    while (this.headerCount > headerCount) {
      const last = this.#segments.pop()
      if (last === undefined || last.fromHeight >= headerCount) continue
      this.#segments.push({ ...last, count: headerCount - last.fromHeight, work: undefined })
    }
  }

  /** Of the last segment that starts at or below `height`. */
  #indexOf(height: number): number {
    let low = 0
    let high = this.#segments.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      const segment = this.#segments[middle]
      if (segment !== undefined && segment.fromHeight <= height) low = middle
      else high = middle - 1
    }
    return low
  }
}
