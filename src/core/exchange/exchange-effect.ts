/** What block exchange can ask for; part of `Effect`. */
import type { Cid, ConnectionId, LoadId, PeerId, Root, WantToken } from '../ids.ts'
import type { OutgoingExchange } from './exchange-message.ts'

// For a host.

/** The peer is admitted: its bitswap streams, which the host has left unread so far, are read from now on. */
export interface AdmitExchange {
  readonly type: 'admit-exchange'
  readonly connection: ConnectionId
}

/**
 * Send this. One at a time per connection: the next comes after `exchange-sent` or `exchange-send-failed` (X2).
 * By the deadline it is drained or it failed, and its stream is reset.
 */
export interface SendExchange {
  readonly type: 'send-exchange'
  readonly connection: ConnectionId
  readonly sequence: number
  readonly message: OutgoingExchange
  readonly timeoutMs: number
}

/** Give the send under way up: its stream is reset, and `exchange-send-failed` (`cancelled`) follows. */
export interface ResetExchange {
  readonly type: 'reset-exchange'
  readonly connection: ConnectionId
}

// For the block store. Reads are answered by the deadline, by `blocks-load-failed` at the latest.

export interface FindBlocks {
  readonly type: 'find-blocks'
  readonly load: LoadId
  /** Whom it is for; undefined for the app. Reads of one peer never wait behind those of another. */
  readonly owner: PeerId | undefined
  readonly cids: readonly Cid[]
  readonly timeoutMs: number
}

export interface LoadBlocks {
  readonly type: 'load-blocks'
  readonly load: LoadId
  readonly owner: PeerId | undefined
  readonly cids: readonly Cid[]
  readonly bytesMax: number
  readonly timeoutMs: number
}

export interface LoadOutline {
  readonly type: 'load-outline'
  readonly load: LoadId
  readonly owner: PeerId | undefined
  readonly root: Root
  readonly timeoutMs: number
}

/** Keep these, already checked against their CIDs. Answered by `blocks-stored`; a failure is told as a warning. */
export interface SaveBlocks {
  readonly type: 'save-blocks'
  readonly blocks: readonly { readonly cid: Cid; readonly bytes: Uint8Array }[]
}

// For the app.

/** How far a want came: counts of peers that were asked, that said no, and that have not answered. */
export interface WantProgress {
  readonly askedCount: number
  readonly absentCount: number
}

/** Answers each want of `wants-requested`, once. The bytes hash to the CID (X3) and are shared, never changed. */
export interface WantSettled {
  readonly type: 'want-settled'
  readonly token: WantToken
  readonly outcome:
    | { readonly type: 'delivered'; readonly bytes: Uint8Array; readonly from: PeerId | 'store' }
    | {
        readonly type: 'failed'
        readonly code: 'cancelled' | 'block-too-large' | 'unknown-hash' | 'too-many-wants' | 'stopped'
        readonly detail: string
        readonly progress: WantProgress
      }
}

/** Answers `outline-requested`, once. It was checked against the header (`ChainContent.checkOutline`). */
export interface OutlineSettled {
  readonly type: 'outline-settled'
  readonly token: WantToken
  readonly outcome:
    | { readonly type: 'delivered'; readonly outline: Uint8Array; readonly from: PeerId | 'store' }
    /** `not-served`: no ready peer serves outlines, or each said no: walk the tree by CID instead. */
    | {
        readonly type: 'failed'
        readonly code: 'cancelled' | 'not-served' | 'stopped'
        readonly detail: string
        readonly progress: WantProgress
      }
}

export type ExchangeHostEffect = AdmitExchange | SendExchange | ResetExchange
export type ExchangeStoreEffect = FindBlocks | LoadBlocks | LoadOutline | SaveBlocks
export type ExchangeAppEffect = WantSettled | OutlineSettled
