import type { Chain, HeaderTree } from './chain.ts'
import type { RequestId } from './ids.ts'
import { PEER_RECORD_BYTES_MAX } from './limits.ts'
import type { NodeInfo, SyncMessage } from './message.ts'

/**
 * Where the handshake of one direct connection stands. A handshake belongs to a connection, readiness to a peer.
 * Relayed connections carry signalling only and have none.
 */
export type HandshakeState =
  /** We dialled, so we asked, once. */
  | { readonly phase: 'requested'; readonly request: RequestId; readonly deadlineMs: number }
  /** The remote dialled, so it asks; or it does not know the protocol and we wait to learn what else it speaks. */
  | { readonly phase: 'awaited'; readonly deadlineMs: number }
  | { readonly phase: 'completed'; readonly info: NodeInfo; readonly sinceMs: number }
  /** The remote speaks bitswap and not our handshake: block exchange and nothing else. */
  | { readonly phase: 'exchange-only' }
  /** Answered and then judged to be of another chain; closed at the deadline unless the remote closes first. */
  | { readonly phase: 'mismatched'; readonly deadlineMs: number }
  | { readonly phase: 'limited'; readonly deadlineMs: number }

/** What we say of ourselves. */
export function ownNodeInfo(args: {
  chain: Chain
  tree: HeaderTree
  agent: string
  servesOutlines: boolean
}): NodeInfo {
  const { height, root, work } = args.tree.tip
  return {
    chain: args.chain.id,
    genesis: args.chain.genesis,
    head: { height, root, work },
    serves: ['headers', 'ancestors', 'peers', ...(args.servesOutlines ? (['outlines'] as const) : [])],
    agent: args.agent,
  }
}

/** Undefined when the remote is on our chain; else what differs, in one line. */
export function judgeNodeInfo(info: NodeInfo, chain: Pick<Chain, 'id' | 'genesis'>): string | undefined {
  if (info.chain !== chain.id) return `expected a peer on ${chain.id}, got one on ${printable(info.chain)}`
  if (info.genesis !== chain.genesis) {
    return `expected a peer on ${chain.id} with genesis ${chain.genesis}, got genesis ${info.genesis}`
  }
  return undefined
}

/** About how many bytes a decoded message holds on to. */
export function messageSizeBytes(message: SyncMessage): number {
  const FIXED_BYTES = 128
  const ROOT_BYTES = 64
  const PEER_RECORD_BYTES = 2 * PEER_RECORD_BYTES_MAX
  switch (message.type) {
    case 'headers':
    case 'announce':
      return FIXED_BYTES + message.headers.length
    case 'ancestors':
      return FIXED_BYTES + message.headers.length + ROOT_BYTES * (message.answered.length + message.unknown.length)
    case 'get-headers':
      return FIXED_BYTES + ROOT_BYTES * message.locator.length
    case 'get-ancestors':
      return FIXED_BYTES + ROOT_BYTES * (message.roots.length + message.known.length)
    case 'block-outline':
      return FIXED_BYTES + message.bytes.length
    case 'get-peers':
    case 'peers':
      return FIXED_BYTES + message.records.length * PEER_RECORD_BYTES
    case 'get-block-outline':
    case 'ping':
    case 'pong':
    case 'refused':
      return FIXED_BYTES
  }
}

/** A remote's text for a log or a page: short and printable. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 64)
}
