import type { PeerId, RequestId, Root } from './ids.ts'

/** What a peer says of its own head. It orders candidates and is shown; it is never believed. */
export interface ClaimedHead {
  readonly height: number
  readonly root: Root
  readonly work: bigint
}

/** What a peer says it can be asked for. Names that we do not know are kept out by the decoder. */
export type Service = 'headers' | 'ancestors' | 'outlines' | 'peers'

/**
 * What two light nodes tell each other in a handshake. Believed for the connection that it came on only.
 * `agent` has at most 64 printable ASCII characters; shown as text, never a metric's label.
 */
export interface NodeInfo {
  readonly chain: string
  readonly genesis: Root
  readonly head: ClaimedHead
  readonly serves: readonly Service[]
  readonly agent: string
}

/** Headers after the first locator entry that the asked one has on its best chain, oldest first, up to and with `stop`. */
export interface GetHeaders {
  readonly type: 'get-headers'
  readonly request: RequestId
  /** Newest first, ending in genesis. */
  readonly locator: readonly Root[]
  readonly stop: Root | undefined
  readonly countMax: number
  /** So many headers after the one where the locator joins are left out; 0 by default. */
  readonly skip?: number
}

/** `headers` holds whole headers one after another; the receiver owns the bytes. `hasMore`: there are further ones. */
export interface Headers {
  readonly type: 'headers'
  readonly request: RequestId
  readonly headers: Uint8Array
  readonly hasMore: boolean
  readonly head: ClaimedHead
}

/** Each root with its ancestors, down to any header named in `known`; at most `countMax` headers in the whole answer. */
export interface GetAncestors {
  readonly type: 'get-ancestors'
  readonly request: RequestId
  readonly roots: readonly Root[]
  /** A locator of the asker's best chain: the walk stops at the first of these that it meets, or at their best chain's join. */
  readonly known: readonly Root[]
  readonly countMax: number
}

/**
 * One run of consecutive headers per answered root, in the order the roots were asked for; a run that an earlier run
 * of the same answer covers is left out. Runs stand oldest first and end with their root.
 * A root that is neither in `answered` nor in `unknown` did not fit and may be asked for again.
 */
export interface Ancestors {
  readonly type: 'ancestors'
  readonly request: RequestId
  readonly headers: Uint8Array
  readonly answered: readonly Root[]
  readonly unknown: readonly Root[]
}

/** New headers of the sender's best chain, oldest first, consecutive, ending in its head. */
export interface Announce {
  readonly type: 'announce'
  readonly headers: Uint8Array
  readonly head: ClaimedHead
}

/** What a block is made of, without its content: see `ChainContent`. From byte `fromByte` on, where it is long. */
export interface GetBlockOutline {
  readonly type: 'get-block-outline'
  readonly request: RequestId
  readonly root: Root
  readonly fromByte: number
}

/** The next bytes of the outline: `OUTLINE_BYTES_PER_MESSAGE_MAX`, less only in the last part. `totalBytes` 0 where there is none. */
export interface BlockOutline {
  readonly type: 'block-outline'
  readonly request: RequestId
  readonly totalBytes: number
  readonly bytes: Uint8Array
}

/** What carries an address's bytes, as a peer names what it can dial. `wss` is WebSockets with TLS. */
export type Road = 'tcp' | 'ws' | 'wss' | 'webtransport' | 'webrtc-direct' | 'webrtc'

/**
 * Where a peer says that it can be reached, signed by it: whoever passes it on can change nothing. The host has checked the
 * signature, and that it is `peer`'s.
 */
export interface PeerRecord {
  readonly peer: PeerId
  /** Grows with every change. */
  readonly sequence: number
  /** Multiaddrs that end in the peer, `PEER_RECORD_ADDRESSES_MAX` at most; none while it cannot be reached. */
  readonly addresses: readonly string[]
  /** All of it as it was signed, `PEER_RECORD_BYTES_MAX` at most. */
  readonly envelope: Uint8Array
}

/** Whom do you know that I can dial? The asker's own record, if it has one, is for others that ask. */
export interface GetPeers {
  readonly type: 'get-peers'
  readonly request: RequestId
  readonly roads: readonly Road[]
  /** One or none. */
  readonly records: readonly PeerRecord[]
}

/** `PEER_RECORDS_PER_MESSAGE_MAX` at most. */
export interface Peers {
  readonly type: 'peers'
  readonly request: RequestId
  readonly records: readonly PeerRecord[]
}

/** Measures latency and shows that the other side still turns. */
export interface Ping {
  readonly type: 'ping'
  readonly request: RequestId
}

export interface Pong {
  readonly type: 'pong'
  readonly request: RequestId
}

/** The answer to a request that the asked one cannot or will not serve. */
export interface Refused {
  readonly type: 'refused'
  readonly request: RequestId
  readonly reason: 'unknown-request' | 'busy'
}

export type SyncRequest = GetHeaders | GetAncestors | Ping
export type SyncResponse = Headers | Ancestors | Pong | Refused
/** What header sync says. */
export type HeaderMessage = SyncRequest | SyncResponse | Announce
/** Everything that goes over the sync stream; outlines are block exchange's, peers are discovery's. */
export type SyncMessage = HeaderMessage | GetBlockOutline | BlockOutline | GetPeers | Peers
