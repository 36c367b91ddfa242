import type { AbortOptions, Logger, MessageStreamDirection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, AbstractStream, AbstractStreamMuxer, type SendResult } from '@libp2p/utils'
import type { MultiaddrConnection, StreamMuxerFactory } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { joinPieces } from './join-pieces.ts'
import { freeSpent, handOver } from './spent-bytes.ts'

/** What a tab's WebTransport and the addon for Node.js have in common. */
export interface RawSession {
  /** Undefined, or a rejection, when the session is over. */
  acceptStream(): Promise<RawStream | undefined>
  openStream(): Promise<RawStream>
  close(): void
  /** Resolves, or rejects, when the session is over. */
  readonly closed: Promise<unknown>
}

export interface RawStream {
  /** Undefined at the end; rejects when the remote has reset it. */
  read(): Promise<Uint8Array | undefined>
  /** Resolves when there is room for more; rejects when the remote has stopped reading. */
  write(bytes: Uint8Array): Promise<void>
  finish(): Promise<void>
  /** Both directions, at once. */
  reset(): void
  stopReading(): void
}

const PROTOCOL = '/webtransport'
/** Bytes of one stream that wait to be written; with more its sender is asked to wait. */
const WAITING_BYTES_MAX: number = 256 * 1024

/** One stream of a session. Reads no further while it is paused. */
export class SessionStream extends AbstractStream {
  readonly #raw: RawStream
  #written: Promise<void> = Promise.resolve()
  #waitingBytes = 0
  #isReading = false

  constructor(args: {
    readonly raw: RawStream
    readonly id: string
    readonly direction: MessageStreamDirection
    readonly log: Logger
  }) {
    super({ id: args.id, direction: args.direction, log: args.log })
    this.#raw = args.raw
    // In its own turn: who makes the stream listens first.
    queueMicrotask(() => void this.#read())
  }

  sendData(data: Uint8ArrayList): SendResult {
    this.#waitingBytes += data.byteLength
    for (const bytes of joinPieces(data)) this.#written = this.#written.then(() => this.#write(bytes))
    return { sentBytes: data.byteLength, canSendMore: this.#waitingBytes < WAITING_BYTES_MAX }
  }

  sendReset(): void {
    this.#raw.reset()
  }

  async sendCloseWrite(): Promise<void> {
    await this.#written
    await this.#raw.finish().catch(() => {})
  }

  async sendCloseRead(): Promise<void> {
    this.#raw.stopReading()
  }

  sendPause(): void {}

  sendResume(): void {
    void this.#read()
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.status !== 'open') return
    try {
      await this.#raw.write(bytes)
    } catch {
      this.onRemoteCloseRead()
    }
    this.#waitingBytes -= bytes.length
    freeSpent(bytes)
    if (this.#waitingBytes < WAITING_BYTES_MAX && this.writableNeedsDrain) this.safeDispatchEvent('drain')
  }

  async #read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    try {
      while (this.readStatus === 'readable') {
        const bytes = await this.#raw.read()
        if (bytes === undefined) return this.onRemoteCloseWrite()
        handOver(bytes)
        this.onData(bytes)
      }
    } catch {
      if (this.status === 'open') this.onRemoteReset()
    } finally {
      this.#isReading = false
    }
  }
}

/** The session itself: it carries nothing but its streams. */
export function sessionConnection(args: {
  readonly session: RawSession
  readonly remoteAddr: Multiaddr
  readonly direction: MessageStreamDirection
  readonly log: Logger
}): MultiaddrConnection {
  return new SessionConnection(args)
}

class SessionConnection extends AbstractMultiaddrConnection {
  readonly #session: RawSession

  constructor(args: Parameters<typeof sessionConnection>[0]) {
    super(args)
    this.#session = args.session
    const over = (): void => this.onTransportClosed()
    this.#session.closed.then(over, over)
  }

  sendData(data: Uint8ArrayList): SendResult {
    return { sentBytes: data.byteLength, canSendMore: true }
  }

  async sendClose(_options?: AbortOptions): Promise<void> {
    this.#session.close()
  }

  sendReset(): void {
    this.#session.close()
  }

  sendPause(): void {}

  sendResume(): void {}
}

/** A session's streams are libp2p's: there is no muxer within. */
export function sessionMuxer(session: RawSession): StreamMuxerFactory {
  return { protocol: PROTOCOL, createStreamMuxer: (connection) => new SessionMuxer(session, connection) }
}

class SessionMuxer extends AbstractStreamMuxer<SessionStream> {
  readonly #session: RawSession
  #streamCount = 0

  constructor(session: RawSession, connection: ConstructorParameters<typeof AbstractStreamMuxer>[0]) {
    super(connection, { protocol: PROTOCOL, name: 'muxer' })
    this.#session = session
    void this.#accept()
  }

  async onCreateStream(options: AbortOptions): Promise<SessionStream> {
    const raw = await this.#session.openStream()
    if (options.signal?.aborted === true) raw.reset()
    options.signal?.throwIfAborted()
    return this.#stream(raw, 'outbound')
  }

  onData(): void {}

  async #accept(): Promise<void> {
    try {
      while (this.status === 'open') {
        const raw = await this.#session.acceptStream()
        if (raw === undefined) return
        this.onRemoteStream(this.#stream(raw, 'inbound'))
      }
    } catch {
      // The session is over, as its connection tells.
    }
  }

  #stream(raw: RawStream, direction: MessageStreamDirection): SessionStream {
    return new SessionStream({ raw, id: String(this.#streamCount++), direction, log: this.log })
  }
}
