import type { BatchQueue } from './batch-queue.ts'
import type { BatchInspection, Chain, Checkpoint, HeaderSummary, HeaderTree } from './chain.ts'
import type { PeerId, Root } from './ids.ts'
import * as limits from './limits.ts'
import type { Headers } from './message.ts'
import type { PeerRequests } from './peer-requests.ts'
import type { Range, RangeAttempt } from './range-attempt.ts'
import type { StoreWriter } from './store-writer.ts'
import type { SyncPeer } from './sync-peer.ts'

export interface RangeDownloadOptions {
  readonly chain: Chain
  readonly tree: HeaderTree
  readonly queue: BatchQueue
  readonly requests: PeerRequests
  readonly writer: StoreWriter
  readonly peers: ReadonlyMap<PeerId, SyncPeer>
}

/**
 * Between checkpoints, headers come from several peers at once: those above our tip, or those below the gap where we
 * started above the last checkpoint.
 * 1. A range is held once its first parent is the checkpoint it was asked from and its last root the one where it ends; what
 *    lies between is judged when it is verified, and whoever sent it answers for it.
 * 2. Ranges are verified in order, each when the one below it is in the tree. A checkpoint never makes a header invalid:
 *    where the best chain has left the checkpoints nothing is asked for here, and sync goes on from one peer.
 * 3. Bounded by RANGES_AHEAD_MAX ranges and RANGE_BYTES_AHEAD_MAX bytes above the one that our tip is in.
 */
export class RangeDownload {
  /** When a range is slow or a peer may be asked again, of what is still ahead. */
  nextTimeout: number = Infinity
  readonly #options: RangeDownloadOptions
  readonly #checkpoints: readonly Checkpoint[]
  /** One a peer, oldest first; several of the same range where the first is slow. */
  readonly #attempts = new Map<PeerId, RangeAttempt>()
  /** Whole ranges that wait for those below them, by the root they end in. */
  readonly #held = new Map<Root, { readonly peer: PeerId; readonly parts: readonly Uint8Array[] }>()
  /** Peers that do not have the range that ends at this height; bounded by maxPeers. */
  readonly #lacking = new Map<PeerId, { readonly height: number; readonly untilMs: number }>()
  /** What the batch ends in that we start with. */
  #startBatch: Root | undefined
  /** Ranges of a back-fill in a row that broke a rule. */
  #failureCount = 0
  /** The checkpoint to start above; undefined where there is none, or it led nowhere. */
  #start: Checkpoint | undefined
  /** Index of the checkpoint above our tip (or below the gap: above its lower end), for the tip it was looked up for; -1 where there is none or the chain left them. */
  #frontier: { readonly tip: Root; readonly index: number } | undefined

  constructor(options: RangeDownloadOptions) {
    const { genesis, checkpoints = [] } = options.chain
    this.#options = options
    this.#checkpoints = [{ height: 0, root: genesis }, ...checkpoints]
    this.#start = checkpoints.at(-1)?.start === undefined ? undefined : checkpoints.at(-1)
  }

  /** Ranges above our tip are here that are not verified yet. */
  get isHolding(): boolean {
    return this.#held.size > 0 && this.#options.tree.gap === undefined
  }

