import {
  ConnectionClosedError,
  InvalidPeerIdError,
  type ClearableSignal,
  type ConnectionEncrypter,
  type MessageStream,
  type MultiaddrConnection,
  type PeerId,
  type SecuredConnection,
  type StreamMuxerFactory,
  type Upgrader,
  type UpgraderOptions,
  type UpgraderWithoutEncryptionOptions,
} from '@libp2p/interface'
import { handle, select } from '@libp2p/multistream-select'
import { peerIdFromString } from '@libp2p/peer-id'
import { PENDING_CONNECTIONS_MAX } from '../core/limits.ts'
import { abortRawConnection } from './abort-connection.ts'
import { peerOf } from './remote-address.ts'
import { TabConnection } from './tab-connection.ts'
import type { TabRegistrar } from './tab-registrar.ts'
import { orAborted, signalOf } from './tab-signal.ts'

/** As libp2p 3.3 (connection-manager/constants): for a remote that dials us and then dawdles. */
const INBOUND_UPGRADE_TIMEOUT_MS = 10_000

type Direction = 'inbound' | 'outbound'
type Options = UpgraderOptions | UpgraderWithoutEncryptionOptions
/** What is known once a connection is secured. Native: the transport did it. */
type Secured = Pick<SecuredConnection, 'connection' | 'remotePeer' | 'streamMuxer'> & { readonly encryption: string }

/** Makes connections of what transports dial and accept: noise, a muxer, and the peer's identity. */
export class TabUpgrader implements Upgrader {
  readonly #peerId: PeerId
  readonly #registrar: TabRegistrar
  readonly #stopping: AbortSignal
  readonly #onUpgraded: (connection: TabConnection) => void
  readonly #encrypters = new Map<string, ConnectionEncrypter>()
  readonly #muxers = new Map<string, StreamMuxerFactory>()
  /** At most `PENDING_CONNECTIONS_MAX`; outbound ones are bounded by who dials. */
  #pendingInboundCount = 0
  #connectionCount = 0

  constructor(args: {
    readonly peerId: PeerId
    readonly registrar: TabRegistrar
    /** Ends every upgrade. */
    readonly stopping: AbortSignal
    /** In the same turn as the last check that it is wanted. */
    readonly onUpgraded: (connection: TabConnection) => void
  }) {
    this.#peerId = args.peerId
    this.#registrar = args.registrar
    this.#stopping = args.stopping
    this.#onUpgraded = args.onUpgraded
  }

  /** Both are made with the upgrader at hand, so they come after it. */
  use(encrypter: ConnectionEncrypter, muxer: StreamMuxerFactory): void {
    this.#encrypters.set(encrypter.protocol, encrypter)
    this.#muxers.set(muxer.protocol, muxer)
  }

  getStreamMuxers(): Map<string, StreamMuxerFactory> {
    return this.#muxers
  }

  getConnectionEncrypters(): Map<string, ConnectionEncrypter> {
    return this.#encrypters
  }

  createInboundAbortSignal(signal?: AbortSignal): ClearableSignal {
    return signalOf({ timeoutMs: INBOUND_UPGRADE_TIMEOUT_MS, signals: [signal, this.#stopping] })
  }

  async upgradeInbound(maConn: MultiaddrConnection, options: Options): Promise<void> {
    const signal = this.createInboundAbortSignal(options.signal)
    this.#pendingInboundCount++
    try {
      if (this.#pendingInboundCount > PENDING_CONNECTIONS_MAX) throw new Error('too many connections at once')
      await this.#upgrade(maConn, 'inbound', { ...options, signal })
    } catch (error) {
      abortRawConnection(maConn, error as Error)
      throw error
    } finally {
      this.#pendingInboundCount--
      signal.clear()
    }
  }

  async upgradeOutbound(maConn: MultiaddrConnection, options: Options): Promise<TabConnection> {
    try {
      return await this.#upgrade(maConn, 'outbound', options)
    } catch (error) {
      abortRawConnection(maConn, error as Error)
      throw error
    }
  }

  async #upgrade(maConn: MultiaddrConnection, direction: Direction, options: Options): Promise<TabConnection> {
    const { signal } = options
    const secured = await orAborted(this.#secure(maConn, direction, options), signal)
    const { remotePeer } = secured
    if (remotePeer.equals(this.#peerId)) throw new InvalidPeerIdError('Can not dial self')
    const factory =
      options.muxerFactory ??
      secured.streamMuxer ??
      (await orAborted(this.#agreeOnMuxer(secured.connection, direction, signal), signal))
    signal.throwIfAborted()
    if (maConn.status !== 'open') throw new ConnectionClosedError('the remote hung up before it was secured')
    const connection = new TabConnection({
      id: `${direction}-${++this.#connectionCount}`,
      maConn,
      muxer: factory.createStreamMuxer(secured.connection),
      registrar: this.#registrar,
      remotePeer,
      direction,
      encryption: secured.encryption,
      limits: options.limits,
    })
    this.#onUpgraded(connection)
    return connection
  }

  async #secure(maConn: MultiaddrConnection, direction: Direction, options: Options): Promise<Secured> {
    if ('skipEncryption' in options && options.skipEncryption) {
      return { connection: maConn, remotePeer: options.remotePeer, encryption: 'native' }
    }
    const { signal } = options
    const named = peerOf(maConn.remoteAddr)
    const expected = named === undefined ? {} : { remotePeer: peerIdFromString(named) }
    try {
      const encryption = await agree(maConn, direction, { protocols: [...this.#encrypters.keys()], signal })
      const encrypter = found(this.#encrypters, encryption)
      const secure = direction === 'inbound' ? 'secureInbound' : 'secureOutbound'
      return { ...(await encrypter[secure](maConn, { signal, ...expected })), encryption }
    } catch (cause) {
      throw namedError('EncryptionFailedError', cause)
    }
  }

  async #agreeOnMuxer(stream: MessageStream, direction: Direction, signal: AbortSignal): Promise<StreamMuxerFactory> {
    try {
      const protocols = [...this.#muxers.keys()]
      return found(this.#muxers, await agree(stream, direction, { protocols, signal }))
    } catch (cause) {
      throw namedError('MuxerUnavailableError', cause)
    }
  }
}

/** Who dialled proposes, who was dialled chooses. */
async function agree(
  stream: MessageStream,
  direction: Direction,
  { protocols, signal }: { readonly protocols: string[]; readonly signal: AbortSignal },
): Promise<string> {
  return direction === 'inbound' ? handle(stream, protocols, { signal }) : select(stream, protocols, { signal })
}

function found<Part>(parts: ReadonlyMap<string, Part>, protocol: string): Part {
  const part = parts.get(protocol)
  if (part === undefined) throw new Error(`expected one of ${[...parts.keys()].join(', ')}, got ${protocol}`)
  return part
}

/** By libp2p's name: `dialProblemOf` puts it into words. */
function namedError(name: string, cause: unknown): Error {
  return Object.assign(new Error(cause instanceof Error ? cause.message : String(cause), { cause }), { name })
}
