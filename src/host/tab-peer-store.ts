import {
  NotFoundError,
  type Peer,
  type PeerData,
  type PeerId,
  type PeerQuery,
  type PeerStore,
  type Tag,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Peers that identify or a relay told of: what is needed again is with the peers that are connected. */
const PEERS_MAX = 1_000

/** What others told of themselves, in memory. The peer that was told of longest ago is forgotten first. */
export class TabPeerStore implements Pick<PeerStore, 'all' | 'delete' | 'get' | 'merge' | 'patch'> {
  readonly #own: PeerId
  /** By peer id; at most `PEERS_MAX`, and our own. */
  readonly #peers = new Map<string, Peer>()

  constructor(own: PeerId) {
    this.#own = own
  }

  /** Filters are heeded, an order is not: who asks for one shuffles. */
  async all({ filters = [] }: PeerQuery = {}): Promise<Peer[]> {
    return [...this.#peers.values()].filter((peer) => filters.every((fits) => fits(peer)))
  }

  /** Rejects with `NotFoundError`. */
  async get(id: PeerId): Promise<Peer> {
    const found = this.#peers.get(id.toString())
    if (found === undefined) throw new NotFoundError(`expected a peer that is known, got ${id.toString()}`)
    return found
  }

  async delete(id: PeerId): Promise<void> {
    this.#peers.delete(id.toString())
  }

  /** What is given replaces what was there. */
  async patch(id: PeerId, data: PeerData): Promise<Peer> {
    const { addresses, protocols, metadata, tags } = this.#knownOf(id)
    return this.#set(id, data, {
      addresses: addressesIn(data) ?? addresses,
      protocols: data.protocols ?? protocols,
      metadata: data.metadata === undefined ? metadata : added<Uint8Array>(new Map(), data.metadata),
      tags: data.tags === undefined ? tags : added<Tag>(new Map(), valuesOf(data.tags)),
    })
  }

  /** What is given is added to what was there; an undefined entry takes one away. Tags do not age. */
  async merge(id: PeerId, data: PeerData): Promise<Peer> {
    const { addresses, protocols, metadata, tags } = this.#knownOf(id)
    const isNew = ({ multiaddr }: { multiaddr: Multiaddr }): boolean =>
      !addresses.some((known) => known.multiaddr.equals(multiaddr))
    return this.#set(id, data, {
      addresses: [...addresses, ...(addressesIn(data) ?? []).filter(isNew)],
      protocols: [...new Set([...protocols, ...(data.protocols ?? [])])],
      metadata: added(metadata, data.metadata ?? {}),
      tags: added(tags, valuesOf(data.tags ?? {})),
    })
  }

  #knownOf(id: PeerId): Peer {
    return this.#peers.get(id.toString()) ?? { id, addresses: [], protocols: [], metadata: new Map(), tags: new Map() }
  }

  #set(id: PeerId, data: PeerData, fields: Omit<Peer, 'id' | 'peerRecordEnvelope'>): Peer {
    const peerRecordEnvelope = data.peerRecordEnvelope ?? this.#knownOf(id).peerRecordEnvelope
    const peer: Peer = { id, ...fields, ...(peerRecordEnvelope === undefined ? {} : { peerRecordEnvelope }) }
    this.#peers.delete(id.toString())
    this.#peers.set(id.toString(), peer)
    const [oldest] = [...this.#peers.values()].filter((each) => !each.id.equals(this.#own))
    if (oldest !== undefined && this.#peers.size > PEERS_MAX + 1) this.#peers.delete(oldest.id.toString())
    return peer
  }
}

function addressesIn({ addresses, multiaddrs }: PeerData): Peer['addresses'] | undefined {
  return addresses ?? multiaddrs?.map((multiaddr) => ({ multiaddr, isCertified: false }))
}

function valuesOf(tags: NonNullable<PeerData['tags']>): Map<string, Tag | undefined> {
  const entries = tags instanceof Map ? [...tags] : Object.entries(tags)
  return new Map(entries.map(([name, tag]) => [name, tag && { value: tag.value ?? 0 }]))
}

function added<Value>(
  known: Map<string, Value>,
  more: Map<string, Value | undefined> | Record<string, Value | undefined>,
): Map<string, Value> {
  const all = new Map(known)
  for (const [key, value] of more instanceof Map ? more : Object.entries(more)) {
    if (value === undefined) all.delete(key)
    else all.set(key, value)
  }
  return all
}
