import type { ConnectionId, PeerId } from './ids.ts'
import type { NodeInfo, SyncMessage } from './message.ts'

/** What the rest of the core learns of peers: from this queue and from nowhere else. */
export type PeerNotice =
  | { readonly type: 'ready'; readonly peer: PeerId; readonly generation: number; readonly info: NodeInfo }
  | { readonly type: 'gone'; readonly peer: PeerId; readonly generation: number; readonly reason: string }
  /** A peer that was ready has another connection: the one that counts is asked whether it lives. */
  | { readonly type: 'connection-added'; readonly peer: PeerId }
  /** One connection of a peer that stays ready is no more: what was asked over it is lost. */
  | { readonly type: 'connection-lost'; readonly peer: PeerId; readonly connection: ConnectionId }
  /** This connection, of a peer that is ready or exchange-only, takes part in block exchange. */
  | {
      readonly type: 'exchange-joined'
      readonly peer: PeerId
      readonly connection: ConnectionId
      readonly isRushlight: boolean
    }
  /** It does no longer. */
  | { readonly type: 'exchange-left'; readonly peer: PeerId; readonly connection: ConnectionId }
  | {
      readonly type: 'message'
      readonly peer: PeerId
      readonly connection: ConnectionId
      readonly message: SyncMessage
    }
