/**
 * Everything that can happen to a light node. The driver hands these to the core one at a time, in order.
 * An event that no longer matters (an older generation, an unknown connection) changes nothing.
 */
import type { ExchangeAppEvent, ExchangeHostEvent, ExchangeStoreEvent } from './exchange/exchange-event.ts'
import type { Misbehaviour, NetworkFailure } from './failure.ts'
import type { ConnectionId, DialId, PeerId, RequestId } from './ids.ts'
import type { NodeInfo, PeerRecord, Road, SyncMessage } from './message.ts'

// From a host: connections. `connection-opened` comes before anything else of that connection, `connection-closed` last,
// once each; the host makes sure of it, whatever its library emits.

export interface ConnectionOpened {
  readonly type: 'connection-opened'
  readonly connection: ConnectionId
  readonly peer: PeerId
  readonly direction: 'inbound' | 'outbound'
  /** For people: `websockets`, `tcp`, `webrtc`, … */
  readonly transport: string
  /** The remote address as text. */
  readonly address: string
  /** Relayed, with limits: carries signalling only. */
  readonly isLimited: boolean
}

export interface ConnectionClosed {
  readonly type: 'connection-closed'
  readonly connection: ConnectionId
}

/** Answers a `dial`; the connection was opened by an earlier event. */
export interface DialSucceeded {
  readonly type: 'dial-succeeded'
  readonly dial: DialId
  readonly connection: ConnectionId
  readonly peer: PeerId
}

/** Answers a `dial`. `detail` is one line for people. */
export interface DialFailed {
  readonly type: 'dial-failed'
  readonly dial: DialId
  readonly failure: NetworkFailure
  readonly detail: string
}

// From a host: handshakes.

/** The remote answered our request. */
export interface HandshakeAnswered {
  readonly type: 'handshake-answered'
  readonly connection: ConnectionId
  readonly request: RequestId
  readonly info: NodeInfo
}

/** Our request failed, or its answer was no NodeInfo. */
export interface HandshakeFailed {
  readonly type: 'handshake-failed'
  readonly connection: ConnectionId
  readonly request: RequestId
  readonly failure: NetworkFailure | 'undecodable'
}

/** The remote asks. Answered by `answer-handshake` with the same `request`, which the host numbered. */
export interface HandshakeRequested {
  readonly type: 'handshake-requested'
  readonly connection: ConnectionId
  readonly request: RequestId
  readonly info: NodeInfo
}

/** A hint (libp2p's identify): which of our protocols the remote knows. Nothing waits for it. */
export interface ProtocolsLearnt {
  readonly type: 'protocols-learnt'
  readonly connection: ConnectionId
  readonly speaksHandshake: boolean
  readonly speaksBitswap: boolean
}

// From a host: sync messages, and what went wrong with them.

export interface MessageReceived {
  readonly type: 'message-received'
  readonly connection: ConnectionId
  readonly message: SyncMessage
}

/** Our stream for requests broke (all requests in flight on that connection are lost) or could not be opened. */
export interface SyncStreamFailed {
  readonly type: 'sync-stream-failed'
  readonly connection: ConnectionId
  readonly failure: NetworkFailure
}

/** The peer sent what no honest peer sends; the host has reset that stream. `detail` is one line for people. */
export interface PeerMisbehaved {
  readonly type: 'peer-misbehaved'
  readonly connection: ConnectionId
  readonly misbehaviour: Misbehaviour
  readonly detail: string
}

/** Where others reach us, and what we can dial, at first and whenever it changes. Before it nobody is asked for peers. */
export interface OwnRecordChanged {
  readonly type: 'own-record-changed'
  readonly record: PeerRecord
  readonly roads: readonly Road[]
}

// From a store.

/** One part of a store: headers that follow one another. */
export interface StoredPart {
  readonly headerCount: number
  /** The last header's bytes; undefined without any. */
  readonly lastHeader: Uint8Array | undefined
  /** Chain work up to the last header, as it was stored; shown, not believed. */
  readonly work: bigint
}

