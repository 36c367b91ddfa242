import type { HeaderTree } from './chain.ts'
import { HEADERS_PER_MESSAGE_MAX } from './limits.ts'
import type { SyncRequest, SyncResponse } from './message.ts'

/**
 * The answer to a peer's request, out of verified headers only. Bounded by HEADERS_PER_MESSAGE_MAX.
 * `tree` is undefined while the stored headers are not verified yet: what could be served then is a part of what we have,
 * and would send the asker back over headers that it knows.
 */
export function answer(message: SyncRequest, tree: HeaderTree | undefined): SyncResponse {
  const { request } = message
  if (tree === undefined)
    return message.type === 'ping' ? { type: 'pong', request } : { type: 'refused', request, reason: 'busy' }
  switch (message.type) {
    case 'ping':
      return { type: 'pong', request }
    case 'get-headers': {
      const countMax = Math.min(message.countMax, HEADERS_PER_MESSAGE_MAX)
      const served = tree.serveRange({ locator: message.locator, stop: message.stop, countMax })
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
