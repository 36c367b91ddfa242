import { AncestorWalk } from './ancestor-walk.ts'
import { Announcer } from './announcer.ts'
import { takeAnnouncement } from './announcement.ts'
import { askAfterTip, type AskOptions } from './ask-after-tip.ts'
import type { Head, HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import { elect, isFetching, isLevelWith } from './election.ts'
import type { StoreOpened } from './event.ts'
import type { Misbehaviour } from './failure.ts'
import type { ConnectionId, PeerId, RequestId, Root } from './ids.ts'
import type { Instant } from './instant.ts'
import * as limits from './limits.ts'
import type { Ancestors, Announce, Headers, HeaderMessage, NodeInfo, Refused, SyncRequest } from './message.ts'
import { PeerRequests } from './peer-requests.ts'
import { RangeDownload } from './range-download.ts'
import { answer } from './serving.ts'
import type { SyncOptions } from './sync-options.ts'
import type { SyncPeer } from './sync-peer.ts'
import {
  abandon,
  abandonSent,
  askForLess,
  askForMore,
  createSyncPeer,
  forgetSent,
  nextTimeoutOf,
  noteDelivered,
  shiftDeadlines,
  tell,
} from './sync-peer.ts'
import { trustIn } from './trust.ts'
import type { Finding } from './verification.ts'
import { Verification } from './verification.ts'

/**
 * Header sync: every ready peer is asked, one sync peer at a time is followed to its end, between checkpoints all are, and
 * missing parents are collected and asked for together.
 * 1. The sync peer is none or ready (S1); it is whoever delivers, and it is changed when it stalls (S2).
 * 2. Every request in flight is owned by one peer's record and goes with it (S3).
 * 3. What a peer claims orders candidates and is shown; nothing else follows from it.
 * 4. Nothing is sent but to ready peers (S4).
 */
export class HeaderSync {
  readonly verification: Verification
  readonly #options: SyncOptions
  readonly #tree: HeaderTree
  readonly #effects: Effect[]
  /** Ready peers; bounded by maxPeers. */
  readonly #peers = new Map<PeerId, SyncPeer>()
  readonly #requests: PeerRequests
  readonly #walk: AncestorWalk
  readonly #announcer: Announcer
  readonly #ranges: RangeDownload
  readonly #asking: AskOptions
  #syncPeer: PeerId | undefined

  constructor(options: SyncOptions) {
    this.#options = options
    this.#tree = options.tree
    this.#effects = options.effects
    this.#requests = new PeerRequests(options)
    this.#announcer = new Announcer(options)
    this.verification = new Verification({
      ...options,
      onHeadChanged: (commonHeight) => {
        this.#announcer.headChanged(commonHeight)
        this.#creditHead()
        this.#effects.push({ type: 'head-changed', head: this.head() })
      },
      onCheckpointRefused: () => this.#ranges.refuseStart(),
      onRunning: (now) => this.#started(now),
    })
    const [requests, peers, { queue, writer }] = [this.#requests, this.#peers, this.verification]
    this.#walk = new AncestorWalk({ ...options, requests, peers, verification: this.verification })
    this.#ranges = new RangeDownload({ ...options, requests, peers, queue, writer })
    this.#asking = { ...options, requests, queue, ranges: this.#ranges }
  }

  /** The batch being verified made the head: whoever sent it has delivered the head by now. */
  #creditHead(): void {
    const batch = this.verification.queue.first
    if (batch === undefined || batch.last !== this.#tree.tip.root || !('peer' in batch.source)) return
    const peer = this.#peers.get(batch.source.peer)
    if (peer !== undefined) peer.delivered = batch.last
  }

  get syncPeer(): PeerId | undefined {
    return this.#syncPeer
  }

  get missing(): AncestorWalk['missing'] {
    return this.#walk.missing
  }

  /** Ready peers and what is known of them. */
  get peers(): ReadonlyMap<PeerId, SyncPeer> {
    return this.#peers
  }

  head(): Head {
    const { stored } = this.verification
    const { height, root, time, work } = stored.head ?? this.#tree.tip
    let confirmedBy = 0
    for (const peer of this.#peers.values()) if (peer.delivered === root) confirmedBy += 1
    const trust = stored.head === undefined ? trustIn(this.#tree, this.#options.chain) : 'stored'
    return { height, root, time, work, trust, confirmedBy }
  }

  /** Somebody answered, no range is under way, and nobody is known to have more. A new head passes without a ripple. */
  get isInStep(): boolean {
    if (!this.verification.isRunning) return false
    if (this.#tree.tip.work < this.#options.chain.minimumChainWork) return false
    if (this.#options.isAuthority) return true
    if (this.#syncPeer !== undefined || this.verification.queue.hasRange || this.#ranges.isHolding) return false
    return isLevelWith(this.#peers.values(), this.#tree.tip.work)
  }

  /** What is stored is shown at once, before it is verified again. */
  storeOpened(event: StoreOpened, now: Instant): void {
    this.verification.storeOpened(event, now)
    if (!this.verification.isRunning) this.#effects.push({ type: 'head-changed', head: this.head() })
  }

  #started(now: Instant): void {
    this.#effects.push({ type: 'head-changed', head: this.head() })
    for (const peer of this.#peers.values()) peer.askAtMs = now.monotonicMs
    this.#walk.askSoon(now.monotonicMs)
  }

  // Peers come and go; the lifecycle's queue of notices is the only caller.

  peerReady(args: { peer: PeerId; info: NodeInfo; nowMs: number }): void {
    const peer = createSyncPeer(args)
    this.#peers.set(args.peer, peer)
    this.#requests.ping({ peer, timeoutMs: limits.PING_TIMEOUT_MS, nowMs: args.nowMs })
    this.#walk.askSoon(args.nowMs)
  }

  peerGone(peer: PeerId, nowMs: number): void {
    this.#peers.delete(peer)
    if (this.#syncPeer === peer) this.#syncPeer = undefined
    this.#ranges.peerGone(peer)
    this.#walk.peerGone(peer, nowMs)
  }

  /** What was asked over a connection that is no more is asked again from `againMs` on; what was told is told again. */
  connectionLost(args: { peer: PeerId; connection: ConnectionId; againMs: number }): void {
    const peer = this.#peers.get(args.peer)
    if (peer === undefined) return
    this.#askAgain(peer, args)
    this.#announcer.repeat(peer, args.connection)
  }

  #askAgain(peer: SyncPeer, lost: { readonly connection: ConnectionId; readonly againMs: number }): void {
    forgetSent(peer, lost)
    this.#walk.lost(peer, lost.connection, lost.againMs)
  }

  /** Our stream broke while the connection lives: asked again soon, and given up when it keeps breaking. */
  streamFailed(args: { peer: PeerId; connection: ConnectionId; nowMs: number }): void {
    const peer = this.#peers.get(args.peer)
    if (peer === undefined) return
    // What was asked after the break went by a new stream and will be answered: late, not unasked.
    abandonSent(peer, args.connection)
    this.#askAgain(peer, { connection: args.connection, againMs: args.nowMs + limits.STREAM_RETRY_MS })
    peer.streamFailureCount += 1
    if (peer.streamFailureCount >= limits.STREAM_FAILURES_MAX) this.#options.unresponsive(args.connection, args.nowMs)
  }

  // Messages of ready peers.

  message(args: { peer: PeerId; connection: ConnectionId; message: HeaderMessage; now: Instant }): void {
    const peer = this.#peers.get(args.peer)
    if (peer === undefined) return
    const { connection, message, now } = args
    peer.heardMs = now.monotonicMs
    peer.streamFailureCount = 0
    switch (message.type) {
      case 'get-headers':
      case 'get-ancestors':
      case 'ping':
        return this.#serve(peer, connection, message)
      case 'headers':
        return this.#headersAnswered(peer, message, now)
      case 'ancestors':
        return this.#ancestorsAnswered(peer, message, now)
      case 'pong':
        return this.#pongAnswered(peer, message.request, now)
      case 'refused':
        return this.#requestRefused(peer, message, now)
      case 'announce':
        return this.#announced(peer, message, now)
    }
  }

  #serve(peer: SyncPeer, connection: ConnectionId, request: SyncRequest): void {
    const message = answer(request, this.verification.isRunning ? this.#tree : undefined)
    if (message.type === 'headers' && !message.hasMore) tell(peer, message.head, connection)
    this.#effects.push({ type: 'send-message', connection, message })
  }

  #headersAnswered(peer: SyncPeer, message: Headers, now: Instant): void {
    const pending = peer.headersRequest
    if (pending?.request !== message.request) {
      this.#unexpected(peer, 'headers that nobody asked for', now)
      return
    }
    peer.headersRequest = undefined
    peer.hasAnswered = true
    peer.claimed = message.head
    askForMore(peer)
    const headerCount = message.headers.length / this.#options.chain.headerSizeBytes
    if (headerCount > pending.countMax) {
      this.#misbehaved(peer, 'unasked', `expected at most ${pending.countMax} headers, got ${headerCount}`, now)
      return
    }
    const { attempt } = pending
    // A range ends where it was asked to end: whether there is more the peer's claim says.
    const hasMore = message.hasMore || (attempt !== undefined && message.head.height > attempt.height + headerCount)
    // What it has below our gap says nothing of what it has above our tip.
    if (attempt?.kind !== 'backfill') peer.hasMore = hasMore && headerCount > 0
    if (attempt !== undefined && !this.#ranges.answered(peer, attempt, message, now.monotonicMs)) return
    if (headerCount > 0) this.#rangeDelivered(peer, { headers: message.headers, from: pending.from, now })
  }

  #rangeDelivered(peer: SyncPeer, args: { headers: Uint8Array; from: Root; now: Instant }): void {
    const { headers, from, now } = args
    const inspection = this.#tree.inspect(headers)
    const { parent, last, count, lastHasWork } = inspection
    const isNext = this.verification.queue.lastRangeRoot(peer.peer) === parent || this.#tree.has(parent)
    if (!lastHasWork) {
      this.#misbehaved(peer, 'invalid-header', `expected proof of work, got header ${last} without`, now)
    } else if (!isNext && !this.#ranges.followsStart(peer, inspection)) {
      if (parent === from) this.#setAside(peer, undefined, now)
      else this.#misbehaved(peer, 'unlinked-headers', `expected headers after ${from}, got some after ${parent}`, now)
    } else if (this.#tree.has(last)) {
      if (noteDelivered(peer, { last, addedCount: 0 }, 'range')) this.#setAside(peer, undefined, now)
    } else {
      this.verification.queue.push({ source: { type: 'range', peer: peer.peer }, headers, headerCount: count, last })
      this.#syncPeer ??= peer.peer
    }
  }

  #ancestorsAnswered(peer: SyncPeer, message: Ancestors, now: Instant): void {
    const pending = peer.ancestorsRequest
    if (pending?.request !== message.request) {
      this.#unexpected(peer, 'ancestors that nobody asked for', now)
      return
    }
    const wrong = this.#walk.answered(peer, pending, message, now.monotonicMs)
    if (wrong !== undefined) this.#misbehaved(peer, 'unasked', wrong, now)
  }

  #pongAnswered(peer: SyncPeer, request: RequestId, now: Instant): void {
    if (peer.ping?.request !== request) {
      this.#unexpected(peer, 'a pong that nobody asked for', now)
      return
    }
    peer.latencyMs = now.monotonicMs - peer.ping.sentMs
    peer.ping = undefined
  }

  #requestRefused(peer: SyncPeer, { request, reason }: Refused, now: Instant): void {
    const againMs = reason === 'busy' ? now.monotonicMs + limits.BUSY_RETRY_MS : undefined
    if (peer.headersRequest?.request === request) {
      peer.headersRequest = undefined
      this.#setAside(peer, againMs, now)
    } else if (peer.ancestorsRequest?.request === request) {
      this.#walk.refused(peer, againMs, now.monotonicMs)
    } else if (peer.ping?.request === request) peer.ping = undefined
    else this.#unexpected(peer, 'a refusal of nothing', now)
  }

  #announced(peer: SyncPeer, message: Announce, now: Instant): void {
    const parts = { tree: this.#tree, verification: this.verification, walk: this.#walk }
    const wrong = takeAnnouncement(parts, peer, message, now.monotonicMs)
    if (wrong !== undefined) this.#misbehaved(peer, wrong.misbehaviour, wrong.detail, now)
  }

  /** An answer to a request that timed out is late; an answer to nothing is not. */
  #unexpected(peer: SyncPeer, what: string, now: Instant): void {
    if (peer.abandonedCount > 0) peer.abandonedCount -= 1
    else this.#misbehaved(peer, 'unasked', what, now)
  }

  #misbehaved(peer: SyncPeer, misbehaviour: Misbehaviour, detail: string, now: Instant): void {
    this.forgetLiar(peer.peer)
    this.#options.misbehaved({ peer: peer.peer, misbehaviour, detail, nowMs: now.monotonicMs })
  }

  /** What a peer that misbehaved still has waiting here goes with it. */
  forgetLiar(peer: PeerId): void {
    this.verification.queue.dropOf(peer)
    this.verification.future.dropOf(peer)
    this.#ranges.dropOf(peer)
    this.#walk.dropOf(peer)
  }

  /** Not elected for a while: it stalled, or what it has cannot be used now. */
  #setAside(peer: SyncPeer, untilMs: number | undefined, now: Instant): void {
    peer.hasMore = false
    this.#ranges.release(peer.peer)
    peer.stalledUntilMs = untilMs ?? now.monotonicMs + limits.STALL_COOLDOWN_MS
    // A first question that is due stays due (S2).
    if (peer.askAtMs > now.monotonicMs) peer.askAtMs = peer.stalledUntilMs
    if (this.#syncPeer !== peer.peer) return
    this.#syncPeer = undefined
    // The question for missing parents waited for the end of its range.
    this.#walk.askSoon(now.monotonicMs)
  }

  // What verification found.

  handleWork(now: Instant): void {
    const finding = this.verification.verifySlice(now)
    if (finding !== undefined) this.#found(finding, now)
  }

  #found(finding: Finding, now: Instant): void {
    if (finding.type === 'own') return this.#walk.deliver(finding.last)
    const { source } = finding
    const peer = this.#peers.get(source.peer)
    if (source.type === 'backfill') {
      if (this.#ranges.isDoubtful(finding.type)) this.verification.refuseCheckpoint(now)
      if (finding.type === 'verified') return
    }
    switch (finding.type) {
      case 'verified':
        if (peer !== undefined && noteDelivered(peer, finding, source.type)) this.#setAside(peer, undefined, now)
        if (source.type === 'announcement') this.#walk.deliver(finding.last)
        else this.#walk.deliverAll()
        if (source.type === 'ancestors' && peer !== undefined) {
          const wrong = this.#walk.verified(source)
          if (wrong !== undefined) this.#misbehaved(peer, 'unlinked-headers', wrong, now)
        }
        return
      case 'invalid':
        this.forgetLiar(source.peer)
        if (peer !== undefined) this.#misbehaved(peer, 'invalid-header', finding.detail, now)
        return
      case 'unconnected':
        this.#unconnected(finding, now)
        return
      case 'no-room':
        if (source.type === 'ancestors') this.#walk.unusable(source)
        if (peer !== undefined) this.#setAside(peer, undefined, now)
        return
      case 'future':
        // The roots stay with this run, so that nobody else is asked for what cannot be used yet.
        if (finding.dropped?.type === 'ancestors') this.#walk.unusable(finding.dropped)
        if (peer !== undefined) this.#setAside(peer, finding.retryMs, now)
    }
  }

  #unconnected({ source, index, parent }: Extract<Finding, { type: 'unconnected' }>, now: Instant): void {
    const peer = this.#peers.get(source.peer)
    if (source.type === 'ancestors') {
      this.#walk.cut(source)
      // What is missing is fetched from below.
      if (peer?.servesHeaders === true) peer.hasMore = true
    } else if (peer !== undefined && index > 0) {
      this.#misbehaved(peer, 'unlinked-headers', `expected header ${index} to follow the one before it`, now)
    } else if (peer !== undefined && source.type === 'range') {
      peer.idleBatchCount += 1
      // Others brought headers from genesis on meanwhile: it is asked for those then.
      const isOvertaken = this.#ranges.isStart(parent) && peer.idleBatchCount < limits.IDLE_BATCHES_MAX
      if (isOvertaken) peer.hasMore = true
      // Its chain goes on below our gap, and for ranges there it is asked anyway.
      else if (this.#tree.has(parent)) peer.hasMore = false
      else this.#setAside(peer, undefined, now)
    }
  }

  // Asking.

  /** Runs after every step: elects, asks on, announces. Changes nothing when nothing is due. */
  settle(now: Instant): void {
    if (!this.verification.isRunning) return
    this.#followSyncPeer(now.monotonicMs)
    this.#ranges.schedule(now.monotonicMs)
    if (this.#syncPeer === undefined && this.verification.queue.isQuiet) this.#announcer.announce(this.#peers.values())
  }

  /** Keeps the sync peer busy, and passes on to the next candidate when it has no more. */
  #followSyncPeer(nowMs: number): void {
    const { queue } = this.verification
    for (let attemptCount = 0; attemptCount <= this.#peers.size; attemptCount += 1) {
      this.#syncPeer = elect({ current: this.#syncPeer, peers: this.#peers, ranges: this.#ranges, nowMs })
      const peer = this.#syncPeer === undefined ? undefined : this.#peers.get(this.#syncPeer)
      if (peer === undefined || peer.headersRequest !== undefined) return
      const queuedCount = queue.countOf(peer.peer, 'range')
      if (peer.hasMore) {
        const isAskedHere = queuedCount < limits.QUEUED_BATCHES_MAX && !this.#ranges.covers(peer, nowMs)
        if (isAskedHere) askAfterTip(this.#asking, { peer, countMax: peer.headersPerRequest, nowMs })
        return
      }
      if (queuedCount > 0) return
      this.#syncPeer = undefined
      this.#walk.askSoon(nowMs)
    }
  }

  /** Over the connection that counts, which is closed when nothing comes back. */
  probePeer(peerId: PeerId, nowMs: number): void {
    const peer = this.#peers.get(peerId)
    if (peer !== undefined) this.#requests.ping({ peer, timeoutMs: limits.PROBE_TIMEOUT_MS, nowMs })
  }

  // Timers.

  handleTimeout(now: Instant): void {
    const nowMs = now.monotonicMs
    for (const peer of [...this.#peers.values()]) this.#peerTimeout(peer, now)
    this.verification.handleTimeout(nowMs)
    const isWalkDue = this.#walk.dueMs !== undefined && nowMs >= this.#walk.dueMs
    if (!this.verification.isRunning || !isWalkDue) return
    if (this.#syncPeer === undefined) this.#walk.ask(nowMs)
    else this.#walk.postpone()
  }

  #peerTimeout(peer: SyncPeer, now: Instant): void {
    const nowMs = now.monotonicMs
    if (nowMs >= peer.stalledUntilMs) peer.stalledUntilMs = 0
    if (peer.ping !== undefined && nowMs >= peer.ping.deadlineMs) {
      const { connection } = peer.ping
      peer.ping = undefined
      this.#options.unresponsive(connection, nowMs)
      return
    }
    if (peer.headersRequest !== undefined && nowMs >= peer.headersRequest.deadlineMs) this.#stalled(peer, now)
    if (peer.ancestorsRequest !== undefined && nowMs >= peer.ancestorsRequest.deadlineMs) {
      abandon(peer)
      this.#walk.failed(peer, nowMs)
    }
    if (nowMs >= peer.heardMs + limits.PING_INTERVAL_MS) {
      this.#requests.ping({ peer, timeoutMs: limits.PING_TIMEOUT_MS, nowMs })
    }
    const isAskDue = peer.servesHeaders && peer.headersRequest === undefined && nowMs >= peer.askAtMs
    if (this.verification.isRunning && isAskDue) {
      const isTaken = this.#syncPeer !== undefined || isFetching(this.#peers.values())
      askAfterTip(this.#asking, { peer, countMax: isTaken ? limits.PROBE_HEADER_COUNT : peer.headersPerRequest, nowMs })
    }
  }

  /**
   * No strike: the network may be slow. Others go first, less is asked next time, and a ping tells whether it lives.
   * Silence does not unsay that more follows, as long as what it sent lately was new: the sync is not done.
   */
  #stalled(peer: SyncPeer, now: Instant, nowMs = now.monotonicMs): void {
    const others = [...this.#peers.values()].filter((other) => other !== peer && other.servesHeaders)
    const { hasMore } = peer
    peer.headersRequest = undefined
    abandon(peer)
    askForLess(peer)
    this.#setAside(peer, others.length === 0 ? nowMs + limits.PROBE_TIMEOUT_MS : undefined, now)
    peer.idleBatchCount += 1
    peer.hasMore = hasMore && peer.idleBatchCount < limits.IDLE_BATCHES_MAX
    this.#requests.ping({ peer, timeoutMs: limits.PROBE_TIMEOUT_MS, nowMs })
    for (const other of others) if (nowMs >= other.stalledUntilMs) other.askAtMs = nowMs
  }

  nextTimeout(): number | undefined {
    const { isRunning } = this.verification
    let next = this.verification.nextTimeout()
    if (isRunning) next = Math.min(next, this.#walk.dueMs ?? Infinity, this.#ranges.nextTimeout)
    for (const peer of this.#peers.values()) next = Math.min(next, nextTimeoutOf({ peer, isAsking: isRunning }))
    return next === Infinity ? undefined : next
  }

  /** Deadlines move; headers that were too early by the old clock are tried; every peer is asked whether it still turns. */
  clockJumped({ aheadMs, nowMs }: { aheadMs: number; nowMs: number }): void {
    for (const peer of this.#peers.values()) shiftDeadlines(peer, aheadMs)
    this.verification.writer.shift(aheadMs)
    this.#ranges.shift(aheadMs)
    this.verification.future.retry()
    for (const peer of this.#peers.keys()) this.probePeer(peer, nowMs)
  }

  stop(): void {
    this.verification.stop()
    this.#walk.stop()
    this.#ranges.stop()
  }
}
