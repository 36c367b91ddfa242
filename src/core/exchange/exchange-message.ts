/** What two peers say to each other in block exchange: meaning, not bytes. The wire is `/ipfs/bitswap/1.2.0`. */
import type { Cid } from '../ids.ts'

/** How a CID is made of its block's bytes: all of a CID but the digest. */
export interface CidPrefix {
  readonly version: 0 | 1
  /** Multicodec of the content, `0xb1` for `bitcoin-tx`. */
  readonly codec: number
  /** Multicodec of the hash function, `0x12` for `sha2-256`, `0x56` for `dbl-sha2-256`. */
  readonly hashCode: number
  readonly digestSizeBytes: number
}

export interface WantEntry {
  readonly cid: Cid
  /** Greater comes first; 32 bits, signed. */
  readonly priority: number
  /** The block itself, or only whether the peer has it. */
  readonly want: 'block' | 'have'
  /** Answer `dont-have` where it is absent; without this an absent block is answered by silence. */
  readonly sendDontHave: boolean
}

/** One message of ours. Its blocks are all of one hash function. */
export interface OutgoingExchange {
  readonly wants: readonly WantEntry[]
  readonly cancels: readonly Cid[]
  /** The wants replace all earlier ones. */
  readonly isFullWantlist: boolean
  /** The bytes are shared, never changed. */
  readonly blocks: readonly { readonly cid: Cid; readonly bytes: Uint8Array }[]
  readonly haves: readonly Cid[]
  readonly dontHaves: readonly Cid[]
  /** Block bytes that wait here for that peer. */
  readonly pendingBytes: number
}

/** One message of a peer's, every field checked. Blocks come without their CIDs: whoever hashes them makes those. */
export interface IncomingExchange {
  readonly wants: readonly WantEntry[]
  readonly cancels: readonly Cid[]
  readonly isFullWantlist: boolean
  readonly blocks: readonly { readonly prefix: CidPrefix; readonly bytes: Uint8Array }[]
  readonly haves: readonly Cid[]
  readonly dontHaves: readonly Cid[]
  readonly pendingBytes: number
  /** Blocks whose prefix could not be read: lost, and a strike; the others of the message are not (X4). */
  readonly unreadableBlockCount: number
}
