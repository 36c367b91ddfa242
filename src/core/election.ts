import type { PeerId } from './ids.ts'
import { PROBE_HEADER_COUNT } from './limits.ts'
import type { SyncPeer } from './sync-peer.ts'

/** Claims order candidates: of those that answered that they have more, the one that claims the most work. */
export function bestCandidate(peers: Iterable<SyncPeer>, nowMs: number): PeerId | undefined {
  let best: SyncPeer | undefined
  for (const peer of peers) {
    if (!peer.hasMore || nowMs < peer.stalledUntilMs) continue
    if (best === undefined || peer.claimed.work > best.claimed.work) best = peer
  }
  return best?.peer
}

/** Whole batches come from one peer at a time; the others are only asked whether they have something new. */
export function isFetching(peers: Iterable<SyncPeer>): boolean {
  for (const { headersRequest } of peers) {
    if (headersRequest !== undefined && headersRequest.countMax > PROBE_HEADER_COUNT) return true
  }
  return false
}

/** Somebody answered, and nobody who has more to give claims more work than `work`. */
export function isLevelWith(peers: Iterable<SyncPeer>, work: bigint): boolean {
  let hasAnswer = false
  for (const peer of peers) {
    if (peer.hasMore && peer.claimed.work > work) return false
    if (peer.hasAnswered) hasAnswer = true
  }
  return hasAnswer
}
