/**
 * The host of one process on the simulated network; keeps what `Host` promises: a connection's first event is
 * `connection-opened` and its last `connection-closed`, once each, and every dial and handshake request has an end.
 */
import type {
  AnswerHandshake,
  CloseConnection,
  HostEffect,
  RequestHandshake,
  SendMessage,
} from '../../src/core/effect.ts'
import type { Event, HandshakeRequested } from '../../src/core/event.ts'
import type { NetworkFailure } from '../../src/core/failure.ts'
import type { ConnectionId, DialId, PeerId, RequestId } from '../../src/core/ids.ts'
import { OUTLINE_REQUEST_FIRST, PEERS_REQUEST_FIRST } from '../../src/core/limits.ts'
import type { Link, LinkEnd, LinkOwner } from './link.ts'
import { exchangeSizeBytes, isRequest, messageSizeBytes } from './machine.ts'
import type { Random } from './random.ts'
import type { ExchangeManners } from './simulated-exchange.ts'
import { SimulatedExchange } from './simulated-exchange.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Obligation 2 of the driver. */
const INBOX_MESSAGES_MAX = 64
const INBOX_BYTES_MAX = 4 * 1024 * 1024
/** What a real host would buffer for a peer that does not read before it resets the stream. */
const UNDER_WAY_BYTES_MAX = 16 * 1024 * 1024

export interface DialState {
  readonly dial: DialId
  readonly address: string
  isSettled: boolean
  link: Link | undefined
}

export interface HostOptions {
  /** Share of what it sends that nobody can decode. */
  readonly garbledShare: number
  /** Knows bitswap and not our handshake, and says so (Helia, Kubo). */
  readonly isExchangeOnly: boolean
  readonly manners: ExchangeManners
  readonly bytesPerMs: number
  readonly time: VirtualTime
  readonly random: Random
  /** For block exchange alone, so that without it nothing else is drawn differently. */
  readonly exchangeRandom: Random
  /** Into the process's inbox; with the end it came by, for a message. */
  readonly post: (event: Event, end: LinkEnd | undefined) => void
  readonly dial: (state: DialState, timeoutMs: number) => void
  /** Something was sent to an end whose process is dead. */
  readonly sentIntoTheVoid: (end: LinkEnd) => void
}

interface Waiting {
  count: number
  bytes: number
  isBlocked: boolean
}

export class SimulatedHost implements LinkOwner {
  isAlive = true
  readonly ends: Map<ConnectionId, LinkEnd> = new Map<ConnectionId, LinkEnd>()
  readonly dials: Map<DialId, DialState> = new Map<DialId, DialState>()
  readonly exchange: SimulatedExchange
  private readonly options: HostOptions
  private readonly waiting: Map<PeerId, Waiting> = new Map<PeerId, Waiting>()
  private nextQuestion = 1

  constructor(options: HostOptions) {
    this.options = options
    const { time, exchangeRandom: random, manners, bytesPerMs, sentIntoTheVoid } = options
    this.exchange = new SimulatedExchange({
      ...{ time, random, manners, bytesPerMs, sentIntoTheVoid },
      post: (event) => this.post(event),
      endOf: (connection) => this.ends.get(connection),
    })
  }

  perform(effect: HostEffect): void {
    switch (effect.type) {
      case 'dial':
        this.dial(effect)
        return
      case 'cancel-dial':
        this.cancelDial(effect.dial)
        return
      case 'close-connection':
        this.closeConnection(effect)
        return
      case 'request-handshake':
        this.requestHandshake(effect)
        return
      case 'answer-handshake':
        this.answerHandshake(effect)
        return
      case 'send-message':
        this.sendMessage(effect)
        return
      default: {
        const remote = this.ends.get(effect.connection)?.other.owner as SimulatedHost | undefined
        this.exchange.perform(effect, remote?.exchange)
      }
    }
  }

  private dial(effect: { readonly dial: DialId; readonly address: string; readonly timeoutMs: number }): void {
    const state: DialState = { dial: effect.dial, address: effect.address, isSettled: false, link: undefined }
    this.dials.set(effect.dial, state)
    this.options.time.after(effect.timeoutMs, () => this.failDial(state, 'timeout'))
    this.options.dial(state, effect.timeoutMs)
  }

