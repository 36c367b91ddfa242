import type { ConnectionId, PeerId } from '../ids.ts'
import type { ExchangePeer } from './exchange-peer.ts'

/** Peers that take part in block exchange. Bounded by maxPeers and EXCHANGE_ONLY_PEERS_MAX. */
export class PeerList {
  /** In no order, for taking some of them without looking at all. */
  readonly all: ExchangePeer[] = []
  readonly #byId = new Map<PeerId, ExchangePeer>()
  readonly #byConnection = new Map<ConnectionId, ExchangePeer>()

  get(id: PeerId): ExchangePeer | undefined {
    return this.#byId.get(id)
  }

  by(connection: ConnectionId): ExchangePeer | undefined {
    return this.#byConnection.get(connection)
  }

  add(peer: ExchangePeer): void {
    peer.position = this.all.length
    this.all.push(peer)
    this.#byId.set(peer.id, peer)
    for (const connection of peer.connections) this.#byConnection.set(connection, peer)
  }

  addConnection(peer: ExchangePeer, connection: ConnectionId): void {
    peer.connections.add(connection)
    this.#byConnection.set(connection, peer)
  }

  deleteConnection(peer: ExchangePeer, connection: ConnectionId): void {
    peer.connections.delete(connection)
    this.#byConnection.delete(connection)
  }

  delete(peer: ExchangePeer): void {
    const last = this.all.pop()
    if (last !== undefined && last !== peer) {
      this.all[peer.position] = last
      last.position = peer.position
    }
    peer.position = -1
    this.#byId.delete(peer.id)
    for (const connection of peer.connections) this.#byConnection.delete(connection)
  }

  clear(): void {
    for (const peer of [...this.all]) this.delete(peer)
  }
}
