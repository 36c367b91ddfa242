import type { HeaderTree } from './chain.ts'
import { HEADERS_PER_MESSAGE_MAX } from './limits.ts'
import type { SyncRequest, SyncResponse } from './message.ts'

/** The answer to a peer's request, out of verified headers only. Bounded by HEADERS_PER_MESSAGE_MAX. */
export function answer(message: SyncRequest, tree: HeaderTree): SyncResponse {
  const { request } = message
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