  failDial(state: DialState, failure: NetworkFailure): void {
    if (state.isSettled || !this.isAlive) return
    state.isSettled = true
    this.dials.delete(state.dial)
    this.post({ type: 'dial-failed', dial: state.dial, failure, detail: `${state.address}: ${failure}` })
    const end = state.link?.dialer
    if (end !== undefined) this.close(end)
  }

  succeedDial(state: DialState, end: LinkEnd): void {
    if (state.isSettled || !this.isAlive) return
    state.isSettled = true
    this.dials.delete(state.dial)
    this.post({ type: 'dial-succeeded', dial: state.dial, connection: end.connection, peer: end.remotePeer })
  }

  private cancelDial(dial: DialId): void {
    const state = this.dials.get(dial)
    if (state !== undefined) this.options.time.after(0, () => this.failDial(state, 'cancelled'))
  }

  opened(end: LinkEnd, args: { transport: string; address: string; isLimited: boolean }): void {
    if (!this.isAlive || end.isClosed) return
    this.ends.set(end.connection, end)
    end.isOpen = true
    const { connection, direction, remotePeer: peer } = end
    this.post({ type: 'connection-opened', connection, peer, direction, ...args })
    end.link.resume(end)
    if ((end.other.owner as SimulatedHost).options.isExchangeOnly) this.learnProtocols(end)
  }

  /** What identify tells: sooner or later, or not at all. */
  private learnProtocols(end: LinkEnd): void {
    const { time, random } = this.options
    if (random.chance(0.2)) return
    time.after(random.between(0, 2_000), () => {
      if (end.isClosed) return
      const { connection } = end
      this.post({ type: 'protocols-learnt', connection, speaksHandshake: false, speaksBitswap: true })
    })
  }

  private closeConnection({ connection }: CloseConnection): void {
    const end = this.ends.get(connection)
    if (end !== undefined) this.close(end)
  }

  /** From our side: in the background, so that events of it may still come for a moment. */
  close(end: LinkEnd): void {
    if (end.isClosing) return
    end.isClosing = true
    this.options.time.after(this.options.random.between(0, 30), () => {
      this.finishClose(end)
      end.link.sendClose(end.other)
    })
  }

  closeArrived(end: LinkEnd): void {
    if (!end.isOpen) end.isClosed = true
    this.finishClose(end)
  }

  private finishClose(end: LinkEnd): void {
    if (!end.isOpen || end.isClosed || !this.isAlive) {
      end.isClosed = true
      return
    }
    for (const request of [...end.handshakeRequests]) this.failHandshake(end, request, 'closed')
    this.exchange.closed(end.connection)
    end.isClosed = true
    end.isOpen = false
    this.ends.delete(end.connection)
    this.post({ type: 'connection-closed', connection: end.connection })
  }

  private requestHandshake({ connection, request, info, timeoutMs }: RequestHandshake): void {
    const end = this.ends.get(connection)
    if (end === undefined) {
      // Its connection-closed is in the inbox already and must stay the last event; the core has let go of it by then.
      return
    }
    end.handshakeRequests.push(request)
    this.options.time.after(timeoutMs, () => this.failHandshake(end, request, 'timeout'))
    const to = end.other
    if ((to.owner as SimulatedHost).options.isExchangeOnly) {
      this.options.time.after(this.options.random.between(5, 300), () =>
        this.failHandshake(end, request, 'unsupported'),
      )
      return
    }
    const question: HandshakeRequested = {
      type: 'handshake-requested',
      connection: to.connection,
      request: (to.owner as SimulatedHost).nextQuestion++ as RequestId,
      info,
    }
    to.handshakeQuestions.push({ request: question.request, askersRequest: request })
    this.send(end, 'handshake', question, 300)
  }

  failHandshake(end: LinkEnd, request: RequestId, failure: NetworkFailure | 'undecodable'): void {
    if (!this.isAlive || end.isClosed || take(end.handshakeRequests, (other) => other === request) === undefined) return
    this.post({ type: 'handshake-failed', connection: end.connection, request, failure })
  }

  private answerHandshake({ connection, request, info }: AnswerHandshake): void {
    const end = this.ends.get(connection)
    const question = end === undefined ? undefined : take(end.handshakeQuestions, (other) => other.request === request)
    if (end === undefined || question === undefined) return
    const { askersRequest } = question
    const event: Event = { type: 'handshake-answered', connection: end.other.connection, request: askersRequest, info }
    this.send(end, 'handshake', event, 300)
  }

