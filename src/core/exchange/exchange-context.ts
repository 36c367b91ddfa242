import type { HeaderTree } from '../chain.ts'
import type { ChainContent } from '../content.ts'
import type { Effect } from '../effect.ts'
import type { Misbehaviour } from '../failure.ts'
import type { Cid, LoadId, PeerId } from '../ids.ts'
import type { RandomSource } from '../random.ts'
import type { CidPrefix } from './exchange-message.ts'
import type { Counts, ExchangePeer } from './exchange-peer.ts'

/** What all parts of block exchange share. */
export interface ExchangeContext {
  readonly tree: HeaderTree
  readonly content: ChainContent | undefined
  readonly cidOf: (prefix: CidPrefix, bytes: Uint8Array) => Cid | undefined
  /** False: the block is as absent for that peer. */
  readonly mayServe: (peer: PeerId, cid: Cid) => boolean
  /** The stored headers are verified: the tree may be served. */
  readonly isTreeServed: () => boolean
  readonly misbehaved: (args: { peer: PeerId; misbehaviour: Misbehaviour; detail: string; nowMs: number }) => void
  readonly effects: Effect[]
  readonly random: RandomSource
  readonly counts: Counts
  readonly nextLoad: () => LoadId
  /** Peers for which something may be done at the end of the step. Empty between steps. */
  readonly dirty: Set<ExchangePeer>
}
