/** Blocks that two processes can make alike. */
import { createHash } from 'node:crypto'
import type { Cid } from '../../../src/core/ids.ts'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../../src/wire/cid.ts'

export interface NumberedBlocks {
  readonly from: number
  readonly count: number
  readonly sizeBytes: number
}

/** The bytes begin with the number; the rest is zero. */
export function numberedBlock(number: number, sizeBytes: number): { readonly cid: Cid; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(sizeBytes)
  new DataView(bytes.buffer).setUint32(0, number)
  const digest = createHash('sha256').update(bytes).digest()
  const cid = formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest })
  return { cid, bytes }
}
