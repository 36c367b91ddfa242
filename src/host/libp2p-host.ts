import { noise } from '@libp2p/noise'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Connection, IdentifyResult, PrivateKey, Stream } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import type { HostEffect } from '../core/effect.ts'
import { toConnectionId, toPeerId, type ConnectionId, type PeerId, type Root } from '../core/ids.ts'
import type { Road } from '../core/message.ts'
import { HANDSHAKE_TIMEOUT_MS } from '../core/limits.ts'
import { abortConnection } from './abort-connection.ts'
import { INBOUND_STREAMS_PER_CONNECTION_MAX } from './bounded-upgrader.ts'
import { ConnectionTable } from './connection-table.ts'
import { Dialler } from './dialler.ts'
import { INBOUND_EXCHANGE_STREAMS_MAX } from './exchange-inbound.ts'
import { BITSWAP_PROTOCOL, OUTBOUND_EXCHANGE_STREAMS_MAX } from './exchange-outbound.ts'
import { HANDSHAKE_PROTOCOL, INBOUND_HANDSHAKES_PER_CONNECTION_MAX } from './handshakes.ts'
import { HostError, type Host, type HostSink, type Traffic } from './host.ts'
import type { CreateLibp2p, Libp2pCore, Libp2pParts, Libp2pTransports } from './libp2p-core.ts'
import { OwnRecord } from './own-record.ts'
import { PeerLink } from './peer-link.ts'
import { transportName } from './remote-address.ts'
import { INBOUND_SYNC_STREAMS_MAX, SYNC_PROTOCOL } from './sync-link.ts'

/** Bytes of one stream that the remote may send unread: two messages of blocks. With 1 MiB the muxer cuts them into crumbs. */
const STREAM_WINDOW_BYTES_MAX: number = 4 * 1024 * 1024
const TICK_MS = 1_000
/** Peers of closed connections are forgotten this often, in ticks: a tab has a new identity at every load. */
const FORGET_PEERS_TICKS = 60
/** RFC 8032, section 5.1.5. */
const ED25519_SEED_BYTES = 32
/** host.ts: `stop` resolves within 3 s. */
const STOP_TIMEOUT_MS = 2_500

export interface Libp2pHostOptions {
  /** Of `tab-libp2p.ts` or `libp2p.nodejs.ts`. */
  readonly createLibp2p: CreateLibp2p
  /** Of `transports.browser.ts` or `transports.nodejs.ts`. */
  readonly transports: Libp2pTransports
  /** Multiaddrs to listen on; none in a tab. */
  readonly listen?: readonly string[]
  /** Multiaddrs to tell others instead of the ones we listen on. */
  readonly announce?: readonly string[]
  /** Besides identify: a relay, on a gateway. */
  readonly services?: Libp2pParts['services']
  /** Without it a fresh one for this run. */
  readonly privateKey?: PrivateKey
  /** What we can dial: then others are told where we are, signed, and asked for those that they know. */
  readonly roads?: readonly Road[] | undefined
  /** Of the chain whose messages are carried. */
  readonly headerSizeBytes: number
  /** The parent of the first of some headers. With it headers are asked for ahead. */
  readonly parentOf?: ((headers: Uint8Array) => Root) | undefined
  /** For tests: how long a stranger may take to ask, and we to answer. */
  readonly handshakeTimeoutMs?: number
  readonly log?: (event: string, fields?: Readonly<Record<string, string | number | boolean | undefined>>) => void
}

/** What is left to say once there is a libp2p. */
interface AdapterOptions extends Pick<
  Libp2pHostOptions,
  'headerSizeBytes' | 'parentOf' | 'handshakeTimeoutMs' | 'listen' | 'roads' | 'log'
> {
  /** To sign our own record with. */
  readonly key?: PrivateKey
}

/** Rejects with `HostError('invalid-address')` when an address to listen on or to announce is none. */
export async function createLibp2pHost(options: Libp2pHostOptions): Promise<Host> {
  for (const address of [...(options.listen ?? []), ...(options.announce ?? [])]) assertMultiaddr(address)
  const privateKey = options.privateKey ?? (await freshKey())
  return hostOver(await makeLibp2p(options, privateKey), { ...options, key: privateKey })
}

/** A host over a libp2p that is not started yet: tests hand in one that misbehaves or negotiates otherwise. */
export function hostOver(libp2p: Libp2pCore, options: AdapterOptions): Host {
  return new Libp2pHost(options, libp2p)
}

/** Made from a seed: libp2p's own way to a new key, which knows keys of every kind, weighs 0.6 kB more in a tab. */
function freshKey(): Promise<PrivateKey> {
  return generateKeyPairFromSeed('Ed25519', crypto.getRandomValues(new Uint8Array(ED25519_SEED_BYTES)))
}

