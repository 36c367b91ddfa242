import type { PeerSource } from './batch-queue.ts'
import type { ConnectionId, PeerId, RequestId, Root } from './ids.ts'
import {
  ABANDONED_REQUESTS_PER_PEER_MAX,
  HEADERS_PER_MESSAGE_MAX,
  HEADERS_PER_REQUEST_MIN,
  IDLE_BATCHES_MAX,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
} from './limits.ts'
import type { ClaimedHead, NodeInfo } from './message.ts'
import type { RangeAttempt } from './range-attempt.ts'

/** A request that went out, for the record of the peer that owes the answer. */
export interface SentRequest {
  readonly request: RequestId
  readonly connection: ConnectionId
  readonly sentMs: number
  deadlineMs: number
}

export interface PendingHeaders extends SentRequest {
  readonly countMax: number
  /** First locator entry: the answer may follow it though it is not verified yet. */
  readonly from: Root
  /** The range between checkpoints that it is for. */
  readonly attempt: RangeAttempt | undefined
}

export interface PendingAncestors extends SentRequest {
  readonly roots: readonly Root[]
}

/** What sync knows of one ready peer. At most one request of each kind is in flight, owned by this record (S3). */
export interface SyncPeer {
  readonly peer: PeerId
  readonly agent: string
  readonly servesHeaders: boolean
  readonly servesAncestors: boolean
  /** What it says of its head, or what we sent it, whichever has more work. */
  claimed: ClaimedHead
  /** The last header that it sent us and that kept every rule. */
  delivered: Root | undefined
  /** The last head of ours that we sent it. */
  told: Root | undefined
  toldOver: ConnectionId | undefined
  headersRequest: PendingHeaders | undefined
  ancestorsRequest: PendingAncestors | undefined
  ping: SentRequest | undefined
  latencyMs: number | undefined
  /** It answered that it has headers beyond those it sent. */
  hasMore: boolean
  /** It answered a get-headers since it became ready. */
  hasAnswered: boolean
  /** Batches in a row that held nothing new. */
  idleBatchCount: number
  /** Not elected before then. */
  stalledUntilMs: number
  /** When it is asked for headers next. */
  askAtMs: number
  heardMs: number
  /** Headers per request: quartered when one does not arrive in time, doubled when it does. */
  headersPerRequest: number
  /** Requests that timed out and may still be answered. */
  abandonedCount: number
  streamFailureCount: number
}

/** Something else came by this connection: the answer to a ping may stand behind all of that, which is handled in fair order. */
export function waitForPong(peer: SyncPeer | undefined, connection: ConnectionId, nowMs: number): void {
  const ping = peer?.ping
  if (ping?.connection === connection) ping.deadlineMs = Math.max(ping.deadlineMs, nowMs + PING_TIMEOUT_MS)
}

export function createSyncPeer(args: { peer: PeerId; info: NodeInfo; nowMs: number }): SyncPeer {
  return {
    peer: args.peer,
    agent: args.info.agent,
    servesHeaders: args.info.serves.includes('headers'),
    servesAncestors: args.info.serves.includes('ancestors'),
    claimed: args.info.head,
    delivered: undefined,
    told: undefined,
    toldOver: undefined,
    headersRequest: undefined,
    ancestorsRequest: undefined,
    ping: undefined,
    latencyMs: undefined,
    hasMore: false,
    hasAnswered: false,
    idleBatchCount: 0,
    stalledUntilMs: 0,
    askAtMs: args.nowMs,
    heardMs: args.nowMs,
    headersPerRequest: HEADERS_PER_MESSAGE_MAX,
    abandonedCount: 0,
    streamFailureCount: 0,
  }
}

/** We sent it our head: it has that much by now, whatever it said before. */
export function tell(peer: SyncPeer, head: ClaimedHead, connection: ConnectionId): void {
  peer.told = head.root
  peer.toldOver = connection
  if (head.work > peer.claimed.work) peer.claimed = head
}

/**
 * A batch of this peer kept every rule. True when its ranges have gone on for too long without anything new: it is to be set
 * aside. What it announces does not count: in a burst the same headers come in several ways.
 */
export function noteDelivered(
  peer: SyncPeer,
  { last, addedCount }: { last: Root; addedCount: number },
  source: PeerSource['type'],
): boolean {
  peer.delivered = last
  if (addedCount > 0) peer.idleBatchCount = 0
  else if (source === 'range') peer.idleBatchCount += 1
  return source === 'range' && peer.idleBatchCount >= IDLE_BATCHES_MAX && peer.hasMore
}

/** A request that we no longer wait for; its answer may still come and is then ignored. */
export function abandon(peer: SyncPeer): void {
  peer.abandonedCount = Math.min(peer.abandonedCount + 1, ABANDONED_REQUESTS_PER_PEER_MAX)
}

/** What was asked over this connection may still be answered: late. */
export function abandonSent(peer: SyncPeer, connection: ConnectionId): void {
  const requests = [peer.ping, peer.headersRequest, peer.ancestorsRequest]
  for (const sent of requests) if (sent?.connection === connection) abandon(peer)
}

/** A ping or a question for headers that went down with its connection; headers are asked for again from `againMs` on. */
export function forgetSent(peer: SyncPeer, args: { connection: ConnectionId; againMs: number }): void {
  if (peer.ping?.connection === args.connection) peer.ping = undefined
  if (peer.headersRequest?.connection !== args.connection) return
  peer.headersRequest = undefined
  peer.askAtMs = args.againMs
}

export function askForLess(peer: SyncPeer): void {
  peer.headersPerRequest = Math.max(HEADERS_PER_REQUEST_MIN, Math.floor(peer.headersPerRequest / 4))
}

export function askForMore(peer: SyncPeer): void {
  peer.headersPerRequest = Math.min(HEADERS_PER_MESSAGE_MAX, peer.headersPerRequest * 2)
}

/** The next moment at which something is due in a peer's record; Infinity when nothing is. */
export function nextTimeoutOf({ peer, isAsking }: { peer: SyncPeer; isAsking: boolean }): number {
  const isIdle = peer.headersRequest === undefined
  return Math.min(
    peer.headersRequest?.deadlineMs ?? Infinity,
    peer.ancestorsRequest?.deadlineMs ?? Infinity,
    peer.ping?.deadlineMs ?? peer.heardMs + PING_INTERVAL_MS,
    isAsking && peer.servesHeaders && isIdle ? peer.askAtMs : Infinity,
    isAsking && peer.stalledUntilMs > 0 ? peer.stalledUntilMs : Infinity,
  )
}

export function shiftDeadlines(peer: SyncPeer, byMs: number): void {
  for (const pending of [peer.headersRequest, peer.ancestorsRequest, peer.ping]) {
    if (pending !== undefined) pending.deadlineMs += byMs
  }
}
