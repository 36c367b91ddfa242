/** Roots known beforehand. They steer download and trust; they never make a header invalid. */
import type { Checkpoint } from '../../core/chain.ts'
import { readRoot, ROOT_SIZE_BYTES } from './header.ts'

/** Roots at heights `stepHeaders - 1`, `2 * stepHeaders - 1`, … and at `lastHeight`. */
export interface CheckpointTable {
  readonly stepHeaders: number
  readonly lastHeight: number
  /** As hashed, by columns, in base64: byte 0 of every root, then byte 1 of every root, … Compresses better than rows. */
  readonly rootColumns: string
  /** Of the last one: the chain's work, in hex, and the bits of the header that follows. Where the source has none, no start. */
  readonly start?: { readonly work: string; readonly nextBits: number }
}

/** `columns` is the table's `rootColumns`, decoded. Lowest first. */
export function readCheckpoints(table: CheckpointTable, columns: Uint8Array): readonly Checkpoint[] {
  const count = columns.length / ROOT_SIZE_BYTES
  const roots = new Uint8Array(columns.length)
  for (const [position, byte] of columns.entries()) {
    roots[(position % count) * ROOT_SIZE_BYTES + Math.floor(position / count)] = byte
  }
  return Array.from({ length: count }, (_, index) => ({
    height: Math.min((index + 1) * table.stepHeaders - 1, table.lastHeight),
    root: readRoot(roots, index * ROOT_SIZE_BYTES),
    ...(index === count - 1 &&
      table.start !== undefined && {
        start: { work: BigInt(`0x${table.start.work}`), nextBits: table.start.nextBits },
      }),
  }))
}