function assertMultiaddr(address: string): void {
  try {
    multiaddr(address)
  } catch (cause) {
    throw new HostError('invalid-address', `expected a multiaddr, got ${JSON.stringify(address)}`, { cause })
  }
}

async function makeLibp2p(options: Libp2pHostOptions, privateKey: PrivateKey): Promise<Libp2pCore> {
  const { createLibp2p, transports, listen = [], announce = [], services = [] } = options
  return createLibp2p({
    privateKey,
    userAgent: 'rushlight',
    listen,
    announce,
    transports,
    encrypter: noise(),
    muxer: yamux({
      maxInboundStreams: INBOUND_STREAMS_PER_CONNECTION_MAX,
      streamOptions: {
        maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX,
        maxReadBufferLength: STREAM_WINDOW_BYTES_MAX,
      },
    }),
    services,
  })
}

/** libp2p's events are hints: each one, and every tick, leads to a look at what there is. */
class Libp2pHost implements Host {
  readonly peerId: PeerId
  readonly #options: AdapterOptions
  readonly #libp2p: Libp2pCore
  readonly #links = new Map<string, PeerLink>()
  readonly #table: ConnectionTable<Connection>
  readonly #dialler: Dialler
  #sink: HostSink | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #tickCount = 0
  #isReconciling = false
  #ownRecord: OwnRecord | undefined

