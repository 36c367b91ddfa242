import {
  transportSymbol,
  type Connection,
  type DialTransportOptions,
  type Listener,
  type Stream,
  type Transport,
} from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromString } from '@libp2p/peer-id'
import { lpStream, type LengthPrefixedStream } from '@libp2p/utils'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import * as digest from 'multiformats/hashes/digest'
import { BoundedUpgrader } from './bounded-upgrader.ts'
import type { Libp2pComponents, Libp2pTransports } from './libp2p-core.ts'
import { relayConnection } from './relay-connection.ts'
import { RelayListener } from './relay-listener.ts'
import {
  decodeHopStatus,
  decodeStopConnect,
  encodeConnect,
  encodeStopStatus,
  HOP_PROTOCOL,
  RELAY_MESSAGE_BYTES_MAX,
  STATUS_OK,
} from './relay-message.ts'

/** Even where the relay names no limit of its own: such a connection carries signals only. */
const LIMITS = {}

/**
 * A client of circuit relay v2. DIFF FROM SPEC: it looks for no relays; it asks every one that we have dialled and that
 * offers to be one, `RELAYS_MAX` of them at most. It takes 3 kB gzip where the library's takes 12.
 */
export function relayTransport(): Libp2pTransports[number] {
  return (components) => new RelayTransport(components)
}

class RelayTransport implements Transport {
  readonly [transportSymbol] = true as const
  readonly [Symbol.toStringTag] = 'relay'
  readonly #components: Libp2pComponents
  readonly #upgrader: BoundedUpgrader
  readonly #listener: RelayListener

  constructor(components: Libp2pComponents) {
    this.#components = components
    this.#upgrader = new BoundedUpgrader(components.upgrader)
    this.#listener = new RelayListener(components, (stream, relay) => this.#accept(stream, relay))
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const { relay, relayPeer, peer } = partsOf(address)
    const { connectionManager } = this.#components
    const known = connectionManager
      .getConnections(peerIdFromString(relayPeer))
      .find(({ limits }) => limits === undefined)
    const connection = known ?? (await connectionManager.openConnection(relay, { signal: options.signal }))
    const stream = await connection.newStream(HOP_PROTOCOL, { signal: options.signal })
    try {
      const messages = relayMessages(stream)
      await messages.write(encodeConnect(peerIdFromString(peer).toMultihash().bytes), options)
      const { status } = decodeHopStatus((await messages.read(options)).subarray())
      if (status !== STATUS_OK) throw new Error(`the relay could not reach ${peer}: status ${status}`)
      const raw = relayConnection(messages.unwrap(), address)
      return await this.#upgrader.upgradeOutbound(raw, { ...options, limits: LIMITS })
    } catch (error) {
      stream.abort(error as Error)
      throw error
    }
  }

  /** One for all relays. */
  createListener(): Listener {
    return this.#listener
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(isRelayed)
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => address.toString() === '/p2p-circuit')
  }

  /** Somebody wants to reach us through this relay. */
  async #accept(stream: Stream, relay: Connection): Promise<void> {
    const signal = this.#upgrader.createInboundAbortSignal()
    try {
      signal.throwIfAborted()
      const messages = relayMessages(stream)
      const peer = decodeStopConnect((await messages.read({ signal })).subarray())
      if (peer === undefined) throw new Error('expected a peer that wants to connect')
      const remote = peerIdFromMultihash(digest.decode(peer)).toString()
      await messages.write(encodeStopStatus(STATUS_OK), { signal })
      const raw = relayConnection(messages.unwrap(), relay.remoteAddr.encapsulate(`/p2p-circuit/p2p/${remote}`))
      await this.#upgrader.upgradeInbound(raw, { limits: LIMITS, signal })
    } catch (error) {
      stream.abort(error as Error)
    } finally {
      signal.clear()
    }
  }
}

function relayMessages(stream: Stream): LengthPrefixedStream<Stream> {
  return lpStream(stream, { maxDataLength: RELAY_MESSAGE_BYTES_MAX })
}

function isRelayed(address: Multiaddr): boolean {
  const names = new Set(address.getComponents().map(({ name }) => name))
  return names.has('p2p-circuit') && !names.has('webrtc')
}

function partsOf(address: Multiaddr): { readonly relay: Multiaddr; readonly relayPeer: string; readonly peer: string } {
  const components = address.getComponents()
  const index = components.findIndex(({ name }) => name === 'p2p-circuit')
  const relayPeer = components.slice(0, index).findLast(({ name }) => name === 'p2p')?.value
  const peer = components.slice(index).findLast(({ name }) => name === 'p2p')?.value
  if (relayPeer === undefined || peer === undefined) {
    throw new Error(`expected a relay and a peer behind it, got ${address.toString()}`)
  }
  return { relay: multiaddr(components.slice(0, index)), relayPeer, peer }
}
