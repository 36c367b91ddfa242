import type { Batch, BatchSource } from './batch-queue.ts'
import { BatchQueue } from './batch-queue.ts'
import type { Chain, Head, HeaderSummary, HeaderTree, SliceOutcome, SliceStop } from './chain.ts'
import type { Effect } from './effect.ts'
import type { HeadersLoaded, LoadFailed, StoreBecameWritable, StoreOpened } from './event.ts'
import type { Misbehaviour } from './failure.ts'
import { FutureHeaders } from './future-headers.ts'
import type { ConnectionId, PeerId, RequestId, Root } from './ids.ts'
import type { Instant } from './instant.ts'
import * as limits from './limits.ts'
import type { Ancestors, Announce, Headers, NodeInfo, SyncMessage } from './message.ts'
import { MissingParents } from './missing-parents.ts'
import { StoredChain } from './stored-chain.ts'
import { StoreWriter } from './store-writer.ts'
import type { SyncPeer } from './sync-peer.ts'
import { abandon, askForLess, askForMore, createSyncPeer, nextTimeoutOf, shiftDeadlines } from './sync-peer.ts'

export interface SyncOptions {
  readonly chain: Chain
  readonly tree: HeaderTree
  readonly isAuthority: boolean
  readonly effects: Effect[]
  /** The connection that messages to this ready peer go by. */
  readonly connectionOf: (peer: PeerId) => ConnectionId | undefined
  readonly misbehaved: (args: { peer: PeerId; misbehaviour: Misbehaviour; detail: string; nowMs: number }) => void
  readonly unresponsive: (connection: ConnectionId, nowMs: number) => void
}

/**
 * Header sync: every ready peer is asked, one sync peer at a time is followed to its end, missing parents are
 * collected and asked for together, and the best chain is announced and stored.
 * 1. The sync peer is none or ready (S1); it is whoever delivers, and it is changed when it stalls (S2).
 * 2. Every request in flight is owned by one peer's record and goes with it (S3).
 * 3. What a peer claims orders candidates and is shown; nothing else follows from it.
 * 4. Nothing is sent but to ready peers (S4).
 */
export class HeaderSync {
  readonly #options: SyncOptions
  readonly #tree: HeaderTree
  readonly #effects: Effect[]
  /** Ready peers; bounded by maxPeers. */
  readonly #peers = new Map<PeerId, SyncPeer>()
  readonly #queue = new BatchQueue()
  readonly #missing: MissingParents
  readonly #future = new FutureHeaders()
  readonly #stored: StoredChain
  readonly #writer: StoreWriter
  #syncPeer: PeerId | undefined
  #nextRequest = 1
  /** Own headers that came before the stored ones were verified; bounded by QUEUED_BATCHES_MAX. */
  #heldOwn: Uint8Array[] = []
  /** When missing parents are asked for: at once, but after everything that is queued, so that they go together. */
  #ancestorsDueMs: number | undefined
  #announcedRoot: Root
  /** Lowest height that changed since the last announcement. */
  #changedFrom = Infinity

  constructor(options: SyncOptions) {
    this.#options = options
    this.#tree = options.tree
    this.#effects = options.effects
    this.#missing = new MissingParents((root, failure) => this.#wantFailed(root, failure))
    this.#stored = new StoredChain(options)
    this.#writer = new StoreWriter(options)
    this.#announcedRoot = options.tree.tip.root
  }

  get syncPeer(): PeerId | undefined {
    return this.#syncPeer
  }

  get isRunning(): boolean {
    return this.#stored.phase === 'done'
  }

  get isOpening(): boolean {
    return this.#stored.phase === 'opening'
  }

  get hasWork(): boolean {
    return !this.#queue.isEmpty
  }

  get storedHeaderCount(): number {
    return this.isRunning ? this.#writer.storedCount : this.#stored.headerCount
  }

  get missingRoots(): Iterable<Root> {
    return this.#missing.roots
  }

  get waitsForTheFuture(): boolean {
    return this.#future.size > 0
  }

  peerState(peer: PeerId): SyncPeer | undefined {
    return this.#peers.get(peer)
  }

