/** What a platform keeps of blocks: bytes by key, pins, and what gives way. Nothing here is hashed: see `CheckedBlockStore`. */
import type { Root } from '../core/ids.ts'
import type { StoreKind } from './store.ts'
import { StoreError } from './store.ts'

/**
 * 1. A write is there whole or not at all.
 * 2. Never more than `sizeBytesMax`: of the rows that are not pinned, those used longest ago give way.
 * 3. A row is pinned while any write that pinned it was not unpinned.
 * Reads, writes and unpinning count as use; `sizes` does not.
 */
export interface BlockRows {
  readonly kind: StoreKind
  /**
   * The rows never leave this process's memory, and whoever gives or gets their bytes leaves them as they are: what was hashed
   * on its way in is the same on its way out. On a disk it need not be.
   */
  readonly isInMemory: boolean
  open(): Promise<void>
  sizes(keys: readonly string[]): Promise<readonly (number | undefined)[]>
  /** In the order asked for; stops before the row that would pass `bytesMax`, but never before the first. */
  read(args: {
    readonly keys: readonly string[]
    readonly bytesMax: number
  }): Promise<readonly (Uint8Array | undefined)[]>
  /** A row that is there already is replaced, and stays pinned where it was. */
  write(args: { readonly rows: readonly BlockRow[]; readonly pin: Root | undefined }): Promise<void>
  drop(keys: readonly string[]): Promise<void>
  /** Of what was pinned together the first by key gives way first. */
  unpin(root: Root): Promise<void>
  readonly sizeBytes: number
  /** Outlines are not counted. */
  readonly blockCount: number
  /** Why what is written is not kept between runs; undefined when it is. One line. */
  readonly reason: string | undefined
  close(): Promise<void>
}

export interface BlockRow {
  /** A block's CID, or `outlineKey` of a root. */
  readonly key: string
  readonly bytes: Uint8Array
}

/** No CID has a colon. */
const OUTLINE_PREFIX = 'outline:'

export function outlineKey(root: Root): string {
  return `${OUTLINE_PREFIX}${root}`
}

export function isOutlineKey(key: string): boolean {
  return key.startsWith(OUTLINE_PREFIX)
}

/** By key; of equal keys the last one counts. The bytes are copied where they are a part of something larger. */
export function rowsByKey(rows: readonly BlockRow[]): Map<string, Uint8Array> {
  return new Map(
    rows.map(({ key, bytes }) => [key, bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)]),
  )
}

/** Throws `quota-exceeded` when what has to stay after a write would not fit. */
export function checkRoom(stayingBytes: number, sizeBytesMax: number): void {
  if (stayingBytes <= sizeBytesMax) return
  const message = `expected at most ${sizeBytesMax} bytes of blocks, got ${stayingBytes} that are pinned or new`
  throw new StoreError('quota-exceeded', message)
}
