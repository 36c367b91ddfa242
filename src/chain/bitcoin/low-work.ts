import type { Checkpoint } from '../../core/chain.ts'
import type { Root } from '../../core/ids.ts'

/**
 * How far a chain may grow before it has shown work: low-work floods are bounded by memory, not by belief. With less work
 * than the minimum no branch goes further than `headerCountMax` headers above the highest checkpoint that the tree holds, or
 * than the next one where that is further.
 * DIFF FROM SPEC: those on the best chain are counted beside the side rows, not among them. A flood that came first, with
 * more work than the honest chain has at its beginning, would leave that no room to show what it has.
 */
export class LowWorkBound {
  readonly #minimumChainWork: bigint
  readonly #checkpoints: readonly Checkpoint[]
  readonly #headerCountMax: number
  readonly #has: (root: Root) => boolean
  /** Of the highest checkpoint that the tree was seen to hold; 0 for genesis. */
  #passedHeight = 0

  /** `checkpoints`: lowest first. `has`: whether the tree holds a header. */
  constructor(
    options: { readonly minimumChainWork?: bigint; readonly checkpoints?: readonly Checkpoint[] },
    headerCountMax: number,
    has: (root: Root) => boolean,
  ) {
    const { minimumChainWork = 0n, checkpoints = [] } = options
    const gaps = checkpoints.map(({ height }, index) => height - (checkpoints[index - 1]?.height ?? 0))
    this.#minimumChainWork = minimumChainWork
    this.#checkpoints = checkpoints
    this.#headerCountMax = Math.max(headerCountMax, ...gaps)
    this.#has = has
  }

  /** Whether a header at this height may come in, the chain up to it with so much work. */
  hasRoom(height: number, work: () => bigint): boolean {
    if (this.#minimumChainWork === 0n || height - this.#passedHeight <= this.#headerCountMax) return true
    return work() >= this.#minimumChainWork
  }

  /** Headers up to this height came in. */
  added(lastHeight: number): void {
    if (this.#minimumChainWork === 0n || lastHeight <= this.#passedHeight) return
    const isPassed = ({ height, root }: Checkpoint): boolean =>
      height <= lastHeight && (height <= this.#passedHeight || this.#has(root))
    this.#passedHeight = this.#checkpoints.findLast(isPassed)?.height ?? 0
  }

  /** The tree starts above this checkpoint, whose own header comes later; 0 where that is given up. */
  passed(height: number): void {
    this.#passedHeight = height
  }
}
