import type { Connection } from '@libp2p/interface'
import type { HostEvent, MessageReceived } from '../core/event.ts'
import type { ExchangeReceived } from '../core/exchange/exchange-event.ts'
import { toConnectionId, type ConnectionId, type Root } from '../core/ids.ts'
import { abortConnection } from './abort-connection.ts'
import { ExchangeLink } from './exchange-link.ts'
import { Handshakes } from './handshakes.ts'
import type { HostSink, Traffic } from './host.ts'
import { SyncLink } from './sync-link.ts'

/** A graceful close of an honest peer takes a round trip; a silent one is cut off after this. */
const CLOSE_TIMEOUT_MS = 2_000

/** What we hold for one open connection. After `end` it tells nothing more. */
export class PeerLink {
  readonly id: ConnectionId
  readonly connection: Connection
  readonly handshakes: Handshakes
  readonly sync: SyncLink
  readonly exchange: ExchangeLink
  #closing: ReturnType<typeof setTimeout> | undefined

  constructor(args: {
    readonly connection: Connection
    readonly sink: HostSink
    readonly headerSizeBytes: number
    readonly parentOf: ((headers: Uint8Array) => Root) | undefined
    readonly handshakeTimeoutMs: number
  }) {
    const { connection, sink } = args
    this.connection = connection
    this.id = toConnectionId(connection.id)
    const post = (event: Exclude<HostEvent, MessageReceived | ExchangeReceived>): void => sink.post(event)
    this.handshakes = new Handshakes({ connection, id: this.id, post, inboundTimeoutMs: args.handshakeTimeoutMs })
    this.sync = new SyncLink({
      connection,
      id: this.id,
      headerSizeBytes: args.headerSizeBytes,
      parentOf: args.parentOf,
      post,
      offer: (event, sizeBytes) => sink.offer(event, sizeBytes),
    })
    this.exchange = new ExchangeLink({
      connection,
      id: this.id,
      post,
      offer: (event, sizeBytes) => sink.offer(event, sizeBytes),
    })
  }

  /** On streams of our protocols and bitswap's; what the connection itself costs is not counted. */
  get traffic(): Traffic {
    return {
      bytesIn: this.handshakes.bytesIn + this.sync.bytesIn + this.exchange.bytesIn,
      bytesOut: this.handshakes.bytesOut + this.sync.bytesOut + this.exchange.bytesOut,
    }
  }

  /** In the background: what was sent (a handshake's answer) goes out, what waits for the peer is dropped in time. */
  close(): void {
    if (this.#closing !== undefined) return
    this.endStreams()
    const cut = new AbortController()
    this.#closing = setTimeout(() => {
      cut.abort()
      abortConnection(this.connection, new Error('the peer did not let go in time'))
    }, CLOSE_TIMEOUT_MS)
    this.connection.close({ signal: cut.signal }).catch((error: unknown) => {
      abortConnection(this.connection, error instanceof Error ? error : new Error(String(error)))
    })
  }

  /** The connection is gone: requests of ours fail now, and nothing is told after. */
  end(): void {
    clearTimeout(this.#closing)
    this.handshakes.end()
    this.endStreams()
  }

  /** Those that live long. A handshake's answer may still go out. */
  endStreams(): void {
    this.sync.end()
    this.exchange.end()
  }

  /** Once a second. */
  tick(): void {
    this.sync.tick()
    this.exchange.tick()
  }
}
