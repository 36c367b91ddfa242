import type { Chain, HeaderSummary, HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import type { StoreOpened } from './event.ts'
import { HEADERS_PER_LOAD } from './limits.ts'

/**
 * Reads the stored chain back, to be verified again like anything else.
 * opening → verifying → done; `head` is what the store says until then: shown, not served.
 */
export class StoredChain {
  readonly #chain: Chain
  readonly #tree: HeaderTree
  readonly #effects: Effect[]
  #phase: 'opening' | 'verifying' | 'done' = 'opening'
  #head: HeaderSummary | undefined
  #opened: StoreOpened | undefined
  #nextLoadHeight = 0
  #isLoading = false

  constructor(options: { chain: Chain; tree: HeaderTree; effects: Effect[] }) {
    this.#chain = options.chain
    this.#tree = options.tree
    this.#effects = options.effects
  }

  get phase(): 'opening' | 'verifying' | 'done' {
    return this.#phase
  }

  get head(): HeaderSummary | undefined {
    return this.#head
  }

  get headerCount(): number {
    return this.#opened?.headerCount ?? 0
  }

  get isWritable(): boolean {
    return this.#opened?.isWritable ?? false
  }

  /** opening → verifying, or done where nothing but genesis is stored. */
  opened(event: StoreOpened): void {
    if (this.#phase !== 'opening') return
    this.#opened = event
    const { headerCount, lastHeader, work } = event
    if (headerCount === 0 || lastHeader === undefined || lastHeader.length !== this.#chain.headerSizeBytes) {
      this.#phase = 'done'
      return
    }
    this.#phase = 'verifying'
    const root = this.#tree.rootOf(lastHeader)
    this.#head = { height: headerCount - 1, root, time: this.#chain.timeOf(lastHeader), work }
    this.loadMore()
  }

  /** False for an answer to nothing. */
  loaded(args: { fromHeight: number; headerCount: number }): boolean {
    if (this.#phase !== 'verifying' || args.fromHeight !== this.#nextLoadHeight || args.headerCount === 0) return false
    this.#isLoading = false
    this.#nextLoadHeight += args.headerCount
    return true
  }

  isWholeAt(height: number): boolean {
    return height >= this.headerCount
  }

  /** verifying → done */
  finish(): void {
    this.#phase = 'done'
    this.#head = undefined
  }

  /** One load is under way at a time; called again as the earlier ones are verified. */
  loadMore(): void {
    if (this.#phase !== 'verifying' || this.#isLoading || this.#nextLoadHeight >= this.headerCount) return
    this.#isLoading = true
    const fromHeight = this.#nextLoadHeight
    const count = Math.min(HEADERS_PER_LOAD, this.headerCount - fromHeight)
    this.#effects.push({ type: 'load-headers', fromHeight, count })
  }
}