  /** Where the headers from genesis on end. */
  get #low(): HeaderSummary {
    const { tree } = this.#options
    return (tree.gap && tree.summary(tree.gap.fromHeight - 1)) ?? tree.tip
  }

  /**
   * The checkpoint to start above, by this peer's help: it says that it has it, and nothing is here but whole ranges below.
   * Undefined where we started already, or came there from below.
   */
  startFor(peer: SyncPeer): Checkpoint | undefined {
    const { gap, tip } = this.#options.tree
    const start = this.#start
    if (start === undefined || gap !== undefined || tip.height >= start.height) return undefined
    const isBetweenRanges = this.#rangeAt(this.#frontierIndex())?.from.root === tip.root
    return isBetweenRanges && peer.claimed.height > start.height ? start : undefined
  }

  isStart(root: Root): boolean {
    return this.#start?.root === root
  }

  /** Headers with this parent follow the checkpoint that we start above, or did. */
  followsStart(peer: SyncPeer, { parent, last }: BatchInspection): boolean {
    const { tree } = this.#options
    if (!this.isStart(parent)) return false
    if (tree.gap !== undefined) return true
    const start = this.startFor(peer)
    if (start === undefined) return false
    tree.startAbove(start)
    this.#startBatch = last
    return true
  }

  /** A range of a back-fill was verified. Those that break a rule again and again say that the checkpoint is wrong. */
  isDoubtful(finding: string): boolean {
    if (finding === 'verified') this.#failureCount = 0
    else if (finding === 'invalid') this.#failureCount += 1
    return this.#failureCount >= limits.BACKFILL_FAILURES_MAX
  }

  /** The checkpoint led nowhere. */
  refuseStart(): void {
    this.#start = undefined
    this.stop()
  }

  /** This peer is asked for ranges; any other one that is followed is asked for what comes after our tip. */
  covers(peer: SyncPeer, nowMs: number): boolean {
    if (this.#options.tree.gap !== undefined) return false
    const range = this.#rangeAt(this.#frontierIndex())
    return range !== undefined && this.#mayHave(peer, range, nowMs)
  }

  /** It still owes a range that another peer has delivered. */
  isOvertaken({ peer, headersRequest }: SyncPeer): boolean {
    return headersRequest?.attempt !== undefined && this.#attempts.get(peer) !== headersRequest.attempt
  }

  /** Headers to ask of a peer after our tip, or from the tip on: no more than up to the next checkpoint. */
  countTo(countMax: number): number {
    const { tip, gap } = this.#options.tree
    const range = gap === undefined ? this.#rangeAt(this.#frontierIndex()) : undefined
    return Math.min(countMax, (range?.to.height ?? Infinity) - tip.height + Math.min(tip.height, 1))
  }

  /** Hands on what is next, and asks every peer that answers and owes nothing. Changes nothing when nothing is due. */
  schedule(nowMs: number): void {
    this.nextTimeout = Infinity
    if (this.#checkpoints.length === 1) return
    // It is not known yet which ranges are wanted.
    if (this.#startBatch !== undefined && this.#options.queue.holdsLast(this.#startBatch)) return
    const index = this.#frontierIndex()
    if (index === -1) return this.stop()
    this.#dropPart(index)
    this.#feed(index)
    const { height } = this.#low
    for (const [peer, { range }] of this.#attempts) if (range.to.height <= height) this.#attempts.delete(peer)
    let isAllAsked = false
    for (const peer of this.#options.peers.values()) {
      const isFree = peer.servesHeaders && peer.headersRequest === undefined
      if (!isFree || !peer.hasAnswered || nowMs < peer.stalledUntilMs) continue
      const attempt = this.#attempts.get(peer.peer) ?? (isAllAsked ? undefined : this.#begin(peer, index, nowMs))
      if (attempt !== undefined) this.#ask(peer, attempt, nowMs)
      // Where nothing is left for one that has everything, hundreds of others need not be looked at.
      else if (!this.#lacking.has(peer.peer) && peer.claimed.height >= this.#lastHeight) isAllAsked = true
    }
    const dueMs = Array.from(this.#attempts.values(), (attempt) => slowAtMs(attempt))
    for (const { untilMs } of this.#lacking.values()) dueMs.push(untilMs)
    this.nextTimeout = Math.min(Infinity, ...dueMs.filter((atMs) => atMs > nowMs))
  }

  #frontierIndex(): number {
    const { root, height } = this.#low
    if (this.#frontier?.tip !== root) this.#frontier = { tip: root, index: this.#checkpointAbove(height) }
    return this.#frontier.index
  }

  #checkpointAbove(height: number): number {
    let low = 0
    let high = this.#checkpoints.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#checkpoints[middle]?.height ?? Infinity) <= height) low = middle + 1
      else high = middle
    }
    const below = this.#checkpoints[low - 1]
    const isOnCheckpoints = below !== undefined && this.#options.tree.summary(below.height)?.root === below.root
    return isOnCheckpoints && low < this.#checkpoints.length ? low : -1
  }

  #rangeAt(index: number): Range | undefined {
    const [from, to] = [this.#checkpoints[index - 1], this.#checkpoints[index]]
    return from === undefined || to === undefined ? undefined : { from, to }
  }

  /** Its own word that it is too short is believed: nothing is asked that it says it does not have. */
  #mayHave(peer: SyncPeer, { to }: Range, nowMs: number): boolean {
    const lacking = this.#lacking.get(peer.peer)
    const isLacking = lacking !== undefined && lacking.height <= to.height && nowMs < lacking.untilMs
    return peer.claimed.height >= to.height && !isLacking
  }

  /** The range that our tip is in goes to verification; what lies below it is of no use any more. */
  #feed(index: number): void {
    const { queue, tree, chain } = this.#options
    const type = tree.gap === undefined ? 'range' : 'backfill'
    const range = this.#rangeAt(index)
    if (range === undefined) return
    for (let below = index - 1; below > 0; below -= 1) {
      const root = this.#checkpoints[below]?.root
      if (root === undefined || !this.#held.delete(root)) break
    }
    const held = this.#held.get(range.to.root)
    if (held === undefined) return
    this.#held.delete(range.to.root)
    for (const headers of held.parts) {
      const { last } = tree.inspect(headers)
      const headerCount = headers.length / chain.headerSizeBytes
      queue.push({ source: { type, peer: held.peer }, headers, headerCount, last })
    }
  }

  /** Takes out of the tree what a bad range of a back-fill has left there: it does not lead to the checkpoint. */
  #dropPart(index: number): void {
    const { queue, tree, writer } = this.#options
    const range = this.#rangeAt(index)
    if (tree.gap === undefined || range === undefined || queue.holdsLast(range.to.root)) return
    if (this.#low.height === range.from.height) return
    tree.dropBelow(range.from.height)
    writer.headChanged(range.from.height)
  }

  get #lastHeight(): number {
    return this.#checkpoints.at(-1)?.height ?? 0
  }

  #ask(peer: SyncPeer, attempt: RangeAttempt, nowMs: number): void {
    const { tree, requests, queue } = this.#options
    const isFrontier = attempt.kind === 'frontier'
    if (isFrontier && queue.countOf(peer.peer, 'range') >= limits.QUEUED_BATCHES_MAX) return
    const { last, range, height } = attempt
    const locator = isFrontier ? [last, ...tree.locator(tree.tip.height)] : [last, this.#options.chain.genesis]
    const countMax = Math.min(peer.headersPerRequest, range.to.height - height)
    requests.getHeaders({ peer, locator: [...new Set(locator)], countMax, nowMs, attempt })
  }

  #begin(peer: SyncPeer, frontier: number, nowMs: number): RangeAttempt | undefined {
    const index = this.#choose(peer, frontier, nowMs)
    const range = index === undefined ? undefined : this.#rangeAt(index)
    if (range === undefined) return undefined
    const { root, height } = index === frontier ? this.#low : range.from
    const isBackfill = this.#options.tree.gap !== undefined
    const kind = isBackfill ? 'backfill' : index === frontier ? 'frontier' : 'ahead'
    const attempt: RangeAttempt = { peer: peer.peer, range, startedMs: nowMs, kind, parts: [], last: root, height }
    this.#attempts.set(peer.peer, attempt)
    return attempt
  }

  /** The lowest range that nobody is asked for; before that the one that all others wait for, where it is slow. */
  #choose(peer: SyncPeer, frontier: number, nowMs: number): number | undefined {
    const { queue, chain } = this.#options
    let slow: number | undefined
    let isLowest = true
    let aheadBytes = 0
    for (let index = frontier; index <= frontier + limits.RANGES_AHEAD_MAX; index += 1) {
      const range = this.#rangeAt(index)
      if (range === undefined || !this.#mayHave(peer, range, nowMs)) break
      const { from, to } = range
      if (index > frontier) aheadBytes += (to.height - from.height) * chain.headerSizeBytes
      if (aheadBytes > limits.RANGE_BYTES_AHEAD_MAX) break
      if (this.#held.has(to.root) || queue.holdsLast(to.root)) continue
      const attempts = [...this.#attempts.values()].filter((attempt) => attempt.range.to === to)
      const newest = attempts.at(-1)
      if (newest === undefined) return index
      // The third peer is asked after four times as long, the fourth after nine times: where all are slow it is our own line.
      const isSlow = nowMs >= slowAtMs(newest, attempts.length ** 2)
      if (isSlow && isLowest) return index
      if (isSlow) slow ??= index
      isLowest = false
    }
    return slow
  }

  /**
   * A batch that was asked for here; `headers` is whole and not longer than what was asked for. True when it goes to
   * verification like any other: it follows our tip, or nothing that is known.
   */
  answered(peer: SyncPeer, attempt: RangeAttempt, { headers, hasMore }: Headers, nowMs: number): boolean {
    const { tree, chain } = this.#options
    const { range } = attempt
    const isFrontier = attempt.kind === 'frontier' && tree.gap === undefined
    if (headers.length === 0) {
      this.#lacks(attempt, nowMs)
      return false
    }
    const { parent, last } = tree.inspect(headers)
    if (parent !== attempt.last) {
      this.#lacks(attempt, nowMs)
      return isFrontier || !tree.has(parent)
    }
    if (this.#attempts.get(peer.peer) !== attempt) return isFrontier
    attempt.last = last
    attempt.height += headers.length / chain.headerSizeBytes
    if (attempt.kind !== 'frontier') attempt.parts.push(headers)
    if (last === range.to.root && attempt.height === range.to.height) this.#finished(attempt)
    else if (!hasMore || attempt.height >= range.to.height) this.#lacks(attempt, nowMs)
    return isFrontier
  }

  /** The first answer wins; another peer's way through this range ends, and its answer is innocent. */
  #finished({ range, parts, peer, kind }: RangeAttempt): void {
    for (const [id, attempt] of this.#attempts) if (attempt.range.to === range.to) this.#attempts.delete(id)
    if (kind !== 'frontier') this.#held.set(range.to.root, { peer, parts })
  }

  #lacks({ peer, range }: RangeAttempt, nowMs: number): void {
    this.#lacking.set(peer, { height: range.to.height, untilMs: nowMs + limits.RANGE_LACKING_MS })
    this.#attempts.delete(peer)
  }

  /** Its range is free for others. */
  release(peer: PeerId): void {
    this.#attempts.delete(peer)
  }

  peerGone(peer: PeerId): void {
    this.#attempts.delete(peer)
    this.#lacking.delete(peer)
  }

  /** What a peer that misbehaved has sent goes with it. */
  dropOf(peer: PeerId): void {
    this.#attempts.delete(peer)
    for (const [root, held] of this.#held) if (held.peer === peer) this.#held.delete(root)
  }

  shift(byMs: number): void {
    for (const attempt of this.#attempts.values()) attempt.startedMs += byMs
  }

  stop(): void {
    this.#attempts.clear()
    this.#held.clear()
  }
}

/** A peer that sends sends on: each batch that came leaves it time for the next one. */
function slowAtMs({ startedMs, height, range }: RangeAttempt, patience = 1): number {
  const batches = 1 + Math.floor((height - range.from.height) / limits.HEADERS_PER_MESSAGE_MAX)
  return startedMs + patience * batches * limits.RANGE_SLOW_MS
}
