import { assert } from './assert.ts'
import type { Connection } from './connection.ts'
import {
  createConnection,
  endOf,
  isHandshaken,
  isPending,
  isPreferred,
  isUnready,
  joinExchange,
  retire,
  surplusDeadlineMs,
} from './connection.ts'
import type { DialSchedule } from './dial-schedule.ts'
import type { CloseReason, Effect } from './effect.ts'
import type {
  ConnectionClosed,
  ConnectionOpened,
  DialSucceeded,
  HandshakeAnswered,
  HandshakeFailed,
  HandshakeRequested,
  MessageReceived,
  ProtocolsLearnt,
} from './event.ts'
import type { Misbehaviour } from './failure.ts'
import { messageSizeBytes } from './handshake.ts'
import type { ConnectionId, PeerId, RequestId } from './ids.ts'
import * as limits from './limits.ts'
import type { NodeInfo } from './message.ts'
import type { PeerNotice } from './peer-notice.ts'
import { StrikeBook } from './strike-book.ts'

interface Peer {
  /** At most two direct and two limited, and those that are closing. */
  readonly connections: Set<Connection>
  /** Grows with every time it becomes ready. */
  generation: number
  isReady: boolean
}

export interface LifecycleOptions {
  readonly ownPeer: PeerId
  readonly maxPeers: number
  readonly effects: Effect[]
  readonly notices: PeerNotice[]
  readonly dials: DialSchedule
  /** Ours, as it is now. */
  readonly ownInfo: () => NodeInfo
  /** Undefined when the info fits our chain. */
  readonly judge: (info: NodeInfo) => string | undefined
}

/**
 * Connections in, `ready` and `gone` out: once each per generation, in one FIFO.
 * 1. Per peer, ready and gone alternate, starting with ready; the generation grows (L1, L2).
 * 2. Admission comes before ready: a refused peer was never ready and is never gone (L3).
 * 3. A peer is ready exactly while it has a handshaken direct connection that is open and that we are not closing;
 *    n handshakes on n connections make one ready; gone comes with the last of them (L5, L6, L7).
 * 4. An event of an unknown or closing connection changes nothing (L8).
 * 5. Every direct connection completes, is exchange-only, or is closed by its deadline (H1).
 */
export class PeerLifecycle {
  readonly #options: LifecycleOptions
  /**
   * Bounded by maxPeers, EXCHANGE_ONLY_PEERS_MAX and PENDING_CONNECTIONS_MAX, times the connections per peer; relayed ones,
   * mismatched ones and those that are closing by how soon they end and how fast the host takes new ones.
   */
  readonly #connections = new Map<ConnectionId, Connection>()
  /** Peers with at least one connection. */
  readonly #peers = new Map<PeerId, Peer>()
  /** Generations outlive connections; bounded by REMEMBERED_PEERS_MAX, oldest forgotten first, ready peers never. */
  readonly #generations = new Map<PeerId, number>()
  readonly #strikes = new StrikeBook()
  #readyCount = 0
  #pendingCount = 0
  #nextRequest = 1
  #nowMs = 0

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  get readyCount(): number {
    return this.#readyCount
  }

  get connections(): Iterable<Connection> {
    return this.#connections.values()
  }

  isReady(peer: PeerId): boolean {
    return this.#peers.get(peer)?.isReady ?? false
  }

  /** As of the last time something happened. */
  strikeCount(peer: PeerId): number {
    return this.#strikes.count(peer, this.#nowMs)
  }

  /** Undefined once it is closing. */
  connection(id: ConnectionId): Connection | undefined {
    return this.#open(id)
  }

