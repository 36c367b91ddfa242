import type { Effect } from './effect.ts'
import type { ConnectionId, PeerId, RequestId } from './ids.ts'
import type { SyncRequest } from './message.ts'
import type { SentRequest, SyncPeer } from './sync-peer.ts'

/** Numbers our requests and sends each by its peer's primary connection. */
export class PeerRequests {
  readonly #effects: Effect[]
  readonly #connectionOf: (peer: PeerId) => ConnectionId | undefined
  #nextRequest = 1

  constructor(options: { effects: Effect[]; connectionOf: (peer: PeerId) => ConnectionId | undefined }) {
    this.#effects = options.effects
    this.#connectionOf = options.connectionOf
  }

  /** Undefined where the peer is not ready: then nothing is sent (S4). */
  send(args: {
    peer: SyncPeer
    timeoutMs: number
    nowMs: number
    make: (request: RequestId) => SyncRequest
  }): SentRequest | undefined {
    const connection = this.#connectionOf(args.peer.peer)
    if (connection === undefined) return undefined
    const message = args.make(this.#nextRequest++ as RequestId)
    this.#effects.push({ type: 'send-message', connection, message })
    return { request: message.request, connection, sentMs: args.nowMs, deadlineMs: args.nowMs + args.timeoutMs }
  }

  /** One ping at a time; a more urgent one shortens the wait for the one under way. */
  ping(args: { peer: SyncPeer; timeoutMs: number; nowMs: number }): void {
    const { peer, timeoutMs, nowMs } = args
    if (peer.ping === undefined) peer.ping = this.send({ ...args, make: (request) => ({ type: 'ping', request }) })
    else peer.ping.deadlineMs = Math.min(peer.ping.deadlineMs, nowMs + timeoutMs)
  }
}
