/** L1–L8, H1–H7 and R1 as far as connections show them. */
import type { Effect, PeerGone, PeerReady, RequestHandshake } from '../effect.ts'
import type { ConnectionOpened, Event } from '../event.ts'
import type { ConnectionId, PeerId, RequestId } from '../ids.ts'
import * as limits from '../limits.ts'
import type { NodeInfo } from '../message.ts'
import { broken } from './invariant-error.ts'
import type { Cause } from './cause.ts'

const AGENT_PATTERN = /^[\x20-\x7e]{0,64}$/

export interface SeenConnection {
  readonly id: ConnectionId
  readonly peer: PeerId
  readonly seenPeer: SeenPeer
  readonly isDirect: boolean
  /** By then it must be handshaken, exchange-only or on its way out. */
  deadlineMs: number
  /** The remote said this on it, in a request or an answer. */
  info: NodeInfo | undefined
  /** Our request in flight. */
  asked: RequestId | undefined
  hasAsked: boolean
  /** The core has to answer this one before the step is over. */
  question: RequestId | undefined
  isHandshaken: boolean
  isMismatched: boolean
  isExchangeOnly: boolean
  hasFailed: boolean
  /** We asked for it to be closed. */
  isClosing: boolean
}

interface SeenPeer {
  readonly id: PeerId
  generation: number
  isReady: boolean
  /** Open, and those on their way out. */
  readonly connections: SeenConnection[]
}

export class ConnectionRules {
  private readonly options: { readonly chain: string; readonly genesis: string; readonly maxPeers: number }
  private readonly connections = new Map<ConnectionId, SeenConnection>()
  private readonly peers = new Map<PeerId, SeenPeer>()
  private readonly ready = new Set<PeerId>()
  /** Direct connections without a handshake, oldest first. */
  private readonly limbo = new Set<SeenConnection>()
  /** Peers whose readiness or connections this step changed: L6 holds for the others as it did before. */
  private readonly changed: SeenPeer[] = []

  constructor(options: { readonly chain: string; readonly genesis: string; readonly maxPeers: number }) {
    this.options = options
  }

  get readyPeers(): Iterable<PeerId> {
    return this.ready
  }

  /** Connections that are open and not on their way out. */
  get liveCount(): number {
    let count = 0
    for (const connection of this.connections.values()) if (!connection.isClosing) count += 1
    return count
  }

  get(id: ConnectionId): SeenConnection | undefined {
    return this.connections.get(id)
  }

  isOpen(id: ConnectionId): boolean {
    return this.connections.has(id)
  }

  isReady(peer: PeerId): boolean {
    return this.ready.has(peer)
  }

  infoOf(peer: PeerId): NodeInfo | undefined {
    for (const connection of this.peers.get(peer)?.connections ?? [])
      if (connection.isHandshaken && !connection.isClosing) return connection.info
    return undefined
  }

  event(event: Event, effects: readonly Effect[], nowMs: number): void {
    if ('connection' in event && event.type !== 'connection-opened' && event.type !== 'dial-succeeded') {
      const connection = this.connections.get(event.connection)
      if (connection === undefined) {
        if (effects.length > 0) broken('L8', `${event.type} of the unknown ${event.connection} had effects`)
        return
      }
      this.connectionEvent(event, connection, effects, nowMs)
    } else if (event.type === 'connection-opened') this.opened(event, nowMs)
    else if (event.type === 'clock-jumped') {
      for (const connection of this.limbo) connection.deadlineMs += Math.max(0, event.aheadMs)
    }
  }

  private opened(event: ConnectionOpened, nowMs: number): void {
    let peer = this.peers.get(event.peer)
    if (peer === undefined) {
      peer = { id: event.peer, generation: 0, isReady: false, connections: [] }
      this.peers.set(event.peer, peer)
    }
    const connection: SeenConnection = {
      id: event.connection,
      peer: event.peer,
      seenPeer: peer,
      isDirect: !event.isLimited,
      deadlineMs: nowMs + (event.isLimited ? limits.LIMITED_CONNECTION_LIFETIME_MS : limits.HANDSHAKE_TIMEOUT_MS),
      info: undefined,
      asked: undefined,
      hasAsked: false,
      question: undefined,
      isHandshaken: false,
      isMismatched: false,
      isExchangeOnly: false,
      hasFailed: false,
      isClosing: false,
    }
    this.connections.set(connection.id, connection)
    this.limbo.add(connection)
    peer.connections.push(connection)
    this.changed.push(peer)
  }

