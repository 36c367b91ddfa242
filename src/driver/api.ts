/// <reference lib="esnext.disposable" preserve="true" />
/** What a developer sees of Rushlight: the same in a tab and in Node.js. */
import type { Chain, Head, HeaderRecord, HeaderSummary } from '../core/chain.ts'
import type { TransactionProof, TransactionSummary, VerifiedTransaction } from '../core/content.ts'
import type { ExchangeCounts } from '../core/core.ts'
import type { WarningCode } from '../core/effect.ts'
import type { PeerId, Root } from '../core/ids.ts'
import type { Status } from '../core/status.ts'
import type { Log } from './log.ts'

export type { Chain, Head, HeaderRecord, HeaderSummary, Trust } from '../core/chain.ts'
export type { TransactionOutput, TransactionProof, TransactionSummary, VerifiedTransaction } from '../core/content.ts'
export type { ExchangeCounts } from '../core/core.ts'
export type { WarningCode } from '../core/effect.ts'
export type { PeerId, Root } from '../core/ids.ts'
export type { Status } from '../core/status.ts'
export type { Log, LogFields } from './log.ts'

/** `webrtc` is tab to tab, through a relay that both know. `tcp` is for Node.js alone. */
export type TransportName = 'tcp' | 'websockets' | 'webrtc-direct' | 'webtransport' | 'webrtc'

export interface LightNodeOptions {
  /** `bitcoin('mainnet')` from `rushlight/bitcoin`. */
  readonly chain: Chain
  /** Whom to stay connected to: multiaddrs and gateway URLs. A URL is resolved again on every reconnect. */
  readonly peers: readonly string[]
  /**
   * Peers of Bitcoin's own network, as `HOST:PORT` or `HOST`; `'any'`: found by DNS seeds, and by what those found tell.
   * Node.js only. Default: none.
   */
  readonly bitcoinPeers?: readonly string[] | 'any'
  /** Where headers are kept. Default: IndexedDB in a tab, memory in Node.js. */
  readonly store?: StoreOption
  /** Bytes of blocks kept beside the headers, least recently used evicted first. Default: 64 MiB in a tab, 1 GiB in Node.js. */
  readonly blockStoreBytesMax?: number
  /** Which transports may be used. Default: all that this platform has. */
  readonly transports?: readonly TransportName[]
  /** For WebRTC; no server is contacted unless it is named here. */
  readonly rtcConfiguration?: unknown
  /** Ready peers at most. Default: 32 in a tab, 256 in Node.js. */
  readonly maxPeers?: number
  /** Peers are asked for others and told where we are; those learnt are dialled when `peers` are too few. Default: true. */
  readonly discoverPeers?: boolean
  readonly logger?: Log
  /**
   * Takes every line of a recording of all that happens to this light node, from its first event on: with it the run can
   * be repeated step by step. It holds addresses and peer ids, no keys.
   */
  readonly record?: (line: string) => void
  /**
   * Checks every step against the rules of the core, which costs time. A broken rule is logged as `invariant-broken`, with
   * the steps that led to it, and thrown where the platform reports it. Default: false.
   */
  readonly debug?: boolean
  /** Multiaddrs to listen on; Node.js only. Default: none. */
  readonly listen?: readonly string[]
  /** Multiaddrs that others reach us by, where they differ from those listened on (a reverse proxy). Node.js only. */
  readonly announce?: readonly string[]
}

export type StoreOption =
  | 'memory'
  /** Tabs only. */
  | 'indexeddb'
  /** Node.js only: a folder with headers and the key; locked while in use. */
  | { readonly directory: string }

