import type { AncestorWalk } from './ancestor-walk.ts'
import type { HeaderTree } from './chain.ts'
import type { Misbehaviour } from './failure.ts'
import * as limits from './limits.ts'
import type { Announce } from './message.ts'
import type { SyncPeer } from './sync-peer.ts'
import type { Verification } from './verification.ts'

/** What a peer announced waits to be verified, or for its parent. Returns what is wrong with it, or undefined. */
export function takeAnnouncement(
  parts: { readonly tree: HeaderTree; readonly verification: Verification; readonly walk: AncestorWalk },
  announcer: SyncPeer,
  { headers, head }: Announce,
  nowMs: number,
): { readonly misbehaviour: Misbehaviour; readonly detail: string } | undefined {
  const { tree, verification, walk } = parts
  const { queue, isRunning } = verification
  const { peer } = announcer
  announcer.claimed = head
  if (headers.length === 0) return undefined
  const { parent, last, count, lastHasWork } = tree.inspect(headers)
  if (!lastHasWork) {
    const detail = `expected proof of work, got announced header ${last} without`
    return { misbehaviour: 'invalid-header', detail }
  }
  if (tree.has(last)) {
    announcer.delivered = last
    return undefined
  }
  if (isRunning && (tree.has(parent) || queue.holdsLast(parent))) {
    if (queue.countOf(peer, 'announcement') >= limits.QUEUED_ANNOUNCEMENTS_PER_PEER_MAX) {
      return { misbehaviour: 'flood', detail: 'more announcements than can be verified' }
    }
    queue.push({ source: { type: 'announcement', peer }, headers, headerCount: count, last })
  } else if (!walk.add({ parent, headers, last, headerCount: count, peer, nowMs })) {
    const detail = `expected at most ${limits.WANTED_ROOTS_PER_PEER_MAX} announcements with missing parents`
    return { misbehaviour: 'flood', detail }
  }
  return undefined
}
