import type {
  ClearableSignal,
  Connection,
  MultiaddrConnection,
  Stream,
  StreamMuxer,
  StreamMuxerFactory,
} from '@libp2p/interface'
import { PENDING_CONNECTIONS_MAX } from '../core/limits.ts'
import { INBOUND_EXCHANGE_STREAMS_MAX } from './exchange-inbound.ts'
import { PassingUpgrader, type AnyUpgraderOptions } from './passing-upgrader.ts'
import { endWithRemote, leaveInitChannel } from './webrtc-mending.ts'

/** Streams a peer may have open on one connection: exchange, and room for handshakes, sync and what libp2p itself opens. */
export const INBOUND_STREAMS_PER_CONNECTION_MAX: number = INBOUND_EXCHANGE_STREAMS_MAX + 8
/** Each lives for a minute at most and carries signals only; a crowd that wants in at once comes a minute later. */
const RELAYED_CONNECTIONS_MAX = 64

/** Bounds what transports with a muxer of their own (WebRTC, WebTransport) leave open: dials under way, relayed connections, and streams. */
export class BoundedUpgrader extends PassingUpgrader {
  #pendingCount = 0
  #relayedCount = 0

  /** Aborted from the start when too many dial at once: a datagram of a stranger would cost a connection otherwise. */
  override createInboundAbortSignal(given?: AbortSignal): ClearableSignal {
    if (this.#pendingCount >= PENDING_CONNECTIONS_MAX) {
      return Object.assign(AbortSignal.abort(new Error('too many connections at once')), { clear: () => {} })
    }
    this.#pendingCount++
    const signal = super.createInboundAbortSignal(given)
    const clear = signal.clear.bind(signal)
    let isCleared = false
    signal.clear = () => {
      if (!isCleared) this.#pendingCount--
      isCleared = true
      clear()
    }
    return signal
  }

  override async upgradeInbound(maConn: MultiaddrConnection, options: AnyUpgraderOptions): Promise<void> {
    this.#countRelayed(maConn, options)
    endWithRemote(maConn)
    return super.upgradeInbound(maConn, bounded(options))
  }

  override async upgradeOutbound(maConn: MultiaddrConnection, options: AnyUpgraderOptions): Promise<Connection> {
    this.#countRelayed(maConn, options)
    endWithRemote(maConn)
    return super.upgradeOutbound(maConn, bounded(options))
  }

  #countRelayed(maConn: MultiaddrConnection, { limits }: AnyUpgraderOptions): void {
    if (limits === undefined) return
    if (this.#relayedCount >= RELAYED_CONNECTIONS_MAX) {
      const error = new Error('too many relayed connections at once')
      maConn.abort(error)
      throw error
    }
    this.#relayedCount++
    maConn.addEventListener('close', () => this.#relayedCount--, { once: true })
  }
}

function bounded(options: AnyUpgraderOptions): AnyUpgraderOptions {
  const { muxerFactory } = options
  if (muxerFactory === undefined) return options
  const factory: StreamMuxerFactory = {
    protocol: muxerFactory.protocol,
    createStreamMuxer: (stream): StreamMuxer => {
      const muxer = muxerFactory.createStreamMuxer(stream)
      leaveInitChannel(muxer)
      muxer.addEventListener('stream', ({ detail }) => boundStreams(muxer, detail))
      return muxer
    },
  }
  return { ...options, muxerFactory: factory }
}

function boundStreams(muxer: StreamMuxer, stream: Stream): void {
  const inboundCount = muxer.streams.filter(({ direction }) => direction === 'inbound').length
  if (inboundCount > INBOUND_STREAMS_PER_CONNECTION_MAX) stream.abort(new Error('too many streams'))
}