  /** The connection that messages to a ready peer go by; both sides prefer the one that the smaller id dialled. */
  primaryConnection(peer: PeerId): Connection | undefined {
    let best: Connection | undefined
    for (const connection of this.#peers.get(peer)?.connections ?? []) {
      if (!isHandshaken(connection)) continue
      if (best === undefined || isPreferred({ connection, to: best, ownPeer: this.#options.ownPeer })) best = connection
    }
    return best
  }

  connectionOpened(event: ConnectionOpened, nowMs: number): void {
    this.#nowMs = nowMs
    if (this.#connections.has(event.connection)) return
    const connection = createConnection(event, nowMs)
    const isBeyondLimit = this.#isBeyondLimit(connection, nowMs)
    this.#add(connection)
    if (isBeyondLimit) this.#close(connection, 'refused', nowMs, 'refused: too many connections, or banned')
    else if (event.direction === 'outbound' && !event.isLimited) this.#requestHandshake(connection, nowMs)
  }

  #isBeyondLimit(connection: Connection, nowMs: number): boolean {
    if (this.#strikes.isBanned(connection.peer, nowMs)) return true
    const isLimited = connection.handshake.phase === 'limited'
    let sameKindCount = 0
    for (const other of this.#peers.get(connection.peer)?.connections ?? []) {
      if (!other.isClosing && (other.handshake.phase === 'limited') === isLimited) sameKindCount += 1
    }
    if (isLimited) return sameKindCount >= limits.LIMITED_CONNECTIONS_PER_PEER_MAX
    return (
      sameKindCount >= limits.DIRECT_CONNECTIONS_PER_PEER_MAX || this.#pendingCount >= limits.PENDING_CONNECTIONS_MAX
    )
  }

  /** awaited → requested: the dialer starts, once. */
  #requestHandshake(connection: Connection, nowMs: number): void {
    const request = this.#nextRequest++ as RequestId
    const deadlineMs = nowMs + limits.HANDSHAKE_TIMEOUT_MS
    connection.handshake = { phase: 'requested', request, deadlineMs }
    this.#options.effects.push({
      type: 'request-handshake',
      connection: connection.id,
      request,
      info: this.#options.ownInfo(),
      timeoutMs: limits.HANDSHAKE_TIMEOUT_MS,
    })
  }

  connectionClosed(event: ConnectionClosed, nowMs: number): void {
    const connection = this.#connections.get(event.connection)
    if (connection === undefined) return
    const wasClosing = connection.isClosing
    const wasHandshaken = isHandshaken(connection)
    this.#retire(connection)
    this.#remove(connection)
    if (wasClosing) return
    if (wasHandshaken) this.#lost(connection, 'connection closed', nowMs)
    else this.#failDial(connection, 'the connection was closed before the handshake was done', nowMs)
  }

  dialSucceeded(event: DialSucceeded, nowMs: number): void {
    const { dials } = this.#options
    const connection = this.#connections.get(event.connection)
    if (!dials.succeeded(event)) {
      const isUnwanted = connection !== undefined && !connection.isClosing && !isHandshaken(connection)
      if (isUnwanted) this.#close(connection, 'disconnect-requested', nowMs, 'given up')
      return
    }
    if (this.isReady(event.peer)) dials.peerReady(event.peer)
    else {
      const ended = endOf(connection, event.peer)
      if (ended !== undefined) dials.connectionFailed({ connection: event.connection, nowMs, ...ended })
    }
  }

  /**
   * The remote asks: answered first and judged then, so that both sides learn of a mismatch.
   * Where there is no room it gets no answer, or it would be ready for a moment and come back at once, again and again.
   */
  handshakeRequested(event: HandshakeRequested, nowMs: number): void {
    const connection = this.#open(event.connection)
    if (connection === undefined || connection.handshake.phase === 'limited') return
    connection.heardMs = nowMs
    if (isUnready(connection) && !this.#hasRoomFor(connection.peer) && this.#options.judge(event.info) === undefined) {
      this.#refuse(connection, nowMs)
      return
    }
    const info = this.#options.ownInfo()
    this.#options.effects.push({ type: 'answer-handshake', connection: connection.id, request: event.request, info })
    this.#judge(connection, event.info, nowMs)
  }

  handshakeAnswered(event: HandshakeAnswered, nowMs: number): void {
    const connection = this.#open(event.connection)
    if (connection === undefined || connection.handshake.phase === 'limited') return
    connection.heardMs = nowMs
    this.#judge(connection, event.info, nowMs)
  }

  /** requested → closed, or awaited where the remote does not know the protocol. Completed stays completed (H4). */
  handshakeFailed(event: HandshakeFailed, nowMs: number): void {
    const connection = this.#open(event.connection)
    if (connection?.handshake.phase !== 'requested' || connection.handshake.request !== event.request) return
    if (event.failure === 'unsupported') {
      connection.handshake = { phase: 'awaited', deadlineMs: connection.handshake.deadlineMs }
      if (connection.isBitswapOnly) this.#exchangeOnly(connection, nowMs)
      return
    }
    if (event.failure === 'undecodable') {
      this.misbehaved({ peer: connection.peer, misbehaviour: 'undecodable', detail: 'an unreadable handshake', nowMs })
      return
    }
    const reason = event.failure === 'timeout' ? 'handshake-timeout' : 'handshake-failed'
    this.#close(connection, reason, nowMs, `the handshake failed: ${event.failure}`)
  }

  /** A hint: remembered, and acted on where no handshake is under way. */
  protocolsLearnt(event: ProtocolsLearnt, nowMs: number): void {
    const connection = this.#open(event.connection)
    if (connection === undefined) return
    connection.isBitswapOnly = event.speaksBitswap && !event.speaksHandshake
    if (connection.handshake.phase === 'awaited' && connection.isBitswapOnly) this.#exchangeOnly(connection, nowMs)
  }

  /** awaited → exchange-only */
  #exchangeOnly(connection: Connection, nowMs: number): void {
    let exchangeOnlyCount = 0
    for (const other of this.#connections.values()) {
      if (other.handshake.phase === 'exchange-only' && !other.isClosing) exchangeOnlyCount += 1
    }
    if (exchangeOnlyCount >= limits.EXCHANGE_ONLY_PEERS_MAX) {
      this.#close(connection, 'refused', nowMs, 'no room for another exchange-only peer')
      return
    }
    this.#pendingCount -= 1
    connection.handshake = { phase: 'exchange-only' }
    joinExchange(connection, this.#options.notices)
    const ended = endOf(connection, connection.peer)
    if (ended !== undefined) this.#options.dials.connectionFailed({ connection: connection.id, nowMs, ...ended })
  }

  messageReceived(event: MessageReceived, nowMs: number): void {
    const connection = this.#open(event.connection)
    if (connection === undefined) return
    connection.heardMs = nowMs
    if (connection.handshake.phase === 'completed') {
      const { peer, id } = connection
      this.#options.notices.push({ type: 'message', peer, connection: id, message: event.message })
      return
    }
    if (!isPending(connection)) return
    connection.early.push(event.message)
    connection.earlyBytes += messageSizeBytes(event.message)
    const isFlood =
      connection.early.length > limits.EARLY_MESSAGES_MAX || connection.earlyBytes > limits.EARLY_MESSAGE_BYTES_MAX
    if (isFlood) {
      const detail = `expected a handshake before more than ${limits.EARLY_MESSAGES_MAX} messages`
      this.misbehaved({ peer: connection.peer, misbehaviour: 'flood', detail, nowMs })
    }
  }

  /** One strike: the peer is disconnected, told as a warning, and banned when it has too many. */
  misbehaved(args: { peer: PeerId; misbehaviour: Misbehaviour; detail: string; nowMs: number }): void {
    const { peer, nowMs } = args
    this.#nowMs = nowMs
    if (!this.#peers.has(peer)) return
    const backoffMs = this.#strike(args) ? limits.BAN_MS : limits.STRUCK_BACKOFF_MS
    const detail = `${args.misbehaviour}: ${args.detail}`
    this.#closePeer({ peer, reason: 'misbehaviour', detail, backoffMs, nowMs })
  }

  /** True when the peer is banned from now on. */
  #strike(args: { peer: PeerId; misbehaviour: Misbehaviour; detail: string; nowMs: number }): boolean {
    const { count, isBanned } = this.#strikes.strike(args.peer, args.nowMs)
    const detail = `${args.peer}: ${args.misbehaviour}: ${args.detail}; strike ${count}`
    this.#options.effects.push({ type: 'warning', code: isBanned ? 'peer-banned' : 'peer-struck', detail })
    return isBanned
  }

  /** Nothing came back in time. The network's fault: no strike. */
  unresponsive(id: ConnectionId, nowMs: number): void {
    const connection = this.#open(id)
    if (connection !== undefined) this.#close(connection, 'unresponsive', nowMs, 'no answer in time')
  }

  disconnect(peer: PeerId, nowMs: number): void {
    this.#options.dials.suspend(peer)
    this.#closePeer({ peer, reason: 'disconnect-requested', detail: 'disconnected by the app', nowMs })
  }

  #closePeer(args: { peer: PeerId; reason: CloseReason; detail: string; backoffMs?: number; nowMs: number }): void {
    for (const connection of [...(this.#peers.get(args.peer)?.connections ?? [])]) {
      if (!connection.isClosing) this.#close(connection, args.reason, args.nowMs, args.detail, args.backoffMs)
    }
  }

  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs
    for (const connection of [...this.#connections.values()]) {
      if (connection.isClosing) continue
      const { handshake } = connection
      if ('deadlineMs' in handshake && nowMs >= handshake.deadlineMs) this.#handshakeExpired(connection, nowMs)
      else if (nowMs >= this.#surplusDeadlineMs(connection)) {
        this.#close(connection, 'surplus', nowMs, 'another connection to this peer is in use')
      }
    }
  }

  #handshakeExpired(connection: Connection, nowMs: number): void {
    switch (connection.handshake.phase) {
      case 'limited':
        this.#close(connection, 'limited-expired', nowMs, 'a relayed connection lives a minute')
        return
      case 'mismatched':
        this.#close(connection, 'wrong-chain', nowMs, 'another chain')
        return
      default: {
        const seconds = limits.HANDSHAKE_TIMEOUT_MS / 1000
        this.#close(connection, 'handshake-timeout', nowMs, `no handshake within ${seconds} s`)
      }
    }
  }

  nextTimeout(): number | undefined {
    // One handshaken connection for each ready peer, and nothing else: nothing has a deadline.
    if (this.#connections.size === this.#readyCount) return undefined
    let next = Infinity
    for (const connection of this.#connections.values()) {
      if (connection.isClosing) continue
      if ('deadlineMs' in connection.handshake) next = Math.min(next, connection.handshake.deadlineMs)
      else next = Math.min(next, this.#surplusDeadlineMs(connection))
    }
    return next === Infinity ? undefined : next
  }

  #surplusDeadlineMs(connection: Connection): number {
    if ((this.#peers.get(connection.peer)?.connections.size ?? 0) < 2) return Infinity
    const survivor = this.primaryConnection(connection.peer)
    return surplusDeadlineMs({ connection, survivor, ownPeer: this.#options.ownPeer })
  }

  shift(byMs: number): void {
    for (const connection of this.#connections.values()) {
      const { handshake } = connection
      if ('deadlineMs' in handshake) connection.handshake = { ...handshake, deadlineMs: handshake.deadlineMs + byMs }
    }
  }

  /** Every peer is gone, and no connection is known any more. */
  stop(nowMs: number): void {
    for (const peer of [...this.#peers.keys()]) this.#closePeer({ peer, reason: 'stopped', detail: 'stopped', nowMs })
    this.#connections.clear()
    this.#peers.clear()
  }

  #judge(connection: Connection, info: NodeInfo, nowMs: number): void {
    const mismatch = this.#options.judge(info)
    if (mismatch === undefined) this.#complete(connection, info, nowMs)
    else if (connection.handshake.phase !== 'mismatched') this.#mismatched(connection, mismatch, nowMs)
  }

  /** requested | awaited | completed → mismatched: failed on every connection of the peer, for good and all (H3). */
  #mismatched(connection: Connection, mismatch: string, nowMs: number): void {
    this.#strike({ peer: connection.peer, misbehaviour: 'wrong-chain', detail: mismatch, nowMs })
    const failure = { code: 'wrong-chain', detail: `${connection.peer}: ${mismatch}` } as const
    const backoffMs = limits.WRONG_CHAIN_BACKOFF_MS
    const wasReady = this.isReady(connection.peer)
    for (const other of this.#peers.get(connection.peer)?.connections ?? []) {
      this.#options.dials.connectionFailed({ connection: other.id, failure, nowMs, backoffMs })
      if (other.isClosing || other.handshake.phase === 'limited') continue
      this.#retire(other)
      other.handshake = { phase: 'mismatched', deadlineMs: nowMs + limits.WRONG_CHAIN_LINGER_MS }
    }
    if (wasReady) this.#lost(connection, `wrong chain: ${mismatch}`, nowMs, backoffMs)
  }

  /** requested | awaited | exchange-only → completed. Idempotent: a second completion refreshes nothing but the info (L5). */
  #complete(connection: Connection, info: NodeInfo, nowMs: number): void {
    const { handshake, peer: peerId } = connection
    if (handshake.phase === 'completed') {
      connection.handshake = { ...handshake, info }
      return
    }
    if (!isUnready(connection)) return
    const peer = this.#peers.get(peerId)
    assert(peer !== undefined, 'a connection has its peer')
    if (!this.#hasRoomFor(peerId)) {
      this.#refuse(connection, nowMs)
      return
    }
    if (isPending(connection)) this.#pendingCount -= 1
    connection.handshake = { phase: 'completed', info, sinceMs: nowMs }
    if (!peer.isReady) this.#becomeReady(peerId, peer, info)
    else this.#options.notices.push({ type: 'connection-added', peer: peerId })
    joinExchange(connection, this.#options.notices)
    for (const message of connection.early.splice(0)) {
      this.#options.notices.push({ type: 'message', peer: peerId, connection: connection.id, message })
    }
    connection.earlyBytes = 0
  }

  #hasRoomFor(peer: PeerId): boolean {
    return this.isReady(peer) || this.#readyCount < this.#options.maxPeers
  }

  #refuse(connection: Connection, nowMs: number): void {
    this.#close(connection, 'refused', nowMs, `no room: ${this.#options.maxPeers} peers are ready`)
  }

  #becomeReady(peerId: PeerId, peer: Peer, info: NodeInfo): void {
    peer.isReady = true
    peer.generation += 1
    this.#readyCount += 1
    this.#generations.delete(peerId)
    this.#generations.set(peerId, peer.generation)
    for (const oldest of this.#generations.keys()) {
      if (this.#generations.size <= limits.REMEMBERED_PEERS_MAX) break
      if (!this.isReady(oldest)) this.#generations.delete(oldest)
    }
    this.#options.notices.push({ type: 'ready', peer: peerId, generation: peer.generation, info })
    this.#options.dials.peerReady(peerId)
  }

  /** Asks the host to close; from now on nothing is sent or heard over this connection. */
  #close(connection: Connection, reason: CloseReason, nowMs: number, detail: string, backoffMs?: number): void {
    const wasHandshaken = isHandshaken(connection)
    this.#retire(connection)
    connection.isClosing = true
    this.#options.effects.push({ type: 'close-connection', connection: connection.id, reason })
    if (wasHandshaken) this.#lost(connection, detail, nowMs, backoffMs)
    else this.#failDial(connection, detail, nowMs, backoffMs)
  }

  /** A handshaken connection is no more: the peer is gone with its last one (L7). */
  #lost(connection: Connection, reason: string, nowMs: number, backoffMs?: number): void {
    const peer = this.#peers.get(connection.peer)
    const generation = peer?.generation ?? this.#generations.get(connection.peer) ?? 0
    if (this.primaryConnection(connection.peer) !== undefined) {
      this.#options.notices.push({ type: 'connection-lost', peer: connection.peer, connection: connection.id })
      return
    }
    if (peer !== undefined) peer.isReady = false
    this.#readyCount -= 1
    this.#options.notices.push({ type: 'gone', peer: connection.peer, generation, reason })
    this.#options.dials.peerGone({ peer: connection.peer, nowMs, backoffMs })
  }

  #failDial(connection: Connection, detail: string, nowMs: number, backoffMs?: number): void {
    const failure = { code: 'peer-refused', detail: `${connection.peer}: ${detail}` } as const
    this.#options.dials.connectionFailed({ connection: connection.id, failure, nowMs, backoffMs })
  }

  /** Takes a connection out of the pending count and drops what it held (L4: exactly once, whatever the order). */
  #retire(connection: Connection): void {
    if (!connection.isClosing && isPending(connection)) this.#pendingCount -= 1
    retire(connection, this.#options.notices)
  }

  #open(id: ConnectionId): Connection | undefined {
    const connection = this.#connections.get(id)
    return connection === undefined || connection.isClosing ? undefined : connection
  }

  #add(connection: Connection): void {
    this.#connections.set(connection.id, connection)
    if (isPending(connection)) this.#pendingCount += 1
    let peer = this.#peers.get(connection.peer)
    if (peer === undefined) {
      peer = { connections: new Set(), generation: this.#generations.get(connection.peer) ?? 0, isReady: false }
      this.#peers.set(connection.peer, peer)
    }
    peer.connections.add(connection)
  }

  #remove(connection: Connection): void {
    this.#connections.delete(connection.id)
    const peer = this.#peers.get(connection.peer)
    peer?.connections.delete(connection)
    if (peer?.connections.size === 0) this.#peers.delete(connection.peer)
  }
}
