/** Roots known beforehand. They steer download and trust; they never make a header invalid. */
import type { Root } from '../../core/ids.ts'
import { readRoot, ROOT_SIZE_BYTES } from './header.ts'

export interface Checkpoint {
  readonly height: number
  readonly root: Root
}

/** Roots at heights `stepHeaders - 1`, `2 * stepHeaders - 1`, … and at `lastHeight`. */
export interface CheckpointTable {
  readonly stepHeaders: number
  readonly lastHeight: number
  /** 32 bytes each, as hashed, one after another, in base64. */
  readonly roots: string
}

/** `rootBytes` is the table's `roots`, decoded. Lowest first. */
export function readCheckpoints(table: CheckpointTable, rootBytes: Uint8Array): readonly Checkpoint[] {
  return Array.from({ length: rootBytes.length / ROOT_SIZE_BYTES }, (_, index) => ({
    height: Math.min((index + 1) * table.stepHeaders - 1, table.lastHeight),
    root: readRoot(rootBytes, index * ROOT_SIZE_BYTES),
  }))
}
