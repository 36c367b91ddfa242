import {
  InvalidCryptoExchangeError,
  transportSymbol,
  type Connection,
  type DialTransportOptions,
  type Listener,
  type PeerId,
  type Transport,
} from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Libp2pComponents } from './libp2p-core.ts'
import { peerOf } from './remote-address.ts'
import { orAborted } from './tab-signal.ts'
import { digestOf, parseWebTransport, WEBTRANSPORT_PATH, type WebTransportAddress } from './webtransport-address.ts'
import { sessionConnection, sessionMuxer, SessionStream, type RawSession } from './webtransport-session.ts'

/** Opens a session; `hashes` are SHA-256 digests of certificates. Ends by itself when the signal aborts. */
export type OpenSession = (args: {
  readonly url: string
  readonly hashes: readonly Uint8Array<ArrayBuffer>[]
  readonly signal: AbortSignal
}) => Promise<RawSession>

/**
 * Dials by the libp2p WebTransport specification. The library's own does not notice when the remote ends a session, and
 * reads no further than a stream is paused only once; this one also serves the listener for Node.js.
 */
export function webTransportDialler(openSession: OpenSession): (components: Libp2pComponents) => Transport {
  return (components) => new WebTransportDialler(components, openSession)
}

class WebTransportDialler implements Transport {
  readonly [transportSymbol] = true as const
  readonly [Symbol.toStringTag] = 'webtransport-dialler'
  readonly #components: Libp2pComponents
  readonly #openSession: OpenSession

  constructor(components: Libp2pComponents, openSession: OpenSession) {
    this.#components = components
    this.#openSession = openSession
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const parsed = parseWebTransport(address)
    if (parsed === undefined) throw new Error(`expected a WebTransport address, got ${address.toString()}`)
    const { signal } = options
    const session = await this.#openSession({
      url: `${parsed.origin}${WEBTRANSPORT_PATH}`,
      hashes: parsed.certhashes.map(digestOf),
      signal,
    })
    try {
      const remotePeer = await orAborted(this.#secure(session, { address, parsed, signal }), signal)
      const log = this.#components.logger.forComponent('webtransport')
      const raw = sessionConnection({ session, remoteAddr: address, direction: 'outbound', log })
      const native = { skipEncryption: true, skipProtection: true, remotePeer, muxerFactory: sessionMuxer(session) }
      return await options.upgrader.upgradeOutbound(raw, { ...native, signal })
    } catch (error) {
      session.close()
      throw error
    }
  }

  createListener(): Listener {
    throw new Error('a tab does not listen for WebTransport')
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => parseWebTransport(address) !== undefined)
  }

  listenFilter(): Multiaddr[] {
    return []
  }

  /** Noise over the first stream: it binds the peer to the certificates that the browser accepted. */
  async #secure(
    session: RawSession,
    args: { readonly address: Multiaddr; readonly parsed: WebTransportAddress; readonly signal: AbortSignal },
  ): Promise<PeerId> {
    const { address, parsed, signal } = args
    const raw = await session.openStream()
    const log = this.#components.logger.forComponent('webtransport')
    const stream = new SessionStream({ raw, id: 'noise', direction: 'outbound', log })
    const named = peerOf(address)
    const secured = await noise()(this.#components).secureOutbound(stream, {
      signal,
      skipStreamMuxerNegotiation: true,
      ...(named === undefined ? {} : { remotePeer: peerIdFromString(named) }),
    })
    await stream.close({ signal })
    const claimed = new Set(secured.remoteExtensions?.webtransportCerthashes.map((hash) => hash.join()))
    if (!parsed.certhashes.every((hash) => claimed.has(hash.join()))) {
      throw new InvalidCryptoExchangeError('the peer does not know the certificate that its address names')
    }
    return secured.remotePeer
  }
}