export interface LightNode extends AsyncDisposable {
  readonly peerId: PeerId
  /** Where others can reach us, as multiaddrs. */
  readonly addresses: readonly string[]
  /** The verified (or, just after a start, the stored) head. */
  readonly head: Head
  readonly chain: Chain
  /**
   * Resolves when a peer is ready and none has delivered more work than is verified, for the first time.
   * Rejects with `no-peers` at once where nobody is configured and no connect is pending, with `signal.reason` on abort.
   */
  ready(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Resolves with the peer's id when its handshake is done. Rejects with `LightNodeError`. */
  connect(address: string, options?: { readonly signal?: AbortSignal }): Promise<PeerId>
  /** Closes every connection to the peer and does not dial it again until asked to. */
  disconnect(peer: PeerId | string): Promise<void>
  /**
   * By height on the best chain or by root anywhere; undefined when unknown. Rejects with `not-found` for a height that a
   * back-fill has not reached.
   */
  getHeader(heightOrRoot: number | string): Promise<HeaderRecord | undefined>
  /**
   * A whole block, every part checked down to the header's root and the witness commitment: from here, or from peers.
   * A block may be asked for by root whose header was never synced: then `height` is undefined.
   * Rejects with `not-found` when the signal's deadline passed first, saying how many peers do not have it.
   */
  getBlock(rootOrHeight: string | number, options?: { readonly signal?: AbortSignal }): Promise<BlockRecord>
  /** One transaction with its proof, without the rest of its block. */
  getTransaction(place: TransactionPlace, options?: { readonly signal?: AbortSignal }): Promise<TransactionRecord>
  /**
   * Checks a proof and looks its block up in the verified headers. Throws `LightNodeError('invalid-proof')` with the step
   * that failed, such as a target easier than the chain's easiest. A proof shows that the transaction is in that block; `isOnBestChain` that the block counts, as of now; nothing
   * shows that an output is still unspent.
   */
  verifyTransaction(proof: TransactionProof): VerifiedTransaction & BlockPlace
  /**
   * Takes a block apart and keeps its parts, pinned, for every peer that asks. Rejects with `invalid-block`: its header must
   * have proof of work that the chain could ask for, and its transactions be those of the header.
   */
  importBlock(bytes: Uint8Array): Promise<ImportedBlock>
  /** Whether the block of that CID is here. Asks nobody. */
  has(cid: string): Promise<boolean>
  /** The block of that CID: from here, or from any peer that speaks bitswap. The bytes hash to the CID. */
  getBytes(cid: string, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>
  /** Keeps a block, evictable, for whoever asks. Rejects with `hash-mismatch` when the bytes are not the CID's. */
  putBytes(cid: string, bytes: Uint8Array): Promise<void>
  /** The current head, then always the newest; no backlog. */
  heads(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<Head>
  /** Immutable; the same reference until something changes, at most 10 changes a second. */
  snapshot(): Snapshot
  /** Calls back after each change of the snapshot; returns what ends it. */
  subscribe(callback: () => void): () => void
  /** Resolves when nothing is left running. */
  stop(): Promise<void>

  addEventListener<Type extends keyof LightNodeEventMap>(
    type: Type,
    listener: (event: CustomEvent<LightNodeEventMap[Type]>) => void,
    options?: AddEventListenerOptions | boolean,
  ): void
  removeEventListener<Type extends keyof LightNodeEventMap>(
    type: Type,
    listener: (event: CustomEvent<LightNodeEventMap[Type]>) => void,
    options?: EventListenerOptions | boolean,
  ): void
}

/** A file (`File` is a `Blob`), bytes, or chunks of any size. */
export type HeaderSource = Blob | Uint8Array | AsyncIterable<Uint8Array>

export interface ImportedHeaders {
  readonly headerCount: number
  /** How many of them were not held here before. */
  readonly addedCount: number
  readonly last: HeaderSummary
  /** False when the chain that is held here has more work. */
  readonly isOnBestChain: boolean
}

/**
 * Verifies headers like any others and keeps them: whole headers one after another, from genesis or from one that follows a
 * header that is held here. Resolves when those of the best chain are stored. Rejects with `invalid-headers`, which names the
 * first bad one, and with `store-unavailable` when they cannot be stored; what was verified by then is kept.
 * During a back-fill it waits for its end. `onProgress` is told how many of them are verified.
 */
export type ImportHeaders = (
  lightNode: LightNode,
  source: HeaderSource,
  options?: { readonly signal?: AbortSignal; readonly onProgress?: (headerCount: number) => void },
) => Promise<ImportedHeaders>

/**
 * The best chain's headers from genesis on, in chunks of whole headers, as soon as all of them are verified. Rejects with
 * `not-found` when a reorg takes back what was handed out.
 */
export type ExportHeaders = (
  lightNode: LightNode,
  options?: { readonly signal?: AbortSignal },
) => AsyncIterableIterator<Uint8Array, undefined>

/** Where a block stands in the verified headers. `height` is undefined when its header is not known. */
export interface BlockPlace {
  readonly root: Root
  readonly height: number | undefined
  readonly isOnBestChain: boolean
}

export interface BlockRecord extends BlockPlace {
  /** As it was mined, byte for byte. */
  readonly bytes: Uint8Array
  readonly transactions: readonly TransactionSummary[]
}

export interface ImportedBlock extends BlockPlace {
  readonly transactionCount: number
  readonly sizeBytes: number
}

/** `block` is a root or a height, `index` counts from 0, `txid` is 64 hex digits in display order. */
export type TransactionPlace =
  | { readonly block: string | number; readonly index: number }
  | { readonly block: string | number; readonly txid: string }

export interface TransactionRecord extends VerifiedTransaction, BlockPlace {
  readonly proof: TransactionProof
}

/** What `event.detail` holds. */
export interface LightNodeEventMap {
  head: Head
  /** Oldest first, the common ancestor excluded; never coalesced. */
  reorg: { readonly reverted: readonly HeaderSummary[]; readonly adopted: readonly HeaderSummary[] }
  status: { readonly status: Status; readonly reason: string }
  'peer-ready': { readonly peer: PeerId; readonly agent: string }
  'peer-gone': { readonly peer: PeerId; readonly reason: string }
  warning: { readonly code: WarningCode; readonly detail: string }
}

/** One picture of everything; `/api/status` is its JSON (`undefined` as null, work as 64 hex digits). */
export interface Snapshot {
  readonly chain: string
  readonly genesis: Root
  readonly status: Status
  readonly statusReason: string
  readonly head: Head
  readonly progress: Progress
  readonly peers: readonly PeerSnapshot[]
  readonly store: StoreSnapshot
  readonly exchange: ExchangeSnapshot
  readonly uptimeMs: number
  readonly version: string
}

export interface Progress {
  /** The greatest height a ready peer claims or our own, whichever is more; undefined without a ready peer. */
  readonly target: number | undefined
  /** Height up to which every header is verified. */
  readonly verified: number
  /**
   * Of the headers from genesis to the head, the share that is verified: below 1 while `head.trust` is `checkpoint` or
   * `backfilling`, else 1.
   */
  readonly verifiedShare: number
  /** Over the last seconds; 0 at rest. */
  readonly headersPerSecond: number
}

export interface PeerSnapshot {
  readonly id: PeerId
  readonly transport: string
  readonly direction: 'inbound' | 'outbound'
  readonly address: string
  /** At most 64 printable ASCII characters, the peer's own words. */
  readonly agent: string | undefined
  /** What the peer claims. */
  readonly head: { readonly height: number; readonly root: Root; readonly work: bigint } | undefined
  readonly state: 'connecting' | 'ready' | 'exchange-only' | 'closing'
  /** True for the peer that headers are being fetched from now. */
  readonly isSyncPeer: boolean
  readonly latencyMs: number | undefined
  readonly bytesIn: number
  readonly bytesOut: number
  readonly strikes: number
}

export interface StoreSnapshot {
  readonly kind: 'memory' | 'indexeddb' | 'files'
  /** Why nothing is written, or what else should be known; undefined when all is well. */
  readonly reason: string | undefined
  readonly headerCount: number
  readonly sizeBytes: number
}

/** Block exchange since the start: what came, what this light node served to others, and what it keeps. */
export interface ExchangeSnapshot extends ExchangeCounts {
  /** Blocks asked for and not here yet. */
  readonly wantCount: number
  readonly storedBlocks: number
  readonly storedBytes: number
}

export type LightNodeErrorCode =
  | 'invalid-option'
  | 'invalid-address'
  | 'undialable-address'
  | 'no-peers'
  | 'wrong-chain'
  | 'peer-refused'
  | 'not-found'
  | 'invalid-cid'
  | 'invalid-block'
  | 'invalid-headers'
  | 'invalid-proof'
  | 'hash-mismatch'
  | 'unknown-hash'
  | 'block-too-large'
  | 'too-many-wants'
  | 'store-unavailable'
  | 'store-locked'
  | 'quota-exceeded'
  | 'stopped'

/** Switch on `code`, never on the message; `cause` is kept. */
export class LightNodeError extends Error {
  override readonly name = 'LightNodeError'
  readonly code: LightNodeErrorCode

  constructor(code: LightNodeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export type CreateLightNode = (options: LightNodeOptions) => Promise<LightNode>
