import type { HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import type { ConnectionId, PeerId, Root } from './ids.ts'
import { ANNOUNCED_HEADERS_MAX } from './limits.ts'
import type { SyncPeer } from './sync-peer.ts'
import { tell } from './sync-peer.ts'

/** Tells peers of a new head, each once, and nobody who sent it to us. */
export class Announcer {
  readonly #tree: HeaderTree
  readonly #effects: Effect[]
  readonly #connectionOf: (peer: PeerId) => ConnectionId | undefined
  #announced: Root
  /** Lowest height that changed since the last announcement; undefined when the change was read from the store. */
  #changedFrom: number | undefined

  constructor(options: {
    tree: HeaderTree
    effects: Effect[]
    connectionOf: (peer: PeerId) => ConnectionId | undefined
  }) {
    this.#tree = options.tree
    this.#effects = options.effects
    this.#connectionOf = options.connectionOf
    this.#announced = options.tree.tip.root
  }

  headChanged(commonHeight: number): void {
    this.#changedFrom = Math.min(this.#changedFrom ?? Infinity, commonHeight + 1)
  }

  /** All that changed when that is little, so that it connects at once; else the head alone, and peers fetch the rest. */
  announce(peers: Iterable<SyncPeer>): void {
    const { height, root } = this.#tree.tip
    if (root === this.#announced) return
    const changedFrom = this.#changedFrom ?? height
    const fromHeight = height - changedFrom < ANNOUNCED_HEADERS_MAX ? changedFrom : height
    for (const peer of peers) if (peer.told !== root) this.#tell(peer, fromHeight)
    this.#announced = root
    this.#changedFrom = undefined
  }

  /** What the peer was told over a connection may have gone down with it: the head is told again. */
  repeat(peer: SyncPeer, lost: ConnectionId): void {
    const { root, height } = this.#tree.tip
    if (peer.told === root && peer.toldOver === lost) this.#tell(peer, height)
  }

  /** Headers from that height on, unless the last of them came from this peer. */
  #tell(peer: SyncPeer, fromHeight: number): void {
    const { height, root, work } = this.#tree.tip
    const connection = this.#connectionOf(peer.peer)
    if (peer.delivered === root || connection === undefined) return
    const head = { height, root, work }
    tell(peer, head, connection)
    const headers = this.#tree.range({ fromHeight, count: height - fromHeight + 1 })
    this.#effects.push({ type: 'send-message', connection, message: { type: 'announce', headers, head } })
  }
}
