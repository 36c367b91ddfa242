import {
  ConnectionClosedError,
  LimitedConnectionError,
  StreamCloseEvent,
  TooManyInboundProtocolStreamsError,
  TooManyOutboundProtocolStreamsError,
  TypedEventEmitter,
  type AbortOptions,
  type Connection,
  type ConnectionLimits,
  type ConnectionStatus,
  type Logger,
  type MessageStreamDirection,
  type MessageStreamEvents,
  type MultiaddrConnection,
  type MultiaddrConnectionTimeline,
  type NewStreamOptions,
  type PeerId,
  type Stream,
  type StreamMuxer,
} from '@libp2p/interface'
import { handle, select } from '@libp2p/multistream-select'
import type { Multiaddr } from '@multiformats/multiaddr'
import { peerOf } from './remote-address.ts'
import type { TabRegistrar } from './tab-registrar.ts'
import { within } from './tab-signal.ts'

/** As libp2p 3.3 has them (connection-manager/constants, registrar), so that a protocol finds the same room here. */
const NEGOTIATION_TIMEOUT_MS = 10_000
const CLOSE_TIMEOUT_MS = 1_000
const INBOUND_STREAMS_PER_PROTOCOL_MAX = 32
const OUTBOUND_STREAMS_PER_PROTOCOL_MAX = 64

type ConnectionEvents = Omit<MessageStreamEvents, 'drain' | 'message' | 'end'>

/** A secured, multiplexed connection. Its streams are bounded by the muxer, and per protocol. */
export class TabConnection extends TypedEventEmitter<ConnectionEvents> implements Connection {
  readonly id: string
  readonly remoteAddr: Multiaddr
  readonly remotePeer: PeerId
  readonly direction: MessageStreamDirection
  readonly timeline: MultiaddrConnectionTimeline
  readonly multiplexer: string
  readonly encryption: string
  readonly direct: boolean
  /** A relay's bytes and seconds: such a connection carries only the protocols that ask for it. */
  readonly limits?: ConnectionLimits
  /** By this name libp2p's own connection has it too. */
  readonly maConn: MultiaddrConnection
  readonly #muxer: StreamMuxer
  readonly #registrar: TabRegistrar
  #isClosing = false

  constructor(args: {
    readonly id: string
    readonly maConn: MultiaddrConnection
    readonly muxer: StreamMuxer
    readonly registrar: TabRegistrar
    readonly remotePeer: PeerId
    readonly direction: MessageStreamDirection
    readonly encryption: string
    readonly limits: ConnectionLimits | undefined
  }) {
    super()
    const { maConn, muxer, remotePeer } = args
    this.id = args.id
    this.maConn = maConn
    this.#muxer = muxer
    this.#registrar = args.registrar
    this.remotePeer = remotePeer
    this.remoteAddr =
      peerOf(maConn.remoteAddr) === undefined
        ? maConn.remoteAddr.encapsulate(`/p2p/${remotePeer.toString()}`)
        : maConn.remoteAddr
    this.direction = args.direction
    this.timeline = maConn.timeline
    this.multiplexer = muxer.protocol
    this.encryption = args.encryption
    this.direct = isDirect(maConn.remoteAddr)
    if (args.limits !== undefined) this.limits = args.limits
    muxer.addEventListener('stream', (event) => void this.#accept(event.detail))
    maConn.addEventListener('close', (event) => this.dispatchEvent(new StreamCloseEvent(event.local, event.error)))
  }

  get log(): Logger {
    return this.maConn.log
  }

  get streams(): Stream[] {
    return this.#muxer.streams
  }

  /** Closing from the first: a dial must not be answered with what waits for a peer that says nothing. */
  get status(): ConnectionStatus {
    const { status } = this.maConn
    return this.#isClosing && status === 'open' ? 'closing' : status
  }

  /** Rejects with libp2p's own errors; the stream is reset when it does. Without a signal there is a deadline. */
  async newStream(protocols: string | string[], options: NewStreamOptions = {}): Promise<Stream> {
    if (this.status !== 'open' || this.#muxer.status !== 'open') {
      throw new ConnectionClosedError(`expected an open connection, got one that is ${this.status}`)
    }
    if (this.limits !== undefined && options.runOnLimitedConnection !== true) throw limitedError()
    return within({ signal: options.signal, timeoutMs: NEGOTIATION_TIMEOUT_MS }, (signal) =>
      this.#open([protocols].flat(), { ...options, signal }),
    )
  }

  close(options: AbortOptions = {}): Promise<void> {
    this.#isClosing = true
    return within({ signal: options.signal, timeoutMs: CLOSE_TIMEOUT_MS }, async (signal) => {
      await this.#muxer.close({ signal })
      await this.maConn.close({ signal })
    })
  }

  abort(error: Error): void {
    this.#muxer.abort(error)
    this.maConn.abort(error)
  }

  async #open(protocols: string[], options: NewStreamOptions & { readonly signal: AbortSignal }): Promise<Stream> {
    const { signal } = options
    const [only, ...others] = protocols
    // A muxer may agree on a protocol while it opens the stream, if there is only one.
    const named = only === undefined || others.length > 0 ? {} : { protocol: only }
    const stream = await this.#muxer.createStream({ ...named, signal })
    try {
      if (stream.protocol === '') stream.protocol = await select(stream, protocols, { signal })
      this.#checkOutbound(stream, options)
      return stream
    } catch (error) {
      stream.abort(asError(error))
      throw error
    }
  }

  async #accept(stream: Stream): Promise<void> {
    try {
      if (stream.protocol === '') {
        stream.protocol = await within({ signal: undefined, timeoutMs: NEGOTIATION_TIMEOUT_MS }, (signal) =>
          handle(stream, this.#registrar.getProtocols(), { signal }),
        )
      }
      const { handler, options } = this.#registrar.getHandler(stream.protocol)
      if (this.#count(stream) > (options.maxInboundStreams ?? INBOUND_STREAMS_PER_PROTOCOL_MAX)) {
        throw new TooManyInboundProtocolStreamsError(`too many streams of ${stream.protocol}`)
      }
      if (this.limits !== undefined && options.runOnLimitedConnection !== true) throw limitedError()
      await handler(stream, this)
    } catch (error) {
      stream.abort(asError(error))
    }
  }

  #checkOutbound(stream: Stream, options: NewStreamOptions): void {
    const own = this.#registrar.find(stream.protocol)?.options.maxOutboundStreams
    if (this.#count(stream) <= (own ?? options.maxOutboundStreams ?? OUTBOUND_STREAMS_PER_PROTOCOL_MAX)) return
    throw new TooManyOutboundProtocolStreamsError(`too many streams of ${stream.protocol}`)
  }

  /** Streams like this one, itself included. */
  #count({ protocol, direction }: Stream): number {
    return this.streams.filter((each) => each.protocol === protocol && each.direction === direction).length
  }
}

/** Whether the bytes go to the peer itself. With WebRTC only the signals went through the relay that is named. */
export function isDirect(address: Multiaddr): boolean {
  const names = new Set(address.getComponents().map(({ name }) => name))
  return !names.has('p2p-circuit') || names.has('webrtc')
}

function limitedError(): Error {
  return new LimitedConnectionError('expected a protocol that may run over a relay')
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
