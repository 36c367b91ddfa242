/**
 * The best chain's headers, kept between runs, one contract for memory, IndexedDB and files.
 * 1. Writes keep their order; a resolved write survives the process (where the platform can promise it).
 * 2. A write that was cut short is cut off at the next open, with a warning; what is read back is a prefix of what was written.
 * 3. Nobody but the holder of the lock writes.
 * 4. While headers are still to come below a start at a checkpoint, those above it are a part of their own, the upper one: its
 *    heights count from its first header, and neither part is touched by a write to the other, or by damage to it.
 */
export interface HeaderStore {
  readonly kind: StoreKind
  /** Opens or creates; loads nothing but the size and the state. Rejects with `StoreError`. */
  open(): Promise<OpenedStore>
  /** `count` headers from `fromHeight`, fewer at the end of the part. The caller owns the bytes. */
  read(args: StoreRead): Promise<Uint8Array>
  /** Carries all of these out in order, all on one part, as one commit, and resolves when it is durable. One call at a time. */
  write(writes: readonly StoreWrite[]): Promise<void>
  /** Called at most once, when a store that was opened read-only may be written (its content may have grown since). */
  onWritable(callback: (opened: OpenedStore) => void): void
  /** Bytes on disk or in the database, as far as known. */
  readonly sizeBytes: number
  close(): Promise<void>
}

export type StoreKind = 'memory' | 'indexeddb' | 'files'

export interface StoreRead {
  readonly fromHeight: number
  readonly count: number
  readonly isUpper?: boolean
}

export interface StoreWrite {
  /** Keep the first `truncateTo` headers, drop the rest, … */
  readonly truncateTo: number
  /** … then append these, whole headers one after another. The store copies what it keeps: afterwards the bytes are freed. */
  readonly append: Uint8Array
  /** Chain work up to the last header after this write. */
  readonly work: bigint
  /** Of the upper part, which is removed when it is left without headers. */
  readonly isUpper?: boolean
}

export interface StoredPart {
  readonly headerCount: number
  readonly work: bigint
}

export interface OpenedStore extends StoredPart {
  readonly upper: StoredPart
  readonly isWritable: boolean
  /** Why it cannot be written, or what should be known of it; undefined when all is well. One line. */
  readonly reason: string | undefined
  /** What was cut off or put right while opening, one line each. */
  readonly warnings: readonly string[]
}

/** What every store is made for: one chain, told apart by id and genesis. */
export interface StoreOptions {
  /** `bitcoin:mainnet` */
  readonly chain: string
  readonly genesis: string
  readonly headerSizeBytes: number
  /** Root of the checkpoint that the upper part follows; a stored one that follows another checkpoint is not used. */
  readonly startsAbove?: string | undefined
}

export type StoreErrorCode =
  | 'unavailable' // the folder or database cannot be opened
  | 'locked' // another process holds it
  | 'wrong-chain' // it holds another chain
  | 'write-failed'
  | 'read-failed'
  | 'quota-exceeded'
  | 'lost-lock'
  | 'hash-mismatch' // a block's bytes are not those that its CID names
  | 'unknown-hash' // a CID whose hash function is not known here

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