  private connectionEvent(
    event: Exclude<Event, ConnectionOpened>,
    connection: SeenConnection,
    effects: readonly Effect[],
    nowMs: number,
  ): void {
    switch (event.type) {
      case 'connection-closed':
        this.closed(connection)
        return
      case 'handshake-requested':
        if (connection.isClosing || !connection.isDirect) return
        connection.question = event.request
        this.heard(connection, event.info, nowMs)
        return
      case 'handshake-answered':
        if (connection.asked === event.request) connection.asked = undefined
        if (!connection.isClosing) this.heard(connection, event.info, nowMs)
        return
      case 'handshake-failed':
        if (connection.asked === event.request) connection.asked = undefined
        if (event.failure !== 'unsupported' && !connection.isHandshaken) connection.hasFailed = true
        // What cannot be decoded is misbehaviour of the peer, not a failure of the connection.
        if (event.failure !== 'undecodable') this.checkOnlyThisCloses(connection, effects)
        return
      case 'protocols-learnt':
        connection.isExchangeOnly = event.speaksBitswap && !event.speaksHandshake
        return
      default:
    }
  }

  private closed(connection: SeenConnection): void {
    this.connections.delete(connection.id)
    this.limbo.delete(connection)
    const { connections } = connection.seenPeer
    connections.splice(connections.indexOf(connection), 1)
    connection.isClosing = true
    this.changed.push(connection.seenPeer)
  }

  /** H6: believed for its own connection only. */
  private heard(connection: SeenConnection, info: NodeInfo, nowMs: number): void {
    connection.info = info
    if (!connection.isDirect) return
    this.changed.push(connection.seenPeer)
    if (info.chain === this.options.chain && info.genesis === this.options.genesis) {
      if (!connection.isMismatched) this.handshaken(connection)
      return
    }
    // H3: on whichever connection the mismatch shows, the peer is lost on all of them.
    for (const other of connection.seenPeer.connections) {
      if (!other.isDirect) continue
      other.isMismatched = true
      other.isHandshaken = false
      other.deadlineMs = nowMs + limits.WRONG_CHAIN_LINGER_MS
      this.limbo.delete(other)
      if (!other.isClosing) this.limbo.add(other)
    }
  }

  private handshaken(connection: SeenConnection): void {
    connection.isHandshaken = true
    this.limbo.delete(connection)
  }

