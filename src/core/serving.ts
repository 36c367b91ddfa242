import type { HeaderTree } from './chain.ts'
import { HEADERS_PER_MESSAGE_MAX } from './limits.ts'
import type { GetAncestors, GetHeaders, SyncRequest, SyncResponse } from './message.ts'

/**
 * The answer to a peer's request, out of verified headers only. Bounded by HEADERS_PER_MESSAGE_MAX.
 * `tree` is undefined while the stored headers are not verified yet: what could be served then is a part of what we have,
 * and would send the asker back over headers that it knows. The same goes for what begins below a gap.
 */
export function answer(message: SyncRequest, tree: HeaderTree | undefined): SyncResponse {
  const { request } = message
  if (tree === undefined || (message.type !== 'ping' && !reachesAboveGap(message, tree)))
    return message.type === 'ping' ? { type: 'pong', request } : { type: 'refused', request, reason: 'busy' }
  switch (message.type) {
    case 'ping':
      return { type: 'pong', request }
    case 'get-headers': {
      const countMax = Math.min(message.countMax, HEADERS_PER_MESSAGE_MAX)
      const served = tree.serveRange({ ...message, countMax })
      const { height, root, work } = tree.tip
      return { type: 'headers', request, ...served, head: { height, root, work } }
    }
    case 'get-ancestors': {
      const countMax = Math.min(message.countMax, HEADERS_PER_MESSAGE_MAX)
      const served = tree.serveAncestors({ roots: message.roots, known: message.known, countMax })
      return { type: 'ancestors', request, ...served }
    }
  }
}

/** The asker has a header that is above our gap, where we have one. */
function reachesAboveGap(message: GetHeaders | GetAncestors, tree: HeaderTree): boolean {
  const { gap } = tree
  if (gap === undefined) return true
  const roots = message.type === 'get-headers' ? message.locator : message.known
  return roots.some((root) => (tree.summary(root)?.height ?? 0) > gap.toHeight)
}