  get servingPeerCount(): number {
    let count = 0
    for (const peer of this.#peers.values()) if (peer.servesHeaders) count += 1
    return count
  }

  head(): Head {
    const summary = this.#stored.head ?? this.#tree.tip
    let confirmedBy = 0
    for (const peer of this.#peers.values()) if (peer.delivered === summary.root) confirmedBy += 1
    const trust = this.#stored.head === undefined ? this.#options.chain.trustWhenVerified : 'stored'
    const { height, root, time, work } = summary
    return { height, root, time, work, trust, confirmedBy }
  }

  /** Somebody answered, no range is under way, and nobody is known to have more. A new head passes without a ripple. */
  get isInStep(): boolean {
    if (!this.isRunning) return false
    if (this.#tree.tip.work < this.#options.chain.minimumChainWork) return false
    if (this.#options.isAuthority) return true
    if (this.#syncPeer !== undefined || this.#queue.hasRange) return false
    let hasAnswer = false
    for (const peer of this.#peers.values()) {
      if (peer.hasMore) return false
      if (peer.hasAnswered) hasAnswer = true
    }
    return hasAnswer
  }

  // Peers come and go; the lifecycle's queue is the only caller.

  peerReady(args: { peer: PeerId; info: NodeInfo; nowMs: number }): void {
    const peer = createSyncPeer(args)
    this.#peers.set(args.peer, peer)
    this.#ping(peer, limits.PING_TIMEOUT_MS, args.nowMs)
    if (this.#missing.size > 0) this.#ancestorsDueMs = args.nowMs
  }

  peerGone(peerId: PeerId, nowMs: number): void {
    this.#peers.delete(peerId)
    if (this.#syncPeer === peerId) this.#syncPeer = undefined
    this.#missing.peerGone(peerId)
    if (this.#missing.size > 0) this.#ancestorsDueMs = nowMs
  }

  /** What was asked over a connection that is no more is asked again over the peer's other one. */
  connectionLost(peerId: PeerId, connection: ConnectionId, nowMs: number): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    if (peer.ping?.connection === connection) peer.ping = undefined
    if (peer.headersRequest?.connection === connection) {
      peer.headersRequest = undefined
      peer.askAtMs = nowMs
    }
    const ancestors = peer.ancestorsRequest
    if (ancestors?.connection === connection) {
      peer.ancestorsRequest = undefined
      this.#missing.release({ roots: ancestors.roots, peer: peerId, isTried: false })
      this.#ancestorsDueMs = nowMs
    }
  }

  /** Our stream broke while the connection lives: asked again soon, and given up when it keeps breaking. */
  streamFailed(peerId: PeerId, connection: ConnectionId, nowMs: number): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    this.connectionLost(peerId, connection, nowMs + limits.STREAM_RETRY_MS)
    peer.streamFailureCount += 1
    if (peer.streamFailureCount >= limits.STREAM_FAILURES_MAX) this.#options.unresponsive(connection, nowMs)
  }

  // Messages of ready peers.

  message(args: { peer: PeerId; connection: ConnectionId; message: SyncMessage; now: Instant }): void {
    const peer = this.#peers.get(args.peer)
    if (peer === undefined) return
    const { message, now } = args
    peer.heardMs = now.monotonicMs
    peer.streamFailureCount = 0
    switch (message.type) {
      case 'get-headers':
      case 'get-ancestors':
      case 'ping':
        this.#serve(peer, args.connection, message)
        return
      case 'headers':
        this.#headersAnswered(peer, message, now)
        return
      case 'ancestors':
        this.#ancestorsAnswered(peer, message, now)
        return
      case 'pong':
        this.#pongAnswered(peer, message.request, now)
        return
      case 'refused':
        this.#requestRefused(peer, message.request, now)
        return
      case 'announce':
        this.#announced(peer, message, now)
    }
  }

  #serve(
    peer: SyncPeer,
    connection: ConnectionId,
    message: Extract<SyncMessage, { type: `get-${string}` | 'ping' }>,
  ): void {
    const { request } = message
    const send = (answer: SyncMessage): void => {
      this.#effects.push({ type: 'send-message', connection, message: answer })
    }
    const { height, root, work } = this.#tree.tip
    switch (message.type) {
      case 'ping':
        send({ type: 'pong', request })
        return
      case 'get-headers': {
        const countMax = Math.min(message.countMax, limits.HEADERS_PER_MESSAGE_MAX)
        const served = this.#tree.serveRange({ locator: message.locator, stop: message.stop, countMax })
        if (!served.hasMore) peer.told = root
        send({ type: 'headers', request, ...served, head: { height, root, work } })
        return
      }
      case 'get-ancestors': {
        const countMax = Math.min(message.countMax, limits.HEADERS_PER_MESSAGE_MAX)
        send({ type: 'ancestors', request, ...this.#tree.serveAncestors({ ...message, countMax }) })
      }
    }
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
      const detail = `expected at most ${pending.countMax} headers, got ${headerCount}`
      this.#misbehaved(peer, 'unasked', detail, now)
      return
    }
    peer.hasMore = message.hasMore && headerCount > 0
    if (headerCount > 0) this.#rangeDelivered(peer, { headers: message.headers, from: pending.from, now })
  }

  #rangeDelivered(peer: SyncPeer, args: { headers: Uint8Array; from: Root; now: Instant }): void {
    const { headers, from, now } = args
    const { parent, last, count, lastHasWork } = this.#tree.inspect(headers)
    if (!lastHasWork) {
      this.#misbehaved(peer, 'invalid-header', `expected proof of work, got header ${last} without`, now)
      return
    }
    const isQueued = this.#queue.lastRangeRoot(peer.peer) === parent
    if (!isQueued && !this.#tree.has(parent)) {
      if (parent === from) this.#setAside(peer, now)
      else this.#misbehaved(peer, 'unlinked-headers', `expected headers after ${from}, got some after ${parent}`, now)
      return
    }
    if (this.#tree.has(last)) {
      this.#delivered(peer, last, 0, now)
      return
    }
    this.#queue.push({ source: { type: 'range', peer: peer.peer }, headers, headerCount: count, last, index: 0 })
    this.#syncPeer ??= peer.peer
  }

  #ancestorsAnswered(peer: SyncPeer, message: Ancestors, now: Instant): void {
    const pending = peer.ancestorsRequest
    if (pending?.request !== message.request) {
      this.#unexpected(peer, 'ancestors that nobody asked for', now)
      return
    }
    peer.ancestorsRequest = undefined
    this.#ancestorsDueMs = now.monotonicMs
    const asked = new Set(pending.roots)
    const answered = message.answered.filter((root) => asked.delete(root))
    const unknown = message.unknown.filter((root) => asked.delete(root))
    const headerCount = message.headers.length / this.#options.chain.headerSizeBytes
    const isUnasked = answered.length + unknown.length < message.answered.length + message.unknown.length
    if (isUnasked || headerCount > limits.HEADERS_PER_MESSAGE_MAX || (headerCount > 0 && answered.length === 0)) {
      this.#misbehaved(peer, 'unasked', 'ancestors of roots that were not asked for, or too many', now)
      return
    }
    const isUseless = answered.length === 0
    this.#missing.release({ roots: unknown, peer: peer.peer, isTried: true })
    this.#missing.release({ roots: [...asked], peer: peer.peer, isTried: isUseless })
    if (headerCount === 0) {
      this.#missing.release({ roots: answered, peer: peer.peer, isTried: true })
      return
    }
    const { last } = this.#tree.inspect(message.headers)
    const source: BatchSource = { type: 'ancestors', peer: peer.peer, roots: answered }
    this.#queue.push({ source, headers: message.headers, headerCount, last, index: 0 })
  }

  #pongAnswered(peer: SyncPeer, request: RequestId, now: Instant): void {
    if (peer.ping?.request !== request) {
      this.#unexpected(peer, 'a pong that nobody asked for', now)
      return
    }
    peer.latencyMs = now.monotonicMs - peer.ping.sentMs
    peer.ping = undefined
  }

  #requestRefused(peer: SyncPeer, request: RequestId, now: Instant): void {
    if (peer.headersRequest?.request === request) {
      peer.headersRequest = undefined
      this.#setAside(peer, now)
    } else if (peer.ancestorsRequest?.request === request) {
      const { roots } = peer.ancestorsRequest
      peer.ancestorsRequest = undefined
      this.#missing.release({ roots, peer: peer.peer, isTried: true })
      this.#ancestorsDueMs = now.monotonicMs
    } else if (peer.ping?.request === request) peer.ping = undefined
    else this.#unexpected(peer, 'a refusal of nothing', now)
  }

  #announced(peer: SyncPeer, message: Announce, now: Instant): void {
    peer.claimed = message.head
    if (message.headers.length === 0) return
    const { parent, last, count, lastHasWork } = this.#tree.inspect(message.headers)
    if (!lastHasWork) {
      this.#misbehaved(peer, 'invalid-header', `expected proof of work, got announced header ${last} without`, now)
    } else if (this.#tree.has(last)) {
      peer.delivered = last
    } else if (this.isRunning && (this.#tree.has(parent) || this.#queue.holdsLast(parent))) {
      if (this.#queue.countOf(peer.peer, 'announcement') >= limits.QUEUED_ANNOUNCEMENTS_PER_PEER_MAX) {
        this.#misbehaved(peer, 'flood', 'more announcements than can be verified', now)
        return
      }
      const source: BatchSource = { type: 'announcement', peer: peer.peer }
      this.#queue.push({ source, headers: message.headers, headerCount: count, last, index: 0 })
    } else if (this.#missing.add({ parent, headers: message.headers, last, headerCount: count, peer: peer.peer })) {
      this.#ancestorsDueMs ??= now.monotonicMs
    } else {
      const detail = `expected at most ${limits.WANTED_ROOTS_PER_PEER_MAX} announcements with missing parents`
      this.#misbehaved(peer, 'flood', detail, now)
    }
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
    this.#queue.dropOf(peer)
    this.#missing.dropOf(peer)
    this.#future.dropOf(peer)
  }

  /** Not elected for a while: it stalled, or what it has cannot be used now. */
  #setAside(peer: SyncPeer, now: Instant): void {
    peer.hasMore = false
    peer.stalledUntilMs = now.monotonicMs + limits.STALL_COOLDOWN_MS
    peer.askAtMs = peer.stalledUntilMs
    if (this.#syncPeer === peer.peer) this.#syncPeer = undefined
  }

  // Verification, a slice at a time.

  handleWork(now: Instant): void {
    const batch = this.#queue.first
    if (batch === undefined) return
    const count = Math.min(limits.HEADERS_PER_SLICE, batch.headerCount - batch.index)
    const outcome = this.#tree.add({ headers: batch.headers, index: batch.index, count, nowUnixMs: now.unixMs })
    if (outcome.headChange !== undefined) this.#headChanged(outcome.headChange, now)
    if (outcome.stop !== undefined) {
      this.#queue.removeFirst()
      this.#stopped(batch, outcome.stop, now)
      return
    }
    batch.index += count
    const { source } = batch
    const peer = 'peer' in source ? this.#peers.get(source.peer) : undefined
    if (peer !== undefined && outcome.addedCount > 0) peer.idleBatchCount = 0
    if (batch.index < batch.headerCount) return
    this.#queue.removeFirst()
    this.#verified(batch, outcome, now)
  }

  #headChanged(change: NonNullable<SliceOutcome['headChange']>, now: Instant): void {
    if (!this.isRunning) return
    const { commonHeight, reverted } = change
    if (reverted.length > 0) {
      const adopted: HeaderSummary[] = []
      for (let height = commonHeight + 1; height <= this.#tree.tip.height; height += 1) {
        const summary = this.#tree.summary(height)
        if (summary !== undefined) adopted.push(summary)
      }
      this.#effects.push({ type: 'reorganised', reverted, adopted })
    }
    this.#effects.push({ type: 'head-changed', head: this.head() })
    this.#changedFrom = Math.min(this.#changedFrom, commonHeight + 1)
    this.#writer.headChanged(commonHeight)
    this.#writer.pump(now.monotonicMs)
  }

  #verified(batch: Batch, outcome: SliceOutcome, now: Instant): void {
    const { source } = batch
    switch (source.type) {
      case 'store':
        if (this.#stored.isWholeAt(source.fromHeight + batch.headerCount)) this.#storeVerified(undefined, now)
        else this.#stored.loadMore()
        return
      case 'ancestors':
        this.#ancestorsVerified(source, now)
        break
      case 'range':
      case 'announcement':
      case 'own':
        break
    }
    const peer = 'peer' in source ? this.#peers.get(source.peer) : undefined
    if (peer !== undefined) this.#delivered(peer, batch.last, outcome.addedCount, now)
    if (source.type === 'range') this.#deliverWanted()
    else this.#deliverOrphans(batch.last)
  }

  /** A batch of this peer kept every rule. One that goes on without anything new is set aside. */
  #delivered(peer: SyncPeer, last: Root, addedCount: number, now: Instant): void {
    peer.delivered = last
    if (addedCount > 0) peer.idleBatchCount = 0
    else peer.idleBatchCount += 1
    if (peer.idleBatchCount >= limits.IDLE_BATCHES_MAX && peer.hasMore) this.#setAside(peer, now)
  }

