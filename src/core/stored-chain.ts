import type { Chain, HeaderSummary, HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import type { StoredPart, StoreOpened } from './event.ts'
import { HEADERS_PER_LOAD } from './limits.ts'

/** `fromHeight` is the height of its first header. */
interface PartReading {
  readonly isUpper: boolean
  readonly fromHeight: number
  readonly headerCount: number
}

/**
 * Reads the stored chain back, to be verified again like anything else: first what goes on from genesis, then what was stored
 * above a gap.
 * opening → verifying → done; `head` is what the store says until then: shown, not served.
 */
export class StoredChain {
  readonly #chain: Chain
  readonly #tree: HeaderTree
  readonly #effects: Effect[]
  #phase: 'opening' | 'verifying' | 'done' = 'opening'
  #head: HeaderSummary | undefined
  #opened: StoreOpened | undefined
  #part: PartReading = { isUpper: false, fromHeight: 0, headerCount: 0 }
  #loadedCount = 0
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

  /** Stored from genesis on, in the lower part. */
  get headerCount(): number {
    return this.#opened?.headerCount ?? 0
  }

  get isWritable(): boolean {
    return this.#opened?.isWritable ?? false
  }

  /** The part that is read now. */
  get part(): PartReading {
    return this.#part
  }

  /** opening → verifying */
  opened(event: StoreOpened): void {
    this.#opened = event
    this.#phase = 'verifying'
    const lower = this.#lastOf(event, 0)
    const upper = this.#lastOf(event.upper, this.#upperHeight)
    this.#head = (upper?.height ?? 0) > (lower?.height ?? 0) ? upper : lower
    this.#read({ isUpper: false, fromHeight: 0, headerCount: event.headerCount })
  }

  #read(part: PartReading): void {
    this.#part = part
    this.#loadedCount = 0
    this.#isLoading = false
    this.loadMore()
  }

  get #upperHeight(): number {
    return (this.#chain.checkpoints?.at(-1)?.height ?? 0) + 1
  }

  #lastOf(part: StoredPart | undefined, fromHeight: number): HeaderSummary | undefined {
    if (part?.lastHeader?.length !== this.#chain.headerSizeBytes) return undefined
    const { headerCount, lastHeader, work } = part
    const root = this.#tree.rootOf(lastHeader)
    return { height: fromHeight + headerCount - 1, root, time: this.#chain.timeOf(lastHeader), work }
  }

  /** An answer of this part is waited for. After a fault in the lower part one of its answers may still come later. */
  isReading({ isUpper = false }: { readonly isUpper?: boolean }): boolean {
    return this.#phase === 'verifying' && this.#part.isUpper === isUpper
  }

  /** False when it is not what was asked for: nothing, or headers of another height. */
  loaded(args: { fromHeight: number; headerCount: number }): boolean {
    if (args.fromHeight !== this.#loadedCount || args.headerCount === 0) return false
    this.#isLoading = false
    this.#loadedCount += args.headerCount
    return true
  }

  isWholeAt(height: number): boolean {
    return height >= this.#part.fromHeight + this.#part.headerCount
  }

  /** True when it goes on to the upper part. False where there is none, or it was read: verifying → done. */
  nextPart(): boolean {
    const headerCount = this.#opened?.upper?.headerCount ?? 0
    if (this.#part.isUpper || headerCount === 0) {
      this.#phase = 'done'
      this.#head = undefined
      return false
    }
    const { checkpoints = [] } = this.#chain
    const [{ tip }, start] = [this.#tree, checkpoints.at(-1)]
    // Where what is below has left the checkpoints, nothing would ever close the gap.
    const isOnThem = checkpoints.every(({ height, root }) => height > tip.height || this.#tree.has(root))
    if (start !== undefined && isOnThem) this.#tree.startAbove(start)
    this.#read({ isUpper: true, fromHeight: this.#upperHeight, headerCount })
    return true
  }

  /** One load is under way at a time; called again as the earlier ones are verified. */
  loadMore(): void {
    const { isUpper, headerCount } = this.#part
    const fromHeight = this.#loadedCount
    if (this.#phase !== 'verifying' || this.#isLoading || fromHeight >= headerCount) return
    this.#isLoading = true
    const count = Math.min(HEADERS_PER_LOAD, headerCount - fromHeight)
    this.#effects.push({ type: 'load-headers', ...(isUpper && { isUpper }), fromHeight, count })
  }
}
