/** A libp2p whose connections, lists and events come in whatever order a test likes: as much of it as the adapter touches. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { FakeStream } from './interop/libp2p-fake-stream.ts'

const OWN_PEER = '12D3KooWEW4VXGhWqv2AzCCDiGSviSJiurWVUEsN951sjCz1e4VF'
export const OTHER_PEERS: readonly string[] = [
  '12D3KooW9ph4YyNjuUqQUs89FYG3zGd4A9WgfSTz8Z6cqwvPuP4M',
  '12D3KooWHk5fTPsXmDy8LnEe4AhRxvwTDjdL1Zg1Q9BvZTgQK6S3',
]

export class PeerStream extends FakeStream {
  override abort(): void {
    this.#finish('aborted')
  }

  /** The remote does it, or the connection breaks. */
  reset(): void {
    this.#finish('reset')
  }

  /** Half-closes; the remote says nothing to that. */
  async close(): Promise<void> {}

  /** The remote says no more. */
  end(): void {
    if (this.status === 'open') this.dispatchEvent(new Event('end'))
  }

  override receive(bytes: Uint8Array): void {
    if (this.status === 'open') super.receive(bytes)
  }

  #finish(status: string): void {
    if (this.status !== 'open') return
    this.status = status
    this.dispatchEvent(new Event('close'))
  }
}

/** A stream that the adapter asked for and does not have yet. */
export interface StreamOpening {
  readonly connection: FakeConnection
  readonly protocol: string
  readonly signal: AbortSignal
  /** It opens whatever the adapter says by then. */
  readonly ignoreSignal: () => void
  readonly open: () => PeerStream
  readonly fail: (error: Error) => void
}

export class FakeConnection {
  readonly id: string
  readonly remotePeer: { toString(): string }
  readonly remoteAddr: Multiaddr
  readonly direction: 'inbound' | 'outbound'
  readonly limits: object | undefined
  status = 'open'
  /** What a graceful close waits for; it dies with it, or when it is aborted. */
  onClose: () => void = () => this.die('closed')
  onDied: () => void = () => {}
  onNewStream: (opening: StreamOpening) => void = () => {}
  /** The adapter ended it: nobody else. */
  isEndedByUs = false
  readonly #streams = new Set<PeerStream>()
  readonly #openings = new Set<(error: Error) => void>()
  readonly #closed = Promise.withResolvers<void>()

  constructor(args: { id: string; peer: string; direction: 'inbound' | 'outbound'; isLimited: boolean }) {
    this.id = args.id
    this.remotePeer = { toString: () => args.peer }
    this.remoteAddr = multiaddr(`/ip4/127.0.0.1/tcp/4001/p2p/${args.peer}`)
    this.direction = args.direction
    this.limits = args.isLimited ? {} : undefined
  }

  get isAlive(): boolean {
    return this.status === 'open' || this.status === 'closing'
  }

  /** The remote opens one. */
  accept(): PeerStream {
    const stream = new PeerStream()
    this.#streams.add(stream)
    if (!this.isAlive) stream.reset()
    return stream
  }

  newStream(protocol: string, { signal }: { signal: AbortSignal }): Promise<Stream> {
    if (this.status !== 'open') return Promise.reject(namedError('ConnectionClosedError'))
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#openings.delete(fail)
        signal.removeEventListener('abort', onAbort)
      }
      const fail = (error: Error): void => {
        settle()
        reject(error)
      }
      const onAbort = (): void => fail(namedError('AbortError'))
      const open = (): PeerStream => {
        const stream = this.accept()
        // Failed before: nobody has it.
        if (!this.#openings.has(fail)) stream.reset()
        settle()
        resolve(stream as unknown as Stream)
        return stream
      }
      this.#openings.add(fail)
      signal.addEventListener('abort', onAbort)
      const ignoreSignal = (): void => signal.removeEventListener('abort', onAbort)
      this.onNewStream({ connection: this, protocol, signal, ignoreSignal, open, fail })
    })
  }

  /** Waits for as long as it likes, whatever signal it is given. */
  close(): Promise<void> {
    this.isEndedByUs ||= this.isAlive
    if (this.status === 'open') {
      this.status = 'closing'
      this.onClose()
    }
    return this.#closed.promise
  }

  abort(): void {
    this.isEndedByUs ||= this.isAlive
    this.die('aborted')
  }

  die(status: string): void {
    if (!this.isAlive) return
    this.status = status
    for (const stream of this.#streams) stream.reset()
    for (const fail of [...this.#openings]) fail(namedError('ConnectionClosedError'))
    this.#closed.resolve()
    this.onDied()
  }
}

/** A dial that the adapter asked for. */
export interface FakeDial {
  readonly address: Multiaddr
  readonly signal: AbortSignal
  readonly resolve: (connection: FakeConnection) => void
  readonly reject: (error: Error) => void
}

export class FakeLibp2p {
  readonly peerId: { toString(): string } = { toString: () => OWN_PEER }
  readonly peerStore: object = { all: () => Promise.resolve([]), delete: () => Promise.resolve() }
  status = 'stopped'
  /** What `getConnections` says, right or wrong. */
  readonly listed: Set<FakeConnection> = new Set()
  onDial: (dial: FakeDial) => void = () => {}
  /** What `stop` waits for. */
  stopping: Promise<void> = Promise.resolve()
  readonly #events = new EventTarget()
  readonly #handlers = new Map<string, (stream: Stream, connection: Connection) => void>()

  asLibp2p(): Libp2p {
    return this as unknown as Libp2p
  }

  addEventListener(type: string, listener: (event: globalThis.Event) => void): void {
    this.#events.addEventListener(type, listener)
  }

  removeEventListener(type: string, listener: (event: globalThis.Event) => void): void {
    this.#events.removeEventListener(type, listener)
  }

  emit(type: string, detail: unknown): void {
    this.#events.dispatchEvent(Object.assign(new Event(type), { detail }))
  }

  /** The remote opens a stream; a protocol that nobody handles resets it. */
  accept(connection: FakeConnection, protocol: string): PeerStream {
    const stream = connection.accept()
    const handler = this.#handlers.get(protocol)
    if (handler === undefined) stream.reset()
    else handler(stream as unknown as Stream, connection as unknown as Connection)
    return stream
  }

  handle(protocol: string, handler: (stream: Stream, connection: Connection) => void): Promise<void> {
    this.#handlers.set(protocol, handler)
    return Promise.resolve()
  }

  getConnections(): Connection[] {
    return [...this.listed] as unknown as Connection[]
  }

  getMultiaddrs(): Multiaddr[] {
    return []
  }

  dial(address: Multiaddr, { signal }: { signal: AbortSignal }): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.onDial({
        address,
        signal,
        resolve: (connection) => resolve(connection as unknown as Connection),
        reject,
      })
    })
  }

  start(): Promise<void> {
    this.status = 'started'
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.status = 'stopping'
    await this.stopping
    this.status = 'stopped'
  }
}

export function namedError(name: string): Error {
  return Object.assign(new Error(name), { name })
}