  #ancestorsVerified(source: Extract<BatchSource, { type: 'ancestors' }>, now: Instant): void {
    const absent = source.roots.filter((root) => !this.#tree.has(root))
    this.#deliverWanted()
    const peer = this.#peers.get(source.peer)
    if (absent.length === 0 || peer === undefined) return
    this.#misbehaved(peer, 'unlinked-headers', `expected the ancestors of ${absent[0] ?? ''}, got others`, now)
  }

  #stopped(batch: Batch, stop: SliceStop, now: Instant): void {
    const { source } = batch
    if (source.type === 'store') {
      const why = stop.type === 'invalid' ? `${stop.rule}: ${stop.message}` : stop.type
      this.#storeVerified(`stored headers from height ${source.fromHeight + stop.index} on were dropped: ${why}`, now)
      return
    }
    const peer = 'peer' in source ? this.#peers.get(source.peer) : undefined
    if (source.type === 'own') {
      const why = stop.type === 'invalid' ? `${stop.rule}: ${stop.message}` : stop.type
      this.#effects.push({ type: 'warning', code: 'own-header-refused', detail: `header ${stop.index}: ${why}` })
      return
    }
    switch (stop.type) {
      case 'invalid': {
        this.forgetLiar(source.peer)
        const detail = `header at height ${stop.height} breaks ${stop.rule}: ${stop.message}`
        if (peer !== undefined) this.#misbehaved(peer, 'invalid-header', detail, now)
        return
      }
      case 'future':
        this.#keepForLater(batch, stop, now)
        return
      case 'unconnected':
        this.#unconnected(batch, stop.index, now)
        return
      case 'no-room':
        this.#queue.dropOf(source.peer)
        if (source.type === 'ancestors') this.#release(source, true)
        if (peer !== undefined) this.#setAside(peer, now)
    }
  }

  #keepForLater(batch: Batch, stop: Extract<SliceStop, { type: 'future' }>, now: Instant): void {
    const { source } = batch
    if (!('peer' in source)) return
    this.#queue.dropOf(source.peer)
    if (source.type === 'ancestors') this.#release(source, true)
    const sizeBytes = this.#options.chain.headerSizeBytes
    const headers = batch.headers.slice(stop.index * sizeBytes)
    const waitMs = Math.min(limits.FUTURE_RETRY_MS_MAX, Math.max(1_000, stop.untilUnixMs - now.unixMs))
    const isNew = this.#future.add({ peer: source.peer, headers, last: batch.last, dueMs: now.monotonicMs + waitMs })
    const peer = this.#peers.get(source.peer)
    if (peer !== undefined) peer.hasMore = false
    if (!isNew) return
    const minutes = Math.ceil((stop.untilUnixMs - now.unixMs) / 60_000)
    const detail = `the header at height ${stop.height} is ${minutes} min too far ahead of this machine's clock; kept for later`
    this.#effects.push({ type: 'warning', code: 'future-header', detail })
  }

  #unconnected(batch: Batch, index: number, now: Instant): void {
    const { source } = batch
    if (!('peer' in source)) return
    const peer = this.#peers.get(source.peer)
    this.#queue.dropOf(source.peer)
    if (source.type === 'ancestors') {
      // The walk back ended above our chain: the gap is longer than one answer, so it is closed from below.
      this.#deliverWanted()
      this.#release(source, true)
      if (peer?.servesHeaders === true) this.#syncFrom(peer, now)
    } else if (peer !== undefined && index > 0) {
      this.#misbehaved(peer, 'unlinked-headers', `expected header ${index} to follow the one before it`, now)
    } else if (peer !== undefined && source.type === 'range') this.#setAside(peer, now)
  }

  #syncFrom(peer: SyncPeer, now: Instant): void {
    peer.hasMore = true
    peer.askAtMs = now.monotonicMs
  }

  #release(source: Extract<BatchSource, { type: 'ancestors' }>, isTried: boolean): void {
    this.#missing.release({ roots: source.roots, peer: source.peer, isTried })
  }

  /** Orphans whose parent is in the tree now are verified next; their own children follow the same way, iteratively. */
  #deliverOrphans(root: Root): void {
    for (const orphan of this.#missing.take(root)) {
      const source: BatchSource = { type: 'announcement', peer: orphan.peer }
      const { headers, headerCount, last } = orphan
      this.#queue.push({ source, headers, headerCount, last, index: 0 })
    }
  }

  #deliverWanted(): void {
    for (const root of [...this.#missing.roots]) if (this.#tree.has(root)) this.#deliverOrphans(root)
  }

  #wantFailed(root: Root, failure: string): void {
    this.#effects.push({ type: 'want-failed', root, failure })
  }

  // Own headers and the store.

  submit(headers: Uint8Array): void {
    if (headers.length === 0 || headers.length % this.#options.chain.headerSizeBytes !== 0) {
      const detail = `expected whole headers of ${this.#options.chain.headerSizeBytes} bytes, got ${headers.length} bytes`
      this.#effects.push({ type: 'warning', code: 'own-header-refused', detail })
    } else if (this.isRunning) {
      const { count, last } = this.#tree.inspect(headers)
      this.#queue.push({ source: { type: 'own' }, headers, headerCount: count, last, index: 0 })
    } else if (this.#heldOwn.length < limits.QUEUED_BATCHES_MAX) this.#heldOwn.push(headers)
  }

  storeOpened(event: StoreOpened, now: Instant): void {
    this.#stored.opened(event)
    if (this.#stored.head !== undefined) this.#effects.push({ type: 'head-changed', head: this.head() })
    else if (this.isRunning) this.#run(0, now)
  }

  headersLoaded(event: HeadersLoaded, now: Instant): void {
    const { headers, fromHeight } = event
    const headerCount = Math.floor(headers.length / this.#options.chain.headerSizeBytes)
    if (this.#stored.phase !== 'verifying') return
    if (!this.#stored.loaded({ fromHeight, headerCount })) {
      this.#storeVerified(`expected ${this.#stored.headerCount} stored headers, found ${fromHeight}`, now)
      return
    }
    const { last } = this.#tree.inspect(headers)
    this.#queue.push({ source: { type: 'store', fromHeight }, headers, headerCount, last, index: 0 })
    this.#stored.loadMore()
  }

  loadFailed(event: LoadFailed, now: Instant): void {
    if (this.#stored.phase !== 'verifying') return
    this.#effects.push({ type: 'warning', code: 'store-read-failed', detail: event.reason })
    this.#storeVerified(undefined, now)
  }

  #storeVerified(dropped: string | undefined, now: Instant): void {
    this.#queue.dropStored()
    this.#stored.finish()
    if (dropped !== undefined) this.#effects.push({ type: 'warning', code: 'store-tail-dropped', detail: dropped })
    this.#effects.push({ type: 'head-changed', head: this.head() })
    this.#run(this.#tree.tip.height + 1, now)
  }

  /** From now on headers come from peers and from our own side. */
  #run(matchingCount: number, now: Instant): void {
    if (this.#stored.isWritable) this.#writer.enable(matchingCount, now.monotonicMs)
    else this.#writer.matched(matchingCount)
    for (const headers of this.#heldOwn.splice(0)) this.submit(headers)
    for (const peer of this.#peers.values()) peer.askAtMs = now.monotonicMs
    if (this.#missing.size > 0) this.#ancestorsDueMs = now.monotonicMs
  }

  storeBecameWritable(event: StoreBecameWritable, now: Instant): void {
    for (const { height, header } of event.samples) {
      if (this.#tree.summary(height)?.root !== this.#tree.rootOf(header)) continue
      this.#writer.enable(height + 1, now.monotonicMs)
      return
    }
    this.#writer.enable(0, now.monotonicMs)
  }

  get writer(): StoreWriter {
    return this.#writer
  }

  // Asking, announcing, timers.

  /** Runs after every step: elects, asks on, announces. Changes nothing when nothing is due. */
  settle(now: Instant): void {
    if (!this.isRunning) return
    this.#followSyncPeer(now)
    if (this.#syncPeer === undefined && this.#queue.isEmpty) this.#announce()
  }

  /** Keeps the sync peer busy, and passes on to the next candidate when it has no more. */
  #followSyncPeer(now: Instant): void {
    for (let attemptCount = 0; attemptCount <= this.#peers.size; attemptCount += 1) {
      this.#syncPeer ??= this.#bestCandidate(now.monotonicMs)
      const peer = this.#syncPeer === undefined ? undefined : this.#peers.get(this.#syncPeer)
      if (peer === undefined) return
      const queuedCount = this.#queue.countOf(peer.peer, 'range')
      if (peer.headersRequest !== undefined) return
      if (peer.hasMore) {
        if (queuedCount < limits.QUEUED_BATCHES_MAX) this.#ask(peer, peer.headersPerRequest, now.monotonicMs)
        return
      }
      if (queuedCount > 0) return
      this.#syncPeer = undefined
      if (this.#missing.size > 0) this.#ancestorsDueMs = now.monotonicMs
    }
  }

  /** Claims order candidates: of those that answered that they have more, the one that claims the most work. */
  #bestCandidate(nowMs: number): PeerId | undefined {
    let best: SyncPeer | undefined
    for (const peer of this.#peers.values()) {
      if (!peer.hasMore || nowMs < peer.stalledUntilMs) continue
      if (best === undefined || peer.claimed.work > best.claimed.work) best = peer
    }
    return best?.peer
  }

  /** The locator begins one below our head, so that a peer with the same head delivers it and thereby confirms it. */
  #ask(peer: SyncPeer, countMax: number, nowMs: number): void {
    const queued = this.#queue.lastRangeRoot(peer.peer)
    const locator = [...this.#tree.locator(Math.max(0, this.#tree.tip.height - 1))]
    if (queued !== undefined) locator.unshift(queued)
    const from = locator[0]
    const connection = this.#options.connectionOf(peer.peer)
    if (connection === undefined || from === undefined) return
    const request = this.#nextRequest++ as RequestId
    const deadlineMs = nowMs + limits.REQUEST_TIMEOUT_MS
    peer.headersRequest = { request, connection, sentMs: nowMs, deadlineMs, countMax, from }
    peer.askAtMs = nowMs + limits.ASK_AGAIN_INTERVAL_MS
    const message = { type: 'get-headers', request, locator, stop: undefined, countMax } as const
    this.#effects.push({ type: 'send-message', connection, message })
  }

  /** All missing parents go together, first to those who announced their children, what is left to anyone. */
  #askAncestors(nowMs: number): void {
    this.#ancestorsDueMs = undefined
    this.#deliverWanted()
    if (this.#syncPeer !== undefined || this.#missing.size === 0) return
    const askable = [...this.#peers.values()].filter((peer) => peer.servesAncestors)
    for (const isAnnouncer of [true, false]) {
      for (const peer of askable) {
        if (peer.ancestorsRequest !== undefined) continue
        const roots = this.#missing.askable({ peer: peer.peer, isAnnouncer })
        if (roots.length > 0) this.#sendGetAncestors(peer, roots, nowMs)
      }
    }
    if (askable.length > 0) this.#missing.failExhausted(askable.map(({ peer }) => peer))
  }

  #sendGetAncestors(peer: SyncPeer, roots: readonly Root[], nowMs: number): void {
    const connection = this.#options.connectionOf(peer.peer)
    if (connection === undefined) return
    const request = this.#nextRequest++ as RequestId
    peer.ancestorsRequest = { request, connection, sentMs: nowMs, deadlineMs: nowMs + limits.REQUEST_TIMEOUT_MS, roots }
    this.#missing.asked(roots, peer.peer)
    const known = this.#tree.locator(this.#tree.tip.height)
    const countMax = limits.HEADERS_PER_MESSAGE_MAX
    const message = { type: 'get-ancestors', request, roots, known, countMax } as const
    this.#effects.push({ type: 'send-message', connection, message })
  }

  #ping(peer: SyncPeer, timeoutMs: number, nowMs: number): void {
    const connection = this.#options.connectionOf(peer.peer)
    if (connection === undefined) return
    if (peer.ping !== undefined) {
      peer.ping.deadlineMs = Math.min(peer.ping.deadlineMs, nowMs + timeoutMs)
      return
    }
    const request = this.#nextRequest++ as RequestId
    peer.ping = { request, connection, sentMs: nowMs, deadlineMs: nowMs + timeoutMs }
    this.#effects.push({ type: 'send-message', connection, message: { type: 'ping', request } })
  }

  #announce(): void {
    const { tip } = this.#tree
    if (tip.root === this.#announcedRoot) return
    const isShort = tip.height - this.#changedFrom < limits.ANNOUNCED_HEADERS_MAX
    const fromHeight = isShort ? Math.max(1, this.#changedFrom) : tip.height
    const headers = this.#tree.range({ fromHeight, count: tip.height - fromHeight + 1 })
    const head = { height: tip.height, root: tip.root, work: tip.work }
    for (const peer of this.#peers.values()) {
      if (peer.delivered === tip.root || peer.told === tip.root) continue
      const connection = this.#options.connectionOf(peer.peer)
      if (connection === undefined) continue
      peer.told = tip.root
      const message = { type: 'announce', headers: headers.slice(), head } as const
      this.#effects.push({ type: 'send-message', connection, message })
    }
    this.#announcedRoot = tip.root
    this.#changedFrom = Infinity
  }

  /** Every peer is asked whether it still turns. */
  probe(nowMs: number): void {
    for (const peer of this.#peers.values()) this.#ping(peer, limits.PROBE_TIMEOUT_MS, nowMs)
  }

  handleTimeout(now: Instant): void {
    const nowMs = now.monotonicMs
    for (const peer of [...this.#peers.values()]) this.#peerTimeout(peer, now)
    for (const run of this.#future.takeDue(nowMs)) {
      const { count } = this.#tree.inspect(run.headers)
      const source: BatchSource = { type: 'announcement', peer: run.peer }
      this.#queue.push({ source, headers: run.headers, headerCount: count, last: run.last, index: 0 })
    }
    if (this.isRunning && this.#ancestorsDueMs !== undefined && nowMs >= this.#ancestorsDueMs) this.#askAncestors(nowMs)
    this.#writer.pump(nowMs)
  }

  #peerTimeout(peer: SyncPeer, now: Instant): void {
    const nowMs = now.monotonicMs
    if (nowMs >= peer.stalledUntilMs) peer.stalledUntilMs = 0
    if (peer.headersRequest !== undefined && nowMs >= peer.headersRequest.deadlineMs) {
      peer.headersRequest = undefined
      this.#stalled(peer, now)
    }
    if (peer.ancestorsRequest !== undefined && nowMs >= peer.ancestorsRequest.deadlineMs) {
      const { roots } = peer.ancestorsRequest
      peer.ancestorsRequest = undefined
      abandon(peer)
      this.#missing.release({ roots, peer: peer.peer, isTried: true })
      this.#ancestorsDueMs = nowMs
    }
    if (peer.ping !== undefined && nowMs >= peer.ping.deadlineMs) {
      this.#options.unresponsive(peer.ping.connection, nowMs)
      peer.ping = undefined
      return
    }
    if (peer.ping === undefined && nowMs >= peer.heardMs + limits.PING_INTERVAL_MS) {
      this.#ping(peer, limits.PING_TIMEOUT_MS, nowMs)
    }
    if (this.isRunning && peer.servesHeaders && peer.headersRequest === undefined && nowMs >= peer.askAtMs) {
      this.#ask(peer, this.#isFetching ? limits.PROBE_HEADER_COUNT : peer.headersPerRequest, nowMs)
    }
  }

  /** Whole batches come from one peer at a time; the others are only asked whether they have something new. */
  get #isFetching(): boolean {
    if (this.#syncPeer !== undefined) return true
    for (const { headersRequest } of this.#peers.values()) {
      if (headersRequest !== undefined && headersRequest.countMax > limits.PROBE_HEADER_COUNT) return true
    }
    return false
  }

  /** No strike: the network may be slow. Others go first, less is asked next time, and a ping tells whether it lives. */
  #stalled(peer: SyncPeer, now: Instant): void {
    abandon(peer)
    askForLess(peer)
    this.#setAside(peer, now)
    this.#ping(peer, limits.PROBE_TIMEOUT_MS, now.monotonicMs)
    for (const other of this.#peers.values()) {
      if (other !== peer && now.monotonicMs >= other.stalledUntilMs) other.askAtMs = now.monotonicMs
    }
  }

  nextTimeout(): number | undefined {
    let next = Math.min(this.#future.nextDueMs ?? Infinity, this.#writer.nextTimeout() ?? Infinity)
    if (this.isRunning) next = Math.min(next, this.#ancestorsDueMs ?? Infinity)
    for (const peer of this.#peers.values()) {
      next = Math.min(next, nextTimeoutOf({ peer, isAsking: this.isRunning }))
    }
    return next === Infinity ? undefined : next
  }

  shift(byMs: number): void {
    for (const peer of this.#peers.values()) shiftDeadlines(peer, byMs)
    this.#writer.shift(byMs)
  }

  stop(): void {
    this.#queue.clear()
    this.#missing.clear()
    this.#future.clear()
    this.#writer.stop()
  }
}
