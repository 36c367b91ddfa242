/**
 * Everything the core can ask for. The driver carries these out in order; what can fail comes back as an event.
 */
import type { Head, HeaderSummary, SliceStop } from './chain.ts'
import type { ExchangeAppEffect, ExchangeHostEffect, ExchangeStoreEffect } from './exchange/exchange-effect.ts'
import type { ConnectionId, DialId, PeerId, RequestId, Root } from './ids.ts'
import type { NodeInfo, SyncMessage } from './message.ts'
import type { Status } from './status.ts'

// For a host.

/** Reach this address, a multiaddr or a gateway's URL. Answered by `dial-succeeded` or `dial-failed` by the deadline. */
export interface Dial {
  readonly type: 'dial'
  readonly dial: DialId
  readonly address: string
  /** Of a peer that others told of: its further addresses, maybe none. Undefined for what was configured or asked for. */
  readonly furtherAddresses?: readonly string[]
  readonly timeoutMs: number
}

/** Give that dial up. The answer still comes (`cancelled`), and a connection that it opened all the same is closed. */
export interface CancelDial {
  readonly type: 'cancel-dial'
  readonly dial: DialId
}

/** Close this connection, in the background and bounded in time. `reason` is for the log. */
export interface CloseConnection {
  readonly type: 'close-connection'
  readonly connection: ConnectionId
  readonly reason: CloseReason
}

export type CloseReason =
  | 'handshake-timeout'
  | 'handshake-failed'
  | 'wrong-chain'
  | 'surplus'
  | 'refused'
  | 'misbehaviour'
  | 'unresponsive'
  | 'limited-expired'
  | 'disconnect-requested'
  | 'stopped'

export interface RequestHandshake {
  readonly type: 'request-handshake'
  readonly connection: ConnectionId
  readonly request: RequestId
  readonly info: NodeInfo
  readonly timeoutMs: number
}

export interface AnswerHandshake {
  readonly type: 'answer-handshake'
  readonly connection: ConnectionId
  readonly request: RequestId
  readonly info: NodeInfo
}

/** Requests and announcements go out on our stream of that connection, answers on the stream the request came on. */
export interface SendMessage {
  readonly type: 'send-message'
  readonly connection: ConnectionId
  readonly message: SyncMessage
}

// For a store.

/** Read `count` headers of the stored chain. Answered by `headers-loaded` (fewer at a torn tail) or `load-failed`. */
export interface LoadHeaders {
  readonly type: 'load-headers'
  /** See `StoreOpened`. */
  readonly isUpper?: boolean
  readonly fromHeight: number
  readonly count: number
}

/**
 * Cut the stored best chain to its first `truncateTo` headers, then append. Sequences grow by one; writes keep their order.
 * The store owns the bytes from now on. Answered by `persisted` or `persist-failed`.
 */
export interface Persist {
  readonly type: 'persist'
  readonly sequence: number
  /** A write to the upper part, see `StoreOpened`; when it is left without headers that part is removed. */
  readonly isUpper?: boolean
  readonly truncateTo: number
  readonly append: Uint8Array
  /** Chain work up to the last appended header. */
  readonly work: bigint
}

// For the app. Told in the order they came true.

/** A peer finished its handshake and was admitted. Alternates strictly with `peer-gone`; `generation` grows. */
export interface PeerReady {
  readonly type: 'peer-ready'
  readonly peer: PeerId
  readonly generation: number
  readonly agent: string
}

export interface PeerGone {
  readonly type: 'peer-gone'
  readonly peer: PeerId
  readonly generation: number
  readonly reason: string
}

export interface HeadChanged {
  readonly type: 'head-changed'
  readonly head: Head
}

/** Oldest first, the common ancestor excluded; comes right before its `head-changed`. Never coalesced. */
export interface Reorganised {
  readonly type: 'reorganised'
  readonly reverted: readonly HeaderSummary[]
  readonly adopted: readonly HeaderSummary[]
}

export interface StatusChanged {
  readonly type: 'status-changed'
  readonly status: Status
  readonly reason: string
}

/** Answers `connect-requested`. */
export interface ConnectSettled {
  readonly type: 'connect-settled'
  readonly token: number
  readonly outcome:
    | { readonly type: 'ready'; readonly peer: PeerId }
    | {
        readonly type: 'failed'
        readonly code: 'undialable-address' | 'peer-refused' | 'wrong-chain'
        readonly detail: string
      }
}

/** Answers `headers-submitted` with a token. All of them are verified, or `stop` says where and why not. */
export interface HeadersSettled {
  readonly type: 'headers-settled'
  readonly token: number
  /** New to the tree. */
  readonly addedCount: number
  readonly stop: SliceStop | undefined
}

/** A missing parent was given up, with the announced headers that build on it. For the log and the checker. */
export interface WantFailed {
  readonly type: 'want-failed'
  readonly root: Root
  readonly failure: string
}

/** Something a person should know; nothing is lost. One line. */
export interface Warning {
  readonly type: 'warning'
  readonly code: WarningCode
  readonly detail: string
}

export type WarningCode =
  | 'peer-struck'
  | 'peer-banned'
  | 'wrong-chain'
  | 'store-read-failed'
  | 'store-write-failed'
  | 'store-tail-dropped'
  | 'quota-exceeded'
  | 'clock-jumped'
  | 'future-header'
  | 'checkpoint-refused'
  | 'own-header-refused'
  | 'dial-failed'
  | 'block-store-failed'

export type HostEffect =
  Dial | CancelDial | CloseConnection | RequestHandshake | AnswerHandshake | SendMessage | ExchangeHostEffect
export type HeaderStoreEffect = LoadHeaders | Persist
export type StoreEffect = HeaderStoreEffect | ExchangeStoreEffect
export type AppEffect =
  | PeerReady
  | PeerGone
  | HeadChanged
  | Reorganised
  | StatusChanged
  | ConnectSettled
  | HeadersSettled
  | WantFailed
  | Warning
  | ExchangeAppEffect
export type Effect = HostEffect | StoreEffect | AppEffect