  /** H4: a failure on one connection closes only that one while another is healthy. */
  private checkOnlyThisCloses(connection: SeenConnection, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'close-connection' || effect.connection === connection.id) continue
      if (this.connections.get(effect.connection)?.peer !== connection.peer) continue
      if (this.connections.get(effect.connection)?.isHandshaken === true)
        broken('H4', `a failure on ${connection.id} closed the healthy ${effect.connection}`)
    }
  }

  effect(effect: Effect, cause: Cause, nowMs: number): void {
    switch (effect.type) {
      case 'peer-ready':
        this.becameReady(effect)
        return
      case 'peer-gone':
        this.wentAway(effect)
        return
      case 'close-connection':
        this.closing(effect.connection)
        return
      case 'request-handshake':
        this.asked(effect)
        return
      case 'answer-handshake': {
        const connection = this.connections.get(effect.connection)
        if (connection?.question !== effect.request) broken('L8', `an answer to no question on ${effect.connection}`)
        connection.question = undefined
        return
      }
      case 'send-message':
        this.sent(effect.connection, cause, nowMs)
        return
      default:
    }
  }

  private becameReady(effect: PeerReady): void {
    const peer = this.peers.get(effect.peer)
    if (peer === undefined) broken('L4', `${effect.peer} is ready and never had a connection`)
    if (peer.isReady) broken('L1', `${effect.peer} is ready twice`)
    if (effect.generation <= peer.generation)
      broken('L1', `${effect.peer}: generation ${effect.generation} follows ${peer.generation}`)
    const connection = this.live(peer)
    if (connection === undefined) broken('L4', `${effect.peer} is ready without an open, handshaken, direct connection`)
    if (!AGENT_PATTERN.test(effect.agent)) broken('H6', `${effect.peer} is shown with an agent that is not printable`)
    if (peer.connections.every(({ info }) => info?.agent !== effect.agent))
      broken('H6', `${effect.peer} is ready with an agent that it did not say`)
    peer.isReady = true
    this.changed.push(peer)
    peer.generation = effect.generation
    this.ready.add(effect.peer)
    if (this.ready.size > this.options.maxPeers)
      broken('L3', `${this.ready.size} peers are ready, at most ${this.options.maxPeers} are admitted`)
  }

  private wentAway(effect: PeerGone): void {
    const peer = this.peers.get(effect.peer)
    if (peer === undefined || !peer.isReady) broken('L1', `${effect.peer} is gone and was not ready`)
    if (effect.generation !== peer.generation)
      broken('L1', `${effect.peer}: generation ${effect.generation} is gone, ${peer.generation} was ready`)
    const survivor = this.live(peer)
    if (survivor !== undefined) broken('L7', `${effect.peer} is gone although ${survivor.id} is open and handshaken`)
    peer.isReady = false
    this.changed.push(peer)
    this.ready.delete(effect.peer)
  }

  private live(peer: SeenPeer): SeenConnection | undefined {
    for (const connection of peer.connections) if (connection.isHandshaken && !connection.isClosing) return connection
    return undefined
  }

  private closing(id: ConnectionId): void {
    const connection = this.connections.get(id)
    if (connection === undefined) broken('L8', `${id} is closed and is not open`)
    if (connection.isClosing) broken('R1', `${id} is closed twice`)
    connection.isClosing = true
    this.changed.push(connection.seenPeer)
    this.limbo.delete(connection)
  }

  private asked(effect: RequestHandshake): void {
    const connection = this.connections.get(effect.connection)
    if (connection === undefined || connection.isClosing) broken('L8', `a handshake on ${effect.connection}, not open`)
    if (!connection.isDirect) broken('L6', `a handshake on the limited ${effect.connection}`)
    if (connection.asked !== undefined) broken('H2', `a second handshake request in flight on ${effect.connection}`)
    if (connection.hasAsked) broken('H2', `the handshake of ${effect.connection} was started twice`)
    if (!(effect.timeoutMs > 0 && effect.timeoutMs <= limits.HANDSHAKE_TIMEOUT_MS))
      broken('H7', `a handshake request may take ${effect.timeoutMs} ms`)
    connection.asked = effect.request
    connection.hasAsked = true
  }

  /** H5, S4 */
  private sent(id: ConnectionId, cause: Cause, _nowMs: number): void {
    const connection = this.connections.get(id)
    if (connection === undefined || connection.isClosing) broken('S4', `a message on ${id}, not open, at ${cause.type}`)
    if (!connection.isHandshaken) broken('H5', `a message on ${id} before its handshake`)
    if (!this.ready.has(connection.peer)) broken('S4', `a message to ${connection.peer}, not ready`)
  }

  /** What holds between any two steps. */
  after(cause: Cause, nowMs: number): void {
    if (cause.type === 'timeout') this.checkLimbo(nowMs)
    if (this.limbo.size > limits.PENDING_CONNECTIONS_MAX + 64 + limits.EXCHANGE_ONLY_PEERS_MAX)
      broken('R1', `${this.limbo.size} connections are pending`)
    const connection = cause.type === 'handshake-requested' ? this.connections.get(cause.connection) : undefined
    if (connection?.question !== undefined && !connection.isClosing)
      broken('H1', `a handshake request on ${connection.id} was not answered`)
    for (const peer of this.changed) this.checkPeer(peer)
    this.changed.length = 0
  }

  /** L6, R1 */
  private checkPeer(peer: SeenPeer): void {
    const { id } = peer
    if (peer.isReady !== (this.live(peer) !== undefined))
      broken('L6', `${id} is ${peer.isReady ? '' : 'not '}ready, and its connections say otherwise`)
    let directCount = 0
    let limitedCount = 0
    for (const { isClosing, isDirect } of peer.connections) {
      if (isClosing) continue
      if (isDirect) directCount += 1
      else limitedCount += 1
    }
    if (directCount > limits.DIRECT_CONNECTIONS_PER_PEER_MAX) broken('R1', `${directCount} direct connections to ${id}`)
    if (limitedCount > limits.LIMITED_CONNECTIONS_PER_PEER_MAX)
      broken('R1', `${limitedCount} limited connections to ${id}`)
  }

  /** H1: no limbo. Only a timeout can act on a deadline, so it is checked after one. */
  private checkLimbo(nowMs: number): void {
    for (const connection of this.limbo) {
      if (connection.deadlineMs > nowMs) continue
      if (connection.isExchangeOnly) continue
      broken('H1', `${connection.id} of ${connection.peer} is open since its deadline, in limbo`)
    }
  }
}