/** The first event of a run. The store holds `headerCount` headers of the best chain from genesis; 0 when new. */
export interface StoreOpened extends StoredPart {
  readonly type: 'store-opened'
  /** What follows the last checkpoint, kept while headers below it are still to come. Its heights count from its first header. */
  readonly upper?: StoredPart
  /** False where another tab or nothing at all writes: the core then asks for no writes. */
  readonly isWritable: boolean
}

/** Answers `load-headers`: consecutive headers of the stored chain from `fromHeight`. The core owns the bytes. */
export interface HeadersLoaded {
  readonly type: 'headers-loaded'
  readonly isUpper?: boolean
  readonly fromHeight: number
  readonly headers: Uint8Array
}

/** Answers `load-headers` when the store cannot be read; what is missing is fetched from peers. */
export interface LoadFailed {
  readonly type: 'load-failed'
  readonly isUpper?: boolean
  readonly fromHeight: number
  readonly reason: string
}

/** All writes up to `sequence` are durable. */
export interface Persisted {
  readonly type: 'persisted'
  readonly sequence: number
}

export interface PersistFailed {
  readonly type: 'persist-failed'
  readonly sequence: number
  readonly reason: 'quota-exceeded' | 'write-failed' | 'lost-lock'
  readonly detail: string
}

/**
 * The store may be written from now on (another tab's lock freed). `headerCount` headers are in it;
 * `isSame` tells, for a height of it, whether our best chain has that header, so the core writes only what differs.
 */
export interface StoreBecameWritable {
  readonly type: 'store-became-writable'
  readonly headerCount: number
  /** Sampled headers of the stored chain, highest first: `{ height, header }`; the last is genesis. Empty for an empty store. */
  readonly samples: readonly { readonly height: number; readonly header: Uint8Array }[]
  /** Its upper part has headers. They are not compared with ours: that part is written anew, or dropped. */
  readonly hasUpper?: boolean
}

// From the app and the platform.

/** The app wants a connection to this address (a multiaddr or a gateway's URL). Settled by `connect-settled`. */
export interface ConnectRequested {
  readonly type: 'connect-requested'
  readonly token: number
  readonly address: string
}

/** The app no longer waits for that connect; the attempt is given up unless the address is a configured one. */
export interface ConnectCancelled {
  readonly type: 'connect-cancelled'
  readonly token: number
}

export interface DisconnectRequested {
  readonly type: 'disconnect-requested'
  readonly peer: PeerId
}

/** Headers from our own side: mined by the practice chain, or imported. Consecutive; judged like any other. */
export interface HeadersSubmitted {
  readonly type: 'headers-submitted'
  /** With one the outcome is told by `headers-settled`, once; else a refusal is a warning. */
  readonly token?: number
  readonly headers: Uint8Array
}

/**
 * The wall clock jumped, or nothing turned for a while: deadlines shift, connections are probed, nobody is struck.
 * `aheadMs`: monotonic time that passed without a turn; 0 when only the wall clock moved.
 */
export interface ClockJumped {
  readonly type: 'clock-jumped'
  readonly aheadMs: number
}

/** The platform says that the network came back: waiting dials go now. */
export interface NetworkOnline {
  readonly type: 'network-online'
}

/** Every connection is closed and every timer cleared; later events change nothing. */
export interface StopRequested {
  readonly type: 'stop-requested'
}

export type HostEvent =
  | ConnectionOpened
  | ConnectionClosed
  | DialSucceeded
  | DialFailed
  | HandshakeAnswered
  | HandshakeFailed
  | HandshakeRequested
  | ProtocolsLearnt
  | MessageReceived
  | SyncStreamFailed
  | PeerMisbehaved
  | OwnRecordChanged
  | ExchangeHostEvent

export type StoreEvent =
  StoreOpened | HeadersLoaded | LoadFailed | Persisted | PersistFailed | StoreBecameWritable | ExchangeStoreEvent

export type AppEvent =
  | ConnectRequested
  | ConnectCancelled
  | DisconnectRequested
  | HeadersSubmitted
  | ClockJumped
  | NetworkOnline
  | StopRequested
  | ExchangeAppEvent

export type Event = HostEvent | StoreEvent | AppEvent
