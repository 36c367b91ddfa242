/**
 * Blocks by CID, kept between runs, one contract for memory, IndexedDB and files.
 * 1. What is read hashes to its CID: what does not is dropped, told as a warning, and absent. A store in memory hashes on the
 *    way in alone; nobody changes bytes that it was given or has given.
 * 2. Never larger than `sizeBytesMax`: of what is not pinned, what was used longest ago makes room.
 * 3. A write is there whole or not at all, whatever happens in the middle of it.
 */
import type { Cid, Root } from '../core/ids.ts'
import type { StoreKind } from './store.ts'

export interface BlockStore {
  readonly kind: StoreKind
  /** Opens or creates; rejects with `StoreError`. */
  open(): Promise<void>
  /** In the order asked for, undefined where absent. Does not count as use. */
  sizes(cids: readonly Cid[]): Promise<readonly (number | undefined)[]>
  /**
   * In the order asked for, undefined where absent; stops before the block that would pass `bytesMax`, but never before the
   * first. The bytes are shared: nobody changes them.
   */
  read(args: { readonly cids: readonly Cid[]; readonly bytesMax: number }): Promise<readonly (Uint8Array | undefined)[]>
  /**
   * All of them or none, in one commit. Under `pin` they stay, with everything else of that root, until it is unpinned.
   * Rejects with `StoreError`: `quota-exceeded` where the pinned ones alone would pass `sizeBytesMax` or the platform has no
   * room, `hash-mismatch` where bytes do not hash to their CID, `unknown-hash` where nobody can tell.
   */
  write(write: BlockWrite): Promise<void>
  /** Outlines are the chain's own bytes by block root (see `ChainContent`). Whoever reads one checks it. */
  readOutline(root: Root): Promise<Uint8Array | undefined>
  /** What was pinned under it, and under no other root, may be evicted from now on; this counts as its last use. */
  unpin(root: Root): Promise<void>
  /** Bytes held, of blocks and outlines, and how many blocks. */
  readonly sizeBytes: number
  readonly blockCount: number
  /** Bytes that may be held. */
  readonly sizeBytesMax: number
  /** Why what is written is not kept between runs, or undefined when all is well. One line; may change. */
  readonly reason: string | undefined
  close(): Promise<void>
}

export interface BlockWrite {
  /** The bytes are the store's from now on: nobody changes them. */
  readonly blocks: readonly { readonly cid: Cid; readonly bytes: Uint8Array }[]
  /** Kept with them in the same commit; it counts as bytes held, is used when it is read, and pinned like them. */
  readonly outline?: { readonly root: Root; readonly bytes: Uint8Array }
  /** All of this write stays, until this root is unpinned. */
  readonly pin?: Root
  /** The caller has hashed these blocks already; they are not hashed again. */
  readonly isChecked?: boolean
}

export interface BlockStoreOptions {
  /** `bitcoin:mainnet`; one store for each chain. */
  readonly chain: string
  readonly sizeBytesMax: number
  /** Makes the CID that these bytes have under the same prefix as `cid`; undefined where the hash is not known. */
  readonly rehash: (cid: Cid, bytes: Uint8Array) => Cid | undefined
  /** What was found damaged and dropped, one line each. */
  readonly onWarning: (detail: string) => void
}
