import type { PeerId } from './ids.ts'
import { PROBE_HEADER_COUNT } from './limits.ts'
import type { RangeDownload } from './range-download.ts'
import type { SyncPeer } from './sync-peer.ts'

/**
 * The sync peer, or the best candidate where there is none. One that was overtaken in its range may be silent: others go
 * before it, so that nobody waits for that to be certain.
 */
export function elect(args: {
  readonly current: PeerId | undefined
  readonly peers: ReadonlyMap<PeerId, SyncPeer>
  readonly ranges: RangeDownload
  readonly nowMs: number
}): PeerId | undefined {
  const { current, peers, ranges, nowMs } = args
  const elected = current === undefined ? undefined : peers.get(current)
  if (elected !== undefined && !ranges.isOvertaken(elected)) return current
  return bestCandidate(peers.values(), nowMs, ranges) ?? current ?? bestCandidate(peers.values(), nowMs)
}

/** Claims order candidates: of those that answered that they have more, the one that claims the most work. */
function bestCandidate(peers: Iterable<SyncPeer>, nowMs: number, ranges?: RangeDownload): PeerId | undefined {
  let best: SyncPeer | undefined
  for (const peer of peers) {
    if (!peer.hasMore || nowMs < peer.stalledUntilMs || ranges?.isOvertaken(peer) === true) continue
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
