import type { Chain, HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import type { Misbehaviour } from './failure.ts'
import type { ConnectionId, PeerId } from './ids.ts'

/** What header sync is made with. */
export interface SyncOptions {
  readonly chain: Chain
  readonly tree: HeaderTree
  readonly isAuthority: boolean
  readonly effects: Effect[]
  /** The connection that messages to this ready peer go by. */
  readonly connectionOf: (peer: PeerId) => ConnectionId | undefined
  readonly misbehaved: (args: { peer: PeerId; misbehaviour: Misbehaviour; detail: string; nowMs: number }) => void
  readonly unresponsive: (connection: ConnectionId, nowMs: number) => void
}
