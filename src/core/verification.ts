import type { Batch, PeerSource } from './batch-queue.ts'
import { BatchQueue } from './batch-queue.ts'
import type { Chain, Gap, HeadChange, HeaderSummary, HeaderTree, SliceStop } from './chain.ts'
import type { Effect } from './effect.ts'
import type { HeadersLoaded, HeadersSubmitted, LoadFailed, StoreBecameWritable, StoreOpened } from './event.ts'
import { FutureHeaders } from './future-headers.ts'
import type { Root } from './ids.ts'
import type { Instant } from './instant.ts'
import * as limits from './limits.ts'
import { StoredChain } from './stored-chain.ts'
import { StoreWriter } from './store-writer.ts'

/** What came of a batch that a peer sent. */
export type Finding =
  /** All of it keeps every rule. */
  | { readonly type: 'verified'; readonly source: PeerSource; readonly last: Root; readonly addedCount: number }
  | { readonly type: 'invalid'; readonly source: PeerSource; readonly detail: string }
  /** Header `index` follows nothing that we have. */
  | { readonly type: 'unconnected'; readonly source: PeerSource; readonly index: number; readonly parent: Root }
  /** The side rows are full of branches with more work. Nobody's fault. */
  | { readonly type: 'no-room'; readonly source: PeerSource }
  /** The rest waits for its time; `dropped` waited, or would have, and no longer does. Nobody's fault. */
  | {
      readonly type: 'future'
      readonly source: PeerSource
      readonly retryMs: number
      readonly dropped: PeerSource | undefined
    }
  /** Our own: the best chain went on without a peer. */
  | { readonly type: 'own'; readonly last: Root }

export interface VerificationOptions {
  readonly chain: Chain
  readonly tree: HeaderTree
  readonly effects: Effect[]
  /** The best chain is the same as before up to and with this height. */
  readonly onHeadChanged: (commonHeight: number) => void
  /** It was started above a checkpoint that cannot be reached from genesis. */
  readonly onCheckpointRefused: () => void
  /** The stored headers are verified: from now on headers come from peers and from our own side. */
  readonly onRunning: (now: Instant) => void
}

/**
 * The way of a header into the tree: queued, verified a slice at a time, stored.
 * 1. Nothing but `verifySlice` adds to the tree.
 * 2. What is stored is verified first; until then nothing else is.
 */
export class Verification {
  readonly queue: BatchQueue = new BatchQueue()
  readonly future: FutureHeaders = new FutureHeaders()
  readonly stored: StoredChain
  readonly writer: StoreWriter
  /** Headers added to the tree so far. */
  addedCount = 0
  readonly #options: VerificationOptions
  /** Own headers that came before the stored ones were verified; QUEUED_BATCHES_MAX, and one for each importer that waits. */
  #heldOwn: HeadersSubmitted[] = []
  /** The lock was ours before the stored headers were verified. */
  #becameWritable: StoreBecameWritable | undefined

  constructor(options: VerificationOptions) {
    this.#options = options
    this.stored = new StoredChain(options)
    this.writer = new StoreWriter(options)
  }

  get isRunning(): boolean {
    return this.stored.phase === 'done'
  }

  get storedHeaderCount(): number {
    return this.isRunning ? this.writer.storedCount : this.stored.headerCount
  }

  /** Undefined while the batch goes on, and for what is not a peer's. */
  verifySlice(now: Instant): Finding | undefined {
    const batch = this.queue.first
    if (batch === undefined) return undefined
    const { headers, index } = batch
    const count = Math.min(limits.HEADERS_PER_SLICE, batch.headerCount - index)
    const { tree } = this.#options
    const isBackfill = batch.source.type === 'backfill'
    const gapBefore = tree.gap
    const outcome = tree.add({ headers, index, count, nowUnixMs: now.unixMs, isBackfill })
    batch.addedCount += outcome.addedCount
    this.addedCount += outcome.addedCount
    const { headChange } = outcome
    if (headChange !== undefined && gapBefore !== undefined && tree.gap === undefined) this.#refused(headChange, now)
    else if (headChange !== undefined && this.isRunning) this.#headChanged(headChange, now)
    else if (headChange !== undefined) this.writer.headChanged(headChange.commonHeight)
    else if (gapBefore?.fromHeight !== tree.gap?.fromHeight) this.#backfilled(gapBefore, now)
    if (outcome.stop !== undefined) {
      if (this.#isNextRun(batch, outcome.stop)) {
        batch.index = outcome.stop.index
        return undefined
      }
      this.queue.removeFirst()
      return this.#stopped(batch, outcome.stop, now)
    }
    batch.index += count
    if (batch.index < batch.headerCount) return undefined
    this.queue.removeFirst()
    return this.#finished(batch, now)
  }

