import type { Effect } from '../effect.ts'
import type { ConnectionId, LoadId, PeerId, RequestId } from '../ids.ts'
import { BLOCK_READ_TIMEOUT_MS, OUTLINE_BYTES_PER_MESSAGE_MAX, OUTLINES_PER_PEER_MAX } from '../limits.ts'
import type { GetBlockOutline, SyncMessage } from '../message.ts'

export interface OutlineServerOptions {
  readonly effects: Effect[]
  readonly nextLoad: () => LoadId
  /** Blocks are kept and exchanged here. */
  readonly isServing: boolean
  readonly isTreeServed: () => boolean
  /** A handshaken connection that is open. */
  readonly isConnected: (connection: ConnectionId) => boolean
}

interface Load {
  readonly peer: PeerId
  readonly connection: ConnectionId
  readonly request: RequestId
  readonly fromByte: number
}

/** Answers requests for outlines, a part of OUTLINE_BYTES_PER_MESSAGE_MAX at a time. */
export class OutlineServer {
  readonly #options: OutlineServerOptions
  /** Under way; OUTLINES_PER_PEER_MAX of each ready peer. */
  readonly #loads = new Map<LoadId, Load>()
  readonly #loadCounts = new Map<PeerId, number>()

  constructor(options: OutlineServerOptions) {
    this.#options = options
  }

  requested(peer: PeerId, connection: ConnectionId, message: GetBlockOutline): void {
    const { request, root, fromByte } = message
    const loadCount = this.#loadCounts.get(peer) ?? 0
    if (!this.#options.isTreeServed() || loadCount >= OUTLINES_PER_PEER_MAX) {
      this.#answer(connection, { type: 'refused', request, reason: 'busy' })
      return
    }
    if (!this.#options.isServing) {
      this.#answer(connection, { type: 'block-outline', request, totalBytes: 0, bytes: new Uint8Array(0) })
      return
    }
    const load = this.#options.nextLoad()
    this.#loads.set(load, { peer, connection, request, fromByte })
    this.#loadCounts.set(peer, loadCount + 1)
    this.#options.effects.push({ type: 'load-outline', load, owner: peer, root, timeoutMs: BLOCK_READ_TIMEOUT_MS })
  }

  #answer(connection: ConnectionId, message: SyncMessage): void {
    if (this.#options.isConnected(connection)) this.#options.effects.push({ type: 'send-message', connection, message })
  }

  loaded(id: LoadId, outline: Uint8Array | undefined): void {
    const load = this.#take(id)
    if (load === undefined) return
    const { connection, request, fromByte } = load
    const bytes = (outline ?? new Uint8Array(0)).subarray(fromByte, fromByte + OUTLINE_BYTES_PER_MESSAGE_MAX)
    this.#answer(connection, { type: 'block-outline', request, totalBytes: outline?.length ?? 0, bytes })
  }

  failed(id: LoadId): void {
    const load = this.#take(id)
    if (load !== undefined) this.#answer(load.connection, { type: 'refused', request: load.request, reason: 'busy' })
  }

  #take(id: LoadId): Load | undefined {
    const load = this.#loads.get(id)
    if (load === undefined) return undefined
    this.#loads.delete(id)
    const loadCount = (this.#loadCounts.get(load.peer) ?? 0) - 1
    if (loadCount > 0) this.#loadCounts.set(load.peer, loadCount)
    else this.#loadCounts.delete(load.peer)
    return load
  }

  peerGone(peer: PeerId): void {
    if (!this.#loadCounts.delete(peer)) return
    for (const [id, load] of this.#loads) if (load.peer === peer) this.#loads.delete(id)
  }
}
