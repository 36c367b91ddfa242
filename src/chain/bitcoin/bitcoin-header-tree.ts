/** The tree of verified Bitcoin headers, on rows. */
import type {
  BatchInspection,
  Checkpoint,
  Gap,
  HeaderRecord,
  HeaderSummary,
  HeaderTree,
  SliceOutcome,
  SliceStop,
} from '../../core/chain.ts'
import { assert } from '../../core/assert.ts'
import type { Root } from '../../core/ids.ts'
import type { HashHeaders } from '../../hash/hash-headers.ts'
import { BestChain } from './best-chain.ts'
import {
  BITS_OFFSET,
  HEADER_SIZE_BYTES,
  isSameRoot,
  PARENT_OFFSET,
  readRoot,
  readUint32,
  ROOT_SIZE_BYTES,
  rootToBytes,
  TIME_OFFSET,
} from './header.ts'
import { headerRange } from './header-range.ts'
import { HeaderRows } from './header-rows.ts'
import { HeaderRules, type RuleBreach } from './header-rules.ts'
import { HeaderWindow } from './header-window.ts'
import { RETARGET_PERIOD_HEADERS, type NetworkParameters } from './networks.ts'
import { locatorRows } from './locator-rows.ts'
import { LowWorkBound } from './low-work.ts'
import { RootIndex } from './root-index.ts'
import { findAncestors } from './serve-ancestors.ts'
import { findRange } from './serve-range.ts'
import { SideRows } from './side-rows.ts'
import { decodeTarget, targetOfBits, toLimbs, workOfLimbs } from './target.ts'

/** DESIGN, "A chain is a folder": low-work floods are bounded by memory, not by belief. */
export const SIDE_HEADERS_MAX = 20_000
/** The first row. */
const GENESIS_ROW = 0

export interface BitcoinHeaderTreeOptions {
  readonly network: NetworkParameters
  readonly hashHeaders: HashHeaders
  readonly sideHeaderCountMax?: number
  /** 0n, the default, for none: see `low-work.ts`. */
  readonly minimumChainWork?: bigint
  readonly checkpoints?: readonly Checkpoint[]
}

/**
 * Rows 0 … of which row 0 is genesis; the best chain by height, every other row in `#side`, every row in `#index`.
 * During a back-fill the best chain has a gap (`best-chain.ts`). Headers below it are a segment of their own: what comes
 * after its end extends it, everything else there is a side row, however much work it has, until the gap is closed.
 */
export class BitcoinHeaderTree implements HeaderTree {
  readonly #hashHeaders: HashHeaders
  readonly #sideHeaderCountMax: number
  readonly #rows = new HeaderRows()
  readonly #best = new BestChain()
  readonly #side: SideRows = new SideRows((left, right) => this.#rows.compareWork(left, right))
  readonly #lowWork: LowWorkBound
  readonly #index: RootIndex
  readonly #window: HeaderWindow
  readonly #rules: HeaderRules
  readonly #scratch = new Uint8Array(ROOT_SIZE_BYTES)
  /** Of its own, as a root in `#scratch` may be what it is compared with. */
  readonly #compared = new Uint8Array(ROOT_SIZE_BYTES)
  /**
   * The row that the window ends in, and the one that it can load next; -1 for none. Rows are evicted only while a header
   * is added to that very row, which stays, and with it its ancestors: neither of these is ever a row that is gone.
   */
  #windowRow = -1
  #earlierRow = -1
  #tip: HeaderSummary | undefined
  /** The checkpoint that a header may follow though it is not here. */
  #start: Checkpoint | undefined
  /** The tip then. Where it moved on before that header came, sync has begun from genesis. */
  #startedAtHeight = 0
  /** What the slice in work has done to the head. */
  #headChange: SliceOutcome['headChange']

  constructor(options: BitcoinHeaderTreeOptions) {
    const { network, hashHeaders, sideHeaderCountMax = SIDE_HEADERS_MAX } = options
    this.#hashHeaders = hashHeaders
    this.#sideHeaderCountMax = sideHeaderCountMax
    this.#lowWork = new LowWorkBound(options, sideHeaderCountMax, (root) => this.has(root))
    this.#index = new RootIndex((row, roots, offset) => this.#isRootOf(row, roots, offset))
    this.#window = new HeaderWindow(() => this.#loadEarlier())
    this.#rules = new HeaderRules(network, this.#window)
    const { genesisHeader } = network
    const limit = targetOfBits(network.limitBits) ?? 0n
    const target = decodeTarget(readUint32(genesisHeader, BITS_OFFSET), limit)
    assert(target !== undefined, 'a genesis header has a target')
    this.#rows.addFirst(genesisHeader, GENESIS_ROW, target.work)
    this.#best.append(GENESIS_ROW)
    this.#index.add(rootToBytes(network.genesis), 0, GENESIS_ROW)
  }