  private sendMessage({ connection, message }: SendMessage): void {
    const end = this.ends.get(connection)
    if (end === undefined) return
    const isOnOwnStream = isRequest(message) || message.type === 'announce'
    if (isOnOwnStream) {
      if (message.type !== 'announce') {
        const range = rangeOf(message.request)
        end.lastRequestSent[range] = Math.max(end.lastRequestSent[range] ?? -1, message.request)
      }
    } else if (message.request <= (end.other.lostRequestMax[rangeOf(message.request)] ?? -1)) return
    const event: Event = { type: 'message-received', connection: end.other.connection, message }
    const sizeBytes = messageSizeBytes(message)
    const underWayBytes = this.send(end, isOnOwnStream ? 'requests' : 'answers', event, sizeBytes)
    if (underWayBytes > UNDER_WAY_BYTES_MAX) this.resetStream(isOnOwnStream ? end : end.other)
  }

  private send(end: LinkEnd, channel: 'handshake' | 'requests' | 'answers', event: Event, sizeBytes: number): number {
    if (!end.other.owner.isAlive) this.options.sentIntoTheVoid(end)
    const isGarbled = this.options.garbledShare > 0 && this.options.random.chance(this.options.garbledShare)
    return end.link.send(end.other, channel, isGarbled ? garbled(event) : event, sizeBytes)
  }

  /** The stream for the requests of this end breaks: those under way and their answers are lost. */
  resetStream(end: LinkEnd): void {
    end.link.drop(end.other, 'requests')
    end.link.drop(end, 'answers')
    end.lastRequestSent.forEach((request, range) => (end.lostRequestMax[range] = request))
    const owner = end.owner as SimulatedHost
    if (!end.isOpen || !owner.isAlive) return
    owner.post({ type: 'sync-stream-failed', connection: end.connection, failure: 'closed' })
  }

  deliver(end: LinkEnd, event: Event, sizeBytes: number): boolean {
    const isLateAnswer =
      (event.type === 'handshake-answered' || event.type === 'handshake-failed') &&
      take(end.handshakeRequests, (request) => request === event.request) === undefined
    if (isLateAnswer) return true
    if (event.type === 'exchange-received' && !this.exchange.reads(end)) return false
    if (event.type !== 'message-received' && event.type !== 'exchange-received') {
      this.post(event)
      return true
    }
    let waiting = this.waiting.get(end.remotePeer)
    if (waiting === undefined) {
      waiting = { count: 0, bytes: 0, isBlocked: false }
      this.waiting.set(end.remotePeer, waiting)
    }
    const isFull =
      waiting.count >= INBOX_MESSAGES_MAX || (waiting.count > 0 && waiting.bytes + sizeBytes > INBOX_BYTES_MAX)
    if (isFull) {
      waiting.isBlocked = true
      return false
    }
    waiting.count += 1
    waiting.bytes += sizeBytes
    this.post(event, end)
    return true
  }

  /** The process takes this message out of its inbox. */
  taken(event: Event, peer: PeerId): void {
    const waiting = this.waiting.get(peer)
    if (waiting === undefined) return
    waiting.count -= 1
    if (event.type === 'message-received') waiting.bytes -= messageSizeBytes(event.message)
    else if (event.type === 'exchange-received') waiting.bytes -= exchangeSizeBytes(event.message)
    if (!waiting.isBlocked) return
    waiting.isBlocked = false
    for (const end of this.ends.values()) if (end.remotePeer === peer) end.link.resume(end)
  }

  private post(event: Event, end?: LinkEnd): void {
    if (this.isAlive) this.options.post(event, end)
  }
}

/** Those for peers' records are numbered by themselves. */
function rangeOf(request: number): number {
  return request >= PEERS_REQUEST_FIRST && request < OUTLINE_REQUEST_FIRST ? 1 : 0
}

/** Takes the first such item away and returns it. */
function take<Item>(items: Item[], isIt: (item: Item) => boolean): Item | undefined {
  const index = items.findIndex(isIt)
  return index < 0 ? undefined : items.splice(index, 1)[0]
}

/** What a host makes of bytes that are no message. */
function garbled(event: Event): Event {
  if (event.type === 'handshake-answered') {
    const { connection, request } = event
    return { type: 'handshake-failed', connection, request, failure: 'undecodable' }
  }
  if (event.type !== 'message-received') return event
  const { connection } = event
  return { type: 'peer-misbehaved', connection, misbehaviour: 'undecodable', detail: 'no message of the protocol' }
}