  constructor(options: AdapterOptions, libp2p: Libp2pCore) {
    this.#options = options
    this.#libp2p = libp2p
    this.peerId = toPeerId(libp2p.peerId.toString())
    this.#table = new ConnectionTable({
      onOpened: (connection) => this.#onOpened(connection),
      onClosed: (connection) => this.#onClosed(connection),
      abort: abortConnection,
    })
    this.#dialler = new Dialler({
      libp2p,
      roads: options.roads,
      post: (event) => this.#sink?.post(event),
      sawOpen: (connection) => this.#table.sawOpen(connection),
      connections: () => this.#table.all,
      close: (connection) => this.#closeConnection(connection),
    })
  }

  get addresses(): readonly string[] {
    // By a relay alone nobody reaches us, only by WebRTC, whose signals it carries.
    const isOfUse = (address: string): boolean => !address.includes('/p2p-circuit') || address.includes('/webrtc/')
    const addresses = this.#libp2p.getMultiaddrs().map((address) => address.toString())
    return addresses.filter(isOfUse)
  }

  async start(sink: HostSink): Promise<void> {
    const libp2p = this.#libp2p
    this.#sink = sink
    await libp2p.handle(HANDSHAKE_PROTOCOL, (stream, connection) => this.#accept('handshakes', stream, connection), {
      maxInboundStreams: INBOUND_HANDSHAKES_PER_CONNECTION_MAX,
    })
    await libp2p.handle(SYNC_PROTOCOL, (stream, connection) => this.#accept('sync', stream, connection), {
      maxInboundStreams: INBOUND_SYNC_STREAMS_MAX,
    })
    await libp2p.handle(BITSWAP_PROTOCOL, (stream, connection) => this.#accept('exchange', stream, connection), {
      maxInboundStreams: INBOUND_EXCHANGE_STREAMS_MAX,
      maxOutboundStreams: OUTBOUND_EXCHANGE_STREAMS_MAX,
    })
    libp2p.addEventListener('connection:open', (event) => {
      this.#table.sawOpen(event.detail)
      this.#reconcileSoon()
    })
    libp2p.addEventListener('connection:close', (event) => {
      this.#table.sawClosed(event.detail)
      this.#reconcileSoon()
    })
    libp2p.addEventListener('peer:identify', (event) => this.#onIdentified(event.detail))
    try {
      await libp2p.start()
    } catch (cause) {
      throw new HostError('listen-failed', listenFailure(cause, this.#options.listen ?? []), { cause })
    }
    const { key: privateKey, roads } = this.#options
    if (privateKey !== undefined && roads !== undefined) {
      this.#ownRecord = new OwnRecord({ privateKey, roads, post: (event) => sink.post(event) })
    }
    this.#reconcile()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    // In Node.js a listener keeps the process alive, not this; in a tab a timer is a number.
    if (typeof this.#timer === 'object') this.#timer.unref()
  }

  perform(effect: HostEffect): void {
    switch (effect.type) {
      case 'dial':
        void this.#dialler.dial(effect)
        return
      case 'cancel-dial':
        return this.#dialler.cancel(effect.dial)
      case 'close-connection':
        this.#options.log?.('connection-closing', { connection: effect.connection, reason: effect.reason })
        return this.#links.get(effect.connection)?.close()
      case 'request-handshake':
        void this.#links.get(effect.connection)?.handshakes.request(effect)
        return
      case 'answer-handshake':
        return this.#links.get(effect.connection)?.handshakes.answer(effect)
      case 'send-message':
        return this.#links.get(effect.connection)?.sync.send(effect.message)
      case 'admit-exchange':
        return this.#links.get(effect.connection)?.exchange.admit()
      case 'send-exchange':
        return this.#links.get(effect.connection)?.exchange.send(effect)
      case 'reset-exchange':
        return this.#links.get(effect.connection)?.exchange.reset()
    }
  }

  traffic(connection: ConnectionId): Traffic | undefined {
    return this.#links.get(connection)?.traffic
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    const dialsEnded = this.#dialler.stop()
    let deadline: ReturnType<typeof setTimeout> | undefined
    const cutOff = new Promise<void>((resolve) => {
      deadline = setTimeout(() => {
        this.#options.log?.('stop-cut-off', { afterMs: STOP_TIMEOUT_MS })
        resolve()
      }, STOP_TIMEOUT_MS)
    })
    for (const link of this.#links.values()) link.endStreams()
    const stopped = Promise.resolve(this.#libp2p.stop()).catch((error: unknown) => {
      this.#options.log?.('libp2p-stop-failed', { reason: String(error) })
    })
    await Promise.race([Promise.all([stopped, dialsEnded]), cutOff])
    clearTimeout(deadline)
    this.#table.end()
  }

  #onOpened(connection: Connection): void {
    const sink = this.#sink
    if (sink === undefined) return
    this.#links.set(
      connection.id,
      new PeerLink({
        connection,
        sink,
        headerSizeBytes: this.#options.headerSizeBytes,
        parentOf: this.#options.parentOf,
        handshakeTimeoutMs: this.#options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
      }),
    )
    sink.post({
      type: 'connection-opened',
      connection: toConnectionId(connection.id),
      peer: toPeerId(connection.remotePeer.toString()),
      direction: connection.direction,
      transport: transportName(connection.remoteAddr),
      address: connection.remoteAddr.toString(),
      isLimited: connection.limits !== undefined,
    })
  }

  #onClosed(connection: Connection): void {
    this.#links.get(connection.id)?.end()
    this.#links.delete(connection.id)
    this.#sink?.post({ type: 'connection-closed', connection: toConnectionId(connection.id) })
  }

  #accept(protocol: 'handshakes' | 'sync' | 'exchange', stream: Stream, connection: Connection): void {
    if (this.#table.sawOpen(connection)) this.#links.get(connection.id)?.[protocol].accept(stream)
    else stream.abort(new Error('the connection is closed'))
  }

  #onIdentified({ connection, protocols }: IdentifyResult): void {
    if (!this.#table.sawOpen(connection)) return
    this.#sink?.post({
      type: 'protocols-learnt',
      connection: toConnectionId(connection.id),
      speaksHandshake: protocols.includes(HANDSHAKE_PROTOCOL),
      speaksBitswap: protocols.includes(BITSWAP_PROTOCOL),
    })
  }

  #closeConnection(connection: Connection): void {
    const link = this.#links.get(connection.id)
    if (link === undefined) abortConnection(connection, new Error('given up'))
    else link.close()
  }

  /** libp2p's own list is right once its listeners had the same event. */
  #reconcileSoon(): void {
    if (this.#isReconciling) return
    this.#isReconciling = true
    queueMicrotask(() => {
      this.#isReconciling = false
      if (this.#libp2p.status === 'started') this.#reconcile()
    })
  }

  #reconcile(): void {
    this.#table.reconcile(this.#libp2p.getConnections())
    void this.#ownRecord?.update(this.addresses)
    this.#dialler.closeUnclaimed()
  }

  #tick(): void {
    this.#tickCount++
    this.#reconcile()
    for (const link of this.#links.values()) link.tick()
    if (this.#tickCount % FORGET_PEERS_TICKS === 0) void this.#forgetPeers()
  }

  /** libp2p remembers everybody it ever met. */
  async #forgetPeers(): Promise<void> {
    const { peerStore } = this.#libp2p
    try {
      const kept = new Set([this.peerId, ...this.#table.all.map((connection) => connection.remotePeer.toString())])
      for (const { id } of (await peerStore?.all()) ?? []) {
        if (!kept.has(id.toString())) await peerStore?.delete(id)
      }
    } catch (error) {
      this.#options.log?.('forget-peers-failed', { reason: String(error) })
    }
  }
}

/** libp2p's message is a page with stacks; this is the line that matters. */
function listenFailure(error: unknown, listen: readonly string[]): string {
  const text = error instanceof Error ? error.message : String(error)
  const code = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL)\b/.exec(text)?.[1]
  const address = listen.find((candidate) => text.includes(candidate)) ?? listen.join(', ')
  if (code === 'EADDRINUSE') return `cannot listen on ${address}: the port is in use`
  if (code === 'EACCES') return `cannot listen on ${address}: not permitted`
  if (code === 'EADDRNOTAVAIL') return `cannot listen on ${address}: not an address of this machine`
  return `cannot listen on ${address}: ${text.split('\n')[0] ?? ''}`
}