  get tip(): HeaderSummary {
    this.#tip ??= this.#summaryOf(this.#best.rowAt(this.#best.tipHeight))
    return this.#tip
  }

  get sizeBytes(): number {
    return this.#rows.sizeBytes + this.#best.sizeBytes + this.#index.sizeBytes + this.#side.sizeBytes
  }

  get sideHeaderCount(): number {
    return this.#side.count
  }

  get gap(): Gap | undefined {
    return this.#best.gap
  }

  startAbove(checkpoint: Checkpoint): void {
    const isAbove = checkpoint.height > this.#best.tipHeight
    if (!isAbove || this.gap !== undefined || checkpoint.start === undefined) return
    this.#start = checkpoint
    this.#startedAtHeight = this.#best.tipHeight
  }

  dropAbove(): void {
    if (this.gap === undefined) return
    this.#dropDown(this.#best.tipHeight, this.#best.baseHeight)
    this.#best.dropAbove()
    this.#lowWork.passed(0)
    this.#start = undefined
    this.#tip = undefined
  }

  dropBelow(height: number): void {
    if (this.gap === undefined) return
    this.#dropDown(this.#best.lowTipHeight, height + 1)
    this.#best.truncateLow(height)
  }

  /** Lets headers of the best chain go, and every side row, as it may stand on one of them. */
  #dropDown(fromHeight: number, toHeight: number): void {
    for (let leaf = this.#side.leastLeaf(-1); leaf !== undefined; leaf = this.#side.leastLeaf(-1)) this.#evict(leaf)
    for (let height = fromHeight; height >= toHeight; height -= 1) this.#forget(this.#best.rowAt(height))
    this.#windowRow = -1
  }

  has(root: Root): boolean {
    return this.#rowOf(root) !== -1
  }

