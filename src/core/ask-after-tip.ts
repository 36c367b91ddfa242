import type { BatchQueue } from './batch-queue.ts'
import type { Chain, HeaderTree } from './chain.ts'
import type { Root } from './ids.ts'
import type { PeerRequests } from './peer-requests.ts'
import type { RangeDownload } from './range-download.ts'
import type { SyncPeer } from './sync-peer.ts'

export interface AskOptions {
  readonly chain: Chain
  readonly tree: HeaderTree
  readonly queue: BatchQueue
  readonly requests: PeerRequests
  readonly ranges: RangeDownload
}

/**
 * The locator begins one below our head, so that a peer with the same head delivers it and thereby confirms it. A peer that
 * has more is asked for what follows its last answer: on a branch of which we hold a part the best chain would not get us on.
 * With nothing but genesis, what follows the last checkpoint comes first, where the peer has it.
 */
export function askAfterTip(
  options: AskOptions,
  { peer, countMax, nowMs }: { peer: SyncPeer; countMax: number; nowMs: number },
): void {
  const { tree, queue, requests, ranges } = options
  const after = queue.lastRangeRoot(peer.peer) ?? (peer.hasMore ? joinOf(options, peer) : undefined)
  const locator = tree.locator(Math.max(0, tree.tip.height - 1))
  const start = after === undefined ? ranges.startFor(peer) : undefined
  if (start !== undefined) requests.getHeaders({ peer, locator: [start.root, ...locator], countMax, nowMs })
  else if (after === undefined) requests.getHeaders({ peer, locator, countMax: ranges.countTo(countMax), nowMs })
  else requests.getHeaders({ peer, locator: [after, ...locator], countMax, nowMs })
}

/** The last that it delivered; not where that was one range of many, and our chain has gone on with others. */
function joinOf({ chain, tree }: AskOptions, { delivered }: SyncPeer): Root | undefined {
  if (delivered === undefined || (chain.checkpoints ?? []).length === 0) return delivered
  const { height } = tree.summary(delivered) ?? tree.tip
  return tree.summary(height)?.root === delivered && height < tree.tip.height ? undefined : delivered
}
