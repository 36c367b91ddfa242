import { assert } from './assert.ts'
import type { Effect } from './effect.ts'
import type { ConnectionId, PeerId, RequestId, Root } from './ids.ts'
import { ASK_AGAIN_INTERVAL_MS, REQUEST_TIMEOUT_MS } from './limits.ts'
import type { SyncRequest } from './message.ts'
import type { RangeAttempt } from './range-attempt.ts'
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

  /**
   * Asks for what follows the locator, newest first, up to the end of a range where it is for one; the peer's own turn to be
   * asked again is moved on.
   */
  getHeaders(args: {
    peer: SyncPeer
    locator: readonly Root[]
    countMax: number
    nowMs: number
    attempt?: RangeAttempt
  }): void {
    const { peer, locator, countMax, nowMs, attempt } = args
    const stop = attempt?.range.to.root
    const from = locator[0]
    assert(from !== undefined, 'a locator ends in genesis')
    const make = (request: RequestId) => ({ type: 'get-headers', request, locator, stop, countMax }) as const
    const sent = this.send({ peer, timeoutMs: REQUEST_TIMEOUT_MS, nowMs, make })
    if (sent === undefined) return
    peer.headersRequest = { ...sent, countMax, from, attempt }
    peer.askAtMs = nowMs + ASK_AGAIN_INTERVAL_MS
  }

  /** One ping at a time; a more urgent one shortens the wait for the one under way. */
  ping(args: { peer: SyncPeer; timeoutMs: number; nowMs: number }): void {
    const { peer, timeoutMs, nowMs } = args
    if (peer.ping === undefined) peer.ping = this.send({ ...args, make: (request) => ({ type: 'ping', request }) })
    else peer.ping.deadlineMs = Math.min(peer.ping.deadlineMs, nowMs + timeoutMs)
  }
}
