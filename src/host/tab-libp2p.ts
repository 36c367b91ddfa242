import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import {
  ConnectionClosedError,
  isPeerId,
  NotFoundError,
  NotStartedError,
  start,
  stop,
  TypedEventEmitter,
  type AbortOptions,
  type Connection,
  type DialTarget,
  type Libp2pEvents,
  type Libp2pStatus,
  type Logger,
  type PeerId,
  type StreamHandler,
  type StreamHandlerOptions,
} from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { abortConnection } from './abort-connection.ts'
import type { Libp2pComponents, Libp2pCore, Libp2pParts } from './libp2p-core.ts'
import { peerOf } from './remote-address.ts'
import { isDirect, type TabConnection } from './tab-connection.ts'
import { answerIdentify, askIdentify, IDENTIFY_PROTOCOL, type OwnIdentity } from './tab-identify.ts'
import { TabRegistrar } from './tab-registrar.ts'
import { orAborted, within } from './tab-signal.ts'
import { TabTransports } from './tab-transports.ts'
import { TabUpgrader } from './tab-upgrader.ts'

/** Only for who dials without a deadline: transports, to a relay. */
const DIAL_TIMEOUT_MS = 30_000
/** As libp2p 3.3 does when it stops. */
const LAST_CLOSE_TIMEOUT_MS = 500

/**
 * What stands where `createLibp2p` stands on platforms without sockets: 6 kB gzip instead of 46, over the same noise,
 * muxer and transports, with an identify of its own. It has no peer routing, no DNS (`/dnsaddr` is refused), no connection pruning and no
 * metrics, and two dials to one peer at once are two connections: the core closes the surplus.
 */
export async function createTabLibp2p(parts: Libp2pParts): Promise<Libp2pCore> {
  return new TabLibp2p(parts)
}

/** Starts once and stops once. */
class TabLibp2p extends TypedEventEmitter<Libp2pEvents> implements Libp2pCore {
  readonly peerId: PeerId
  readonly dialsApart = true
  status: Libp2pStatus = 'stopped'
  readonly #parts: Libp2pParts
  readonly #registrar: TabRegistrar
  readonly #transports: TabTransports
  readonly #services: readonly unknown[]
  readonly #stopping = new AbortController()
  /** Bounded by the core, which closes what it does not want. */
  readonly #connections = new Set<TabConnection>()

  constructor(parts: Libp2pParts) {
    super()
    this.#parts = parts
    this.peerId = peerIdFromPrivateKey(parts.privateKey)
    this.#registrar = new TabRegistrar()
    const upgrader = new TabUpgrader({
      peerId: this.peerId,
      registrar: this.#registrar,
      stopping: this.#stopping.signal,
      onUpgraded: (connection) => this.#opened(connection),
    })
    this.#transports = new TabTransports({ upgrader, events: this })
    const components = this.#componentsWith(upgrader)
    upgrader.use(parts.encrypter(components), parts.muxer(components))
    this.#transports.use(parts.transports.map((make) => make(components)))
    this.#services = parts.services.map((make) => make(components))
    void this.handle(IDENTIFY_PROTOCOL, (stream, connection) => answerIdentify(stream, connection, this.#identity()), {
      maxInboundStreams: 1,
      runOnLimitedConnection: true,
    })
  }