  get(heightOrRoot: number | Root): HeaderRecord | undefined {
    const row = this.#rowOf(heightOrRoot)
    if (row === -1) return undefined
    const bytes = new Uint8Array(HEADER_SIZE_BYTES)
    this.#rows.copy(row, bytes, 0)
    const parent = readRoot(bytes, PARENT_OFFSET)
    return { ...this.#summaryOf(row), parent, bytes, isOnBestChain: !this.#side.has(row) }
  }

  summary(heightOrRoot: number | Root): HeaderSummary | undefined {
    const row = this.#rowOf(heightOrRoot)
    return row === -1 ? undefined : this.#summaryOf(row)
  }

  locator(fromHeight: number): readonly Root[] {
    return locatorRows(this.#best, fromHeight).map((row) => this.#rootOf(row))
  }

  range({ fromHeight, count }: { readonly fromHeight: number; readonly count: number }): Uint8Array {
    const first = Math.max(fromHeight, 0)
    const lastHeight = first < this.#best.baseHeight ? this.#best.lowTipHeight : this.#best.tipHeight
    const endHeight = Math.min(first + count, lastHeight + 1)
    return headerRange({ best: this.#best, rows: this.#rows, fromHeight: first, endHeight })
  }

  inspect(headers: Uint8Array): BatchInspection {
    const count = Math.floor(headers.length / HEADER_SIZE_BYTES)
    const lastOffset = (count - 1) * HEADER_SIZE_BYTES
    this.#hashHeaders(headers, lastOffset, 1, this.#scratch)
    return {
      count,
      parent: readRoot(headers, PARENT_OFFSET),
      last: readRoot(this.#scratch, 0),
      lastHasWork: this.#rules.hasWork(readUint32(headers, lastOffset + BITS_OFFSET), this.#scratch, 0),
    }
  }

  rootOf(header: Uint8Array): Root {
    this.#hashHeaders(header, 0, 1, this.#scratch)
    return readRoot(this.#scratch, 0)
  }

  add(args: Parameters<HeaderTree['add']>[0]): SliceOutcome {
    const { headers, index, count, nowUnixMs, isBackfill = false } = args
    const start = index * HEADER_SIZE_BYTES
    let parent = this.#index.find(headers, start + PARENT_OFFSET)
    const isConnected =
      parent === -1
        ? this.#isGenesis(headers, start) || this.#followsStart(headers, start)
        : isBackfill || !this.#isBelowGap(parent)
    if (!isConnected) return { addedCount: 0, knownCount: 0, headChange: undefined, stop: unconnected(headers, index) }
    const roots = new Uint8Array(count * ROOT_SIZE_BYTES)
    this.#hashHeaders(headers, start, count, roots)

    this.#headChange = undefined
    let addedCount = 0
    let knownCount = 0
    let stop: SliceStop | undefined
    for (let at = 0; at < count && stop === undefined; at += 1) {
      const rootOffset = at * ROOT_SIZE_BYTES
      const offset = start + at * HEADER_SIZE_BYTES
      const isLinked = at === 0 || isSameRoot(headers, offset + PARENT_OFFSET, roots, rootOffset - ROOT_SIZE_BYTES)
      if (!isLinked || (at > 0 && !isBackfill && this.#isBelowGap(parent))) {
        stop = unconnected(headers, index + at)
        break
      }
      const known = this.#index.find(roots, rootOffset)
      if (known === -1) {
        const outcome = this.#addHeader({ headers, offset, roots, rootOffset, parent, nowUnixMs })
        if (typeof outcome === 'number') {
          addedCount += 1
          parent = outcome
        } else stop = { ...outcome, index: index + at, height: this.#window.tipHeight + 1 }
      } else {
        knownCount += 1
        parent = known
      }
    }
    if (addedCount > 0) this.#lowWork.added(this.#rows.height(parent))
    return { addedCount, knownCount, headChange: this.#headChange, stop }
  }

  serveRange(args: Parameters<HeaderTree['serveRange']>[0]): ReturnType<HeaderTree['serveRange']> {
    const heightOf = (root: Root): number | undefined => {
      const row = this.#rowOf(root)
      return row === -1 || this.#side.has(row) ? undefined : this.#rows.height(row)
    }
    const { fromHeight, count, hasMore } = findRange({ ...args, heightOf, tipHeight: this.#best.tipHeight })
    return { headers: this.range({ fromHeight, count }), hasMore }
  }

  serveAncestors(args: Parameters<HeaderTree['serveAncestors']>[0]): ReturnType<HeaderTree['serveAncestors']> {
    const found = findAncestors({
      ...args,
      rowOf: (root) => this.#rowOf(root),
      parent: (row) => this.#rows.parent(row),
      bestHeight: (row) => (this.#side.has(row) ? undefined : this.#rows.height(row)),
    })
    const headers = new Uint8Array(found.rows.length * HEADER_SIZE_BYTES)
    for (const [index, row] of found.rows.entries()) this.#rows.copy(row, headers, index * HEADER_SIZE_BYTES)
    return { headers, answered: found.answered, unknown: found.unknown }
  }

  /** Genesis is in the tree without its parent. */
  #isGenesis(headers: Uint8Array, offset: number): boolean {
    this.#hashHeaders(headers, offset, 1, this.#scratch)
    return this.#index.find(this.#scratch, 0) === GENESIS_ROW
  }

  /** Its parent is the checkpoint to start above, and nothing was started there, or with this very header. */
  #followsStart(headers: Uint8Array, offset: number): boolean {
    if (this.#start === undefined) return false
    if (!isSameRoot(headers, offset + PARENT_OFFSET, rootToBytes(this.#start.root), 0)) return false
    this.#hashHeaders(headers, offset, 1, this.#scratch)
    const { baseHeight } = this.#best
    if (baseHeight === 0) return this.#best.tipHeight === this.#startedAtHeight
    return this.#index.find(this.#scratch, 0) === this.#best.rowAt(baseHeight)
  }

  /** Verifies and adds one header that is new to the tree, after the row `parent`. Gives its row, or why there is none. */
  #addHeader(args: {
    readonly headers: Uint8Array
    readonly offset: number
    readonly roots: Uint8Array
    readonly rootOffset: number
    readonly parent: number
    readonly nowUnixMs: number
  }): number | RuleBreach | { readonly type: 'no-room' } {
    const { headers, offset, roots, rootOffset, parent, nowUnixMs } = args
    const start = parent === -1 ? this.#start : undefined
    this.#moveWindow(parent)
    const breach = this.#rules.check(headers, offset, roots, rootOffset, nowUnixMs, start?.start?.nextBits)
    if (breach !== undefined) return breach
    if (this.#rows.isFull) return { type: 'no-room' }
    const { tipHeight } = this.#best
    const row =
      start === undefined
        ? this.#rows.add(headers, offset, parent, this.#rules.work)
        : this.#addStart(headers.subarray(offset, offset + HEADER_SIZE_BYTES), start)
    if (!this.#lowWork.hasRoom(this.#rows.height(row), () => this.#rows.work(row))) return this.#letGo(row)
    if (this.#rows.height(row) < this.#best.baseHeight) {
      if (parent === this.#best.rowAt(this.#best.lowTipHeight)) this.#best.appendLow(row)
      else if (!this.#addToSide(row, parent)) return this.#letGo(row)
    } else if (start !== undefined || parent === this.#best.rowAt(tipHeight)) {
      if (start === undefined) this.#best.append(row)
      this.#headChange ??= { commonHeight: tipHeight, reverted: [] }
      this.#tip = undefined
    } else if (!this.#isBelowGap(parent) && this.#rows.compareWork(row, this.#best.rowAt(tipHeight)) > 0) {
      this.#reorganise(row)
    } else if (!this.#addToSide(row, parent)) return this.#letGo(row)
    this.#index.add(roots, rootOffset, row)
    this.#window.append(readUint32(headers, offset + TIME_OFFSET), readUint32(headers, offset + BITS_OFFSET))
    this.#windowRow = row
    if (this.#best.lowTipHeight + 1 === this.#best.baseHeight) this.#closeGap(nowUnixMs)
    return row
  }

  /** The branch that ends in this row leaves the best chain below the gap; -1 is what lies under its upper end. */
  #isBelowGap(row: number): boolean {
    if (this.#best.baseHeight === 0 || row === -1) return false
    let fork = row
    while (this.#side.has(fork)) fork = this.#rows.parent(fork)
    return this.#rows.height(fork) < this.#best.baseHeight
  }

  #letGo(row: number): { readonly type: 'no-room' } {
    this.#rows.remove(row)
    return { type: 'no-room' }
  }

  #addStart(header: Uint8Array, { height, start }: Checkpoint): number {
    const work = workOfLimbs(this.#rules.work) + (start?.work ?? 0n)
    const row = this.#rows.addFirst(header, height + 1, toLimbs(work))
    this.#best.startAt(height + 1, row)
    this.#lowWork.passed(height)
    return row
  }

  /** The last header below the gap came: what lacked earlier headers is checked now. If it does not hold, genesis' side stays. */
  #closeGap(nowUnixMs: number): void {
    const { baseHeight, lowTipHeight } = this.#best
    const [base, low] = [this.#best.rowAt(baseHeight), this.#best.rowAt(lowTipHeight)]
    // Not by its child's parent field, which says what it should be.
    this.#hashHeaders(this.#rows.bytes(low), this.#rows.byteOffset(low), 1, this.#scratch)
    const isSame = readRoot(this.#scratch, 0) === this.#start?.root && this.#rows.work(low) === this.#start.start?.work
    this.#rows.setParent(base, low)
    this.#moveWindow(low)
    let isSound = isSame
    for (let height = baseHeight; isSound && height <= lowTipHeight + RETARGET_PERIOD_HEADERS; height += 1) {
      isSound = this.#keepsRules(this.#best.rowAt(height), nowUnixMs)
    }
    this.#windowRow = -1
    this.#start = undefined
    if (isSound) return this.#best.close()
    this.dropAbove()
    this.#headChange = { commonHeight: lowTipHeight, reverted: [] }
  }

  /** A header that is here already, checked once more with all that lies before it; -1 for none. The window ends below it. */
  #keepsRules(row: number, nowUnixMs: number): boolean {
    if (row === -1) return true
    this.#readRoot(row, this.#scratch)
    const breach = this.#rules.check(this.#rows.bytes(row), this.#rows.byteOffset(row), this.#scratch, 0, nowUnixMs)
    this.#window.append(this.#rows.time(row), this.#rows.bits(row))
    return breach?.type !== 'invalid'
  }

  /** Makes the branch that ends in `row`, which is not in any set yet, the best chain. */
  #reorganise(row: number): void {
    const branch: number[] = []
    let fork = this.#rows.parent(row)
    for (; this.#side.has(fork); fork = this.#rows.parent(fork)) {
      branch.push(fork)
      this.#side.remove(fork, this.#rows.parent(fork))
    }
    const commonHeight = this.#rows.height(fork)
    const revertedRows: number[] = []
    for (let height = commonHeight + 1; height <= this.#best.tipHeight; height += 1)
      revertedRows.push(this.#best.rowAt(height))
    // Before the best chain changes: a root is read from its child there.
    this.#headChange = { commonHeight, reverted: revertedRows.map((reverted) => this.#summaryOf(reverted)) }
    this.#best.truncate(commonHeight)
    for (const adopted of branch.reverse()) this.#best.append(adopted)
    this.#best.append(row)
    for (const reverted of revertedRows) this.#side.add(reverted, this.#rows.parent(reverted))
    this.#tip = undefined
    while (this.#side.count > this.#sideHeaderCountMax) {
      const leaf = this.#side.leastLeaf(-1)
      if (leaf === undefined) return
      this.#evict(leaf)
    }
  }

  /** False when there is no room: side rows are at their bound and none has less work. */
  #addToSide(row: number, parent: number): boolean {
    if (this.#side.count >= this.#sideHeaderCountMax) {
      const leaf = this.#side.leastLeaf(parent)
      if (leaf === undefined || this.#rows.compareWork(row, leaf) <= 0) return false
      this.#evict(leaf)
    }
    this.#side.add(row, parent)
    return true
  }

  #evict(leaf: number): void {
    this.#side.remove(leaf, this.#rows.parent(leaf))
    this.#forget(leaf)
  }

  #forget(row: number): void {
    this.#readRoot(row, this.#scratch)
    this.#index.remove(this.#scratch, 0, row)
    this.#rows.remove(row)
  }

  /**
   * Makes the window end in `row`, empty in -1: below the first header above a gap. Earlier headers are loaded as the rules ask
   * for them.
   */
  #moveWindow(row: number): void {
    if (this.#windowRow === row && row !== -1) return
    this.#window.reset((row === -1 ? (this.#start?.height ?? 0) : this.#rows.height(row)) + 1)
    this.#windowRow = row
    this.#earlierRow = row
  }

  #loadEarlier(): boolean {
    const row = this.#earlierRow
    if (row === -1) return false
    this.#window.prepend(this.#rows.time(row), this.#rows.bits(row))
    this.#earlierRow = this.#rows.parent(row)
    return true
  }

  #rowOf(heightOrRoot: number | Root): number {
    if (typeof heightOrRoot === 'number') return Number.isInteger(heightOrRoot) ? this.#best.rowAt(heightOrRoot) : -1
    return this.#index.find(rootToBytes(heightOrRoot), 0)
  }

  #summaryOf(row: number): HeaderSummary {
    return {
      height: this.#rows.height(row),
      root: this.#rootOf(row),
      time: this.#rows.time(row),
      work: this.#rows.work(row),
    }
  }

  #rootOf(row: number): Root {
    this.#readRoot(row, this.#scratch)
    return readRoot(this.#scratch, 0)
  }

  /** The row whose parent field is this row's root; -1 where there is none at hand. */
  #childOf(row: number): number {
    const height = this.#rows.height(row)
    return this.#best.rowAt(height) === row ? this.#best.rowAt(height + 1) : -1
  }

  #readRoot(row: number, target: Uint8Array): void {
    const child = this.#childOf(row)
    if (child === -1) {
      this.#hashHeaders(this.#rows.bytes(row), this.#rows.byteOffset(row), 1, target)
      return
    }
    const start = this.#rows.byteOffset(child) + PARENT_OFFSET
    target.set(this.#rows.bytes(child).subarray(start, start + ROOT_SIZE_BYTES))
  }

  #isRootOf(row: number, roots: Uint8Array, offset: number): boolean {
    const child = this.#childOf(row)
    if (child !== -1) {
      return isSameRoot(this.#rows.bytes(child), this.#rows.byteOffset(child) + PARENT_OFFSET, roots, offset)
    }
    this.#hashHeaders(this.#rows.bytes(row), this.#rows.byteOffset(row), 1, this.#compared)
    return isSameRoot(this.#compared, 0, roots, offset)
  }
}

function unconnected(headers: Uint8Array, index: number): SliceStop {
  return { type: 'unconnected', index, parent: readRoot(headers, index * HEADER_SIZE_BYTES + PARENT_OFFSET) }
}
