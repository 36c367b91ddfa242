import type { Root } from '../core/ids.ts'
import { NODE_NETWORK, NODE_NETWORK_LIMITED, NODE_WITNESS } from '../wire/bitcoin/version-message.ts'
import type { BlockAnswer } from './bitcoin-block-requests.ts'

/** A peer that says nothing costs this much; a block of 4 MB takes 32 s over 1 Mbit/s, and then another one may be faster. */
const PEER_TIMEOUT_MS = 30_000
/** Peers asked for one block, one after the other. */
const PEERS_ASKED_MAX = 4
/** BIP 159: who offers no more than NODE_NETWORK_LIMITED hangs up when asked for a block below its last 288. Two for races. */
const LIMITED_DEPTH_MAX: number = 288 - 2

/** What is needed of a connection to ask it for a block. */
export interface BlockLink {
  /** Of its version; undefined before the handshake is done. */
  readonly services: bigint | undefined
  /** Blocks that it was asked for and that did not come yet. */
  readonly pendingBlockCount: number
  /** Times that a block did not come. */
  readonly missedBlockCount: number
  requestBlock(root: Root, timeoutMs: number): Promise<BlockAnswer>
  /** The block was not what its header commits to. */
  blockWasInvalid(detail: string): void
}

export interface BlockFetch {
  readonly root: Root
  /** How far below our head it is; undefined where the header is not known. */
  readonly depth: number | undefined
  /** Judges the whole block: what is wrong with it, in one line; undefined when it is taken. */
  readonly problemOf: (bytes: Uint8Array) => string | undefined
}

/** One peer after the other, the least busy of those that answered best first. False when none of them had it. Never rejects. */
export async function fetchBlock(links: () => Iterable<BlockLink>, fetch: BlockFetch): Promise<boolean> {
  const asked = new Set<BlockLink>()
  while (asked.size < PEERS_ASKED_MAX) {
    const next = nextLink(links(), asked, fetch.depth)
    if (next === undefined) return false
    asked.add(next)
    const answer = await next.requestBlock(fetch.root, PEER_TIMEOUT_MS)
    if (answer.type !== 'block') continue
    const problem = fetch.problemOf(answer.bytes)
    if (problem === undefined) return true
    next.blockWasInvalid(problem)
  }
  return false
}

function nextLink(
  links: Iterable<BlockLink>,
  asked: ReadonlySet<BlockLink>,
  depth: number | undefined,
): BlockLink | undefined {
  const candidates = [...links].filter((link) => !asked.has(link) && keepsBlock(link, depth))
  const cost = ({ missedBlockCount, pendingBlockCount }: BlockLink): number => missedBlockCount + pendingBlockCount
  return candidates.sort((one, other) => cost(one) - cost(other))[0]
}

function keepsBlock({ services }: BlockLink, depth: number | undefined): boolean {
  if (services === undefined || (services & NODE_WITNESS) === 0n) return false
  if ((services & NODE_NETWORK) !== 0n) return true
  return (services & NODE_NETWORK_LIMITED) !== 0n && depth !== undefined && depth < LIMITED_DEPTH_MAX
}