  getConnections(peer?: PeerId): Connection[] {
    return [...this.#connections].filter(({ remotePeer }) => peer === undefined || remotePeer.equals(peer))
  }

  getMultiaddrs(): Multiaddr[] {
    const announced = this.#parts.announce.map((address) => multiaddr(address))
    const addresses = announced.length > 0 ? announced : this.#transports.getAddrs()
    const own = this.peerId.toString()
    return addresses.map((address) => (peerOf(address) === own ? address : address.encapsulate(`/p2p/${own}`)))
  }

  async handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void> {
    return this.#registrar.handle(protocol, handler, options)
  }

  /** Of several addresses one after the other is dialled. */
  async dial(target: DialTarget, options: AbortOptions = {}): Promise<Connection> {
    if (this.status !== 'started' && this.status !== 'starting') throw new NotStartedError('the libp2p is not started')
    if (isPeerId(target)) throw new NotFoundError('expected addresses: none are remembered of a peer')
    const addresses = [target].flat()
    const peer = addresses[0] === undefined ? undefined : peerOf(addresses[0])
    const known = peer === undefined ? undefined : this.#connectionTo(peerIdFromString(peer), addresses)
    if (known !== undefined) return known
    return within({ signal: options.signal, timeoutMs: DIAL_TIMEOUT_MS }, (signal) =>
      this.#dialOneOf(addresses, AbortSignal.any([signal, this.#stopping.signal])),
    )
  }

  async start(): Promise<void> {
    this.status = 'starting'
    try {
      await start(...this.#transports.getTransports(), ...this.#services)
      await this.#transports.listen(this.#parts.listen.map((address) => multiaddr(address)))
    } finally {
      this.status = 'started'
    }
  }

  async stop(): Promise<void> {
    if (this.status !== 'started') return
    this.status = 'stopping'
    this.#stopping.abort(new Error('stopped'))
    const closed = [...this.#connections].map((connection) => closeSoon(connection))
    await Promise.all([this.#transports.close(), ...closed])
    await stop(...this.#transports.getTransports(), ...this.#services)
    this.status = 'stopped'
  }

  async #dialOneOf(addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    let problem: unknown = new NotFoundError('no valid addresses')
    for (const address of addresses) {
      try {
        return await orAborted(this.#transports.dial(address, { signal }), signal)
      } catch (error) {
        signal.throwIfAborted()
        problem = error
      }
    }
    throw problem
  }

  /** One that a dial to these addresses would not better. */
  #connectionTo(peer: PeerId, addresses: readonly Multiaddr[]): Connection | undefined {
    const open = this.getConnections(peer).filter(({ status, limits }) => status === 'open' && limits === undefined)
    const direct = open.find((connection) => connection.direct)
    return direct ?? (addresses.some(isDirect) ? undefined : open[0])
  }

  #opened(connection: TabConnection): void {
    if (this.#stopping.signal.aborted) throw new ConnectionClosedError('stopped')
    this.#connections.add(connection)
    connection.addEventListener('close', () => {
      this.#connections.delete(connection)
      this.safeDispatchEvent('connection:close', { detail: connection })
    })
    this.safeDispatchEvent('connection:open', { detail: connection })
    void this.#identify(connection)
  }

  async #identify(connection: TabConnection): Promise<void> {
    const detail = await askIdentify(connection)
    if (detail === undefined || connection.status !== 'open') return
    this.safeDispatchEvent('peer:identify', { detail })
  }

  #identity(): OwnIdentity {
    return {
      userAgent: this.#parts.userAgent,
      publicKey: publicKeyToProtobuf(this.#parts.privateKey.publicKey),
      addresses: this.getMultiaddrs().map((address) => address.decapsulateCode(CODE_P2P)),
      protocols: this.#registrar.getProtocols(),
    }
  }

  /** As much of libp2p's components as noise, yamux and the transports for tabs use. */
  #componentsWith(upgrader: TabUpgrader): Libp2pComponents {
    const components = {
      peerId: this.peerId,
      privateKey: this.#parts.privateKey,
      logger: { forComponent: () => SILENT },
      events: this,
      registrar: this.#registrar,
      upgrader,
      transportManager: this.#transports,
      connectionManager: {
        getConnections: (peer?: PeerId) => this.getConnections(peer),
        openConnection: (target: DialTarget, options?: AbortOptions) => this.dial(target, options),
      },
    }
    return components as unknown as Libp2pComponents
  }
}

const SILENT: Logger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => SILENT,
})

async function closeSoon(connection: TabConnection): Promise<void> {
  try {
    await within({ signal: undefined, timeoutMs: LAST_CLOSE_TIMEOUT_MS }, (signal) =>
      orAborted(connection.close({ signal }), signal),
    )
  } catch (error) {
    abortConnection(connection, error as Error)
  }
}
