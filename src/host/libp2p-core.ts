import type {
  AbortOptions,
  Connection,
  Libp2p,
  PeerStore,
  PrivateKey,
  StreamHandler,
  StreamHandlerOptions,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Libp2pInit } from 'libp2p'

export type Libp2pTransports = NonNullable<Libp2pInit['transports']>

/** What a part of libp2p is given when it is made: transports, muxers, services. */
export type Libp2pComponents = Parameters<Libp2pTransports[number]>[0]

/** As much of a libp2p as a host uses; libp2p itself is one, and so is the smaller one for tabs. */
export interface Libp2pCore extends Pick<
  Libp2p,
  'peerId' | 'status' | 'addEventListener' | 'getConnections' | 'getMultiaddrs' | 'start' | 'stop'
> {
  /** Where one is kept. */
  readonly peerStore?: Pick<PeerStore, 'all' | 'delete'>
  /** Two dials to one peer at once are two dials; else the second waits for the first, and dials nothing of its own. */
  readonly dialsApart?: boolean
  handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void>
  /**
   * To a peer that is connected already, and not by a relay alone, the answer is that connection.
   * Rejects as soon as the signal aborts; a connection that opened at that very moment stays open.
   */
  dial(address: Multiaddr, options?: AbortOptions): Promise<Connection>
}

/** What a host wants its libp2p to be made of. */
export interface Libp2pParts {
  readonly privateKey: PrivateKey
  /** What identify tells others that we are. */
  readonly userAgent: string
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[]
  /** Multiaddrs to tell others instead of the ones we listen on. */
  readonly announce: readonly string[]
  readonly transports: Libp2pTransports
  readonly encrypter: NonNullable<Libp2pInit['connectionEncrypters']>[number]
  readonly muxer: NonNullable<Libp2pInit['streamMuxers']>[number]
  readonly services: readonly ((components: Libp2pComponents) => unknown)[]
}

/** Makes one that is not started yet. */
export type CreateLibp2p = (parts: Libp2pParts) => Promise<Libp2pCore>