  /** Ancestors of several roots are several runs: where one ends, the next begins at a header that we have. */
  #isNextRun({ source, index }: Batch, stop: SliceStop): boolean {
    if (source.type !== 'ancestors' || stop.type !== 'unconnected') return false
    return stop.index > index && this.#options.tree.has(stop.parent)
  }

  /** Headers came in below the gap. With the first and the last of them the head is worth more. */
  #backfilled(before: Gap | undefined, now: Instant): void {
    const { tree, onHeadChanged } = this.#options
    if (before?.fromHeight === 1 || tree.gap === undefined) onHeadChanged(tree.tip.height)
    this.writer.pump(now.monotonicMs)
  }

  /** The checkpoint that we started above leads nowhere: what stood on it is given up, and sync goes on from what is left. */
  refuseCheckpoint(now: Instant): void {
    const { tree } = this.#options
    if (tree.gap === undefined) return
    tree.dropAbove()
    this.#refused({ commonHeight: tree.tip.height, reverted: [] }, now)
  }

  #refused(change: HeadChange, now: Instant): void {
    const { height } = this.#options.tree.tip
    const detail = `the headers from genesis on do not lead to the checkpoint; going on from height ${height}`
    this.#options.effects.push({ type: 'warning', code: 'checkpoint-refused', detail })
    this.#options.onCheckpointRefused()
    this.#headChanged(change, now)
  }

  #headChanged(change: HeadChange, now: Instant): void {
    const { commonHeight, reverted } = change
    if (reverted.length > 0) {
      this.#options.effects.push({ type: 'reorganised', reverted, adopted: this.#summariesAbove(commonHeight) })
    }
    this.writer.headChanged(commonHeight)
    this.#options.onHeadChanged(commonHeight)
    this.writer.pump(now.monotonicMs)
  }

  #summariesAbove(commonHeight: number): readonly HeaderSummary[] {
    const { tree } = this.#options
    const summaries: HeaderSummary[] = []
    for (let height = commonHeight + 1; height <= tree.tip.height; height += 1) {
      const summary = tree.summary(height)
      if (summary !== undefined) summaries.push(summary)
    }
    return summaries
  }

  #finished(batch: Batch, now: Instant): Finding | undefined {
    const { source, last, addedCount } = batch
    switch (source.type) {
      case 'store':
        if (this.stored.isWholeAt(source.fromHeight + batch.headerCount)) this.#partRead(undefined, now)
        else this.stored.loadMore()
        return undefined
      case 'own':
        this.#settleOwn(batch, undefined)
        return { type: 'own', last }
      default:
        return { type: 'verified', source, last, addedCount }
    }
  }

  #stopped(batch: Batch, stop: SliceStop, now: Instant): Finding | undefined {
    const { source } = batch
    const why = stop.type === 'invalid' ? `breaks ${stop.rule}: ${stop.message}` : `is ${stop.type}`
    if (source.type === 'store') {
      const height = source.fromHeight + stop.index
      this.#partRead(`stored headers from height ${height} on are dropped and fetched anew: the first ${why}`, now)
      return undefined
    }
    if (source.type === 'own') {
      if (!this.#settleOwn(batch, stop)) this.#refuseOwn(`header ${stop.index} ${why}`)
      return undefined
    }
    // Ranges build on one another; a walk back or an announcement stands for itself.
    if (source.type === 'range') this.queue.dropRangesOf(source.peer)
    switch (stop.type) {
      case 'invalid':
        return { type: 'invalid', source, detail: `header at height ${stop.height} ${why}` }
      case 'unconnected':
        return { type: 'unconnected', source, index: stop.index, parent: stop.parent }
      case 'no-room':
        return { type: 'no-room', source }
      case 'future':
        return this.#keepForLater(batch, source, stop, now)
    }
  }

  /** An early header is not invalid for ever: kept, told once, and tried again when its time has come. */
  #keepForLater(batch: Batch, source: PeerSource, stop: Extract<SliceStop, { type: 'future' }>, now: Instant): Finding {
    const headers = batch.headers.slice(stop.index * this.#options.chain.headerSizeBytes)
    const aheadMs = stop.untilUnixMs - now.unixMs
    const waitMs = Math.min(limits.FUTURE_RETRY_MS_MAX, Math.max(limits.FUTURE_RETRY_MS_MIN, aheadMs))
    const retryMs = now.monotonicMs + waitMs
    const { isNew, dropped } = this.future.add({ source, headers, last: batch.last, dueMs: retryMs })
    if (isNew) {
      const minutes = Math.ceil(aheadMs / 60_000)
      const detail = `the header at height ${stop.height} is ${minutes} min too far ahead of this machine's clock; kept for later`
      this.#options.effects.push({ type: 'warning', code: 'future-header', detail })
    }
    return { type: 'future', source, retryMs, dropped: dropped?.source }
  }

  /** Headers whose time has come are verified again, as if they had come now. */
  handleTimeout(nowMs: number): void {
    for (const { source, headers, last } of this.future.takeDue(nowMs)) {
      const headerCount = headers.length / this.#options.chain.headerSizeBytes
      this.queue.push({ source, headers, headerCount, last })
    }
    this.writer.pump(nowMs)
  }

  nextTimeout(): number {
    return Math.min(this.future.nextDueMs ?? Infinity, this.writer.nextTimeout() ?? Infinity)
  }

  submit(event: HeadersSubmitted): void {
    const { chain, tree } = this.#options
    const { headers, token } = event
    if (headers.length === 0 || headers.length % chain.headerSizeBytes !== 0) {
      this.#refuseOwn(`expected whole headers of ${chain.headerSizeBytes} bytes, got ${headers.length} bytes`)
    } else if (this.isRunning) {
      const { count, last } = tree.inspect(headers)
      this.queue.push({ source: { type: 'own', token }, headers, headerCount: count, last })
    } else if (token !== undefined || this.#heldOwn.length < limits.QUEUED_BATCHES_MAX) this.#heldOwn.push(event)
    else this.#refuseOwn('the stored headers are not verified yet')
  }

  #refuseOwn(detail: string): void {
    this.#options.effects.push({ type: 'warning', code: 'own-header-refused', detail })
  }

  /** False where nobody waits for it. */
  #settleOwn({ source, addedCount }: Batch, stop: SliceStop | undefined): boolean {
    if (source.type !== 'own' || source.token === undefined) return false
    this.#options.effects.push({ type: 'headers-settled', token: source.token, addedCount, stop })
    return true
  }

  storeOpened(event: StoreOpened, now: Instant): void {
    if (this.stored.phase !== 'opening') return
    this.stored.opened(event)
    if (event.headerCount === 0) this.#partRead(undefined, now)
  }

  headersLoaded(event: HeadersLoaded, now: Instant): void {
    if (!this.stored.isReading(event)) return
    const { headers, fromHeight } = event
    const headerCount = Math.floor(headers.length / this.#options.chain.headerSizeBytes)
    if (!this.stored.loaded({ fromHeight, headerCount })) {
      this.#partRead(`expected ${this.stored.part.headerCount} stored headers, could read ${fromHeight}`, now)
      return
    }
    const { last } = this.#options.tree.inspect(headers)
    const isFirst = this.queue.isEmpty
    const source = { type: 'store', fromHeight: this.stored.part.fromHeight + fromHeight } as const
    this.queue.push({ source, headers, headerCount, last })
    // One load ahead of verification and no more: a disk is faster than that.
    if (isFirst) this.stored.loadMore()
  }

  loadFailed(event: LoadFailed, now: Instant): void {
    this.#options.effects.push({ type: 'warning', code: 'store-read-failed', detail: event.reason })
    if (this.stored.isReading(event)) this.#partRead(undefined, now)
  }

  /** As many headers of this part of the store as keep every rule are in the tree. */
  #partRead(dropped: string | undefined, now: Instant): void {
    const { effects, tree } = this.#options
    this.queue.dropStored()
    if (dropped !== undefined) effects.push({ type: 'warning', code: 'store-tail-dropped', detail: dropped })
    const endHeight = tree.tip.height + 1
    const { isUpper, headerCount } = this.stored.part
    if (isUpper) this.writer.matchedUpper(endHeight)
    else this.writer.matched(headerCount === 0 ? 0 : endHeight)
    if (!this.stored.nextPart()) this.#run(now)
  }

  /** opening | verifying → running */
  #run(now: Instant): void {
    if (this.stored.isWritable) this.writer.enable(now.monotonicMs)
    if (this.#becameWritable !== undefined) this.storeBecameWritable(this.#becameWritable, now)
    for (const held of this.#heldOwn.splice(0)) this.submit(held)
    this.#options.onRunning(now)
  }

  /** Waits for the stored headers to be verified: until then a longer store would seem to differ, and be cut off. */
  storeBecameWritable(event: StoreBecameWritable, now: Instant): void {
    this.#becameWritable = event
    if (!this.isRunning) return
    const { tree } = this.#options
    const match = event.samples.find(({ height, header }) => tree.summary(height)?.root === tree.rootOf(header))
    this.writer.matched(match === undefined ? 0 : match.height + 1)
    this.writer.matchedUpper(event.hasUpper === true ? 1 : 0)
    this.writer.enable(now.monotonicMs)
  }

  stop(): void {
    this.queue.clear()
    this.future.clear()
    this.writer.stop()
  }
}
