/** SHA-256 twice over headers of 80 bytes, in plain JavaScript, without allocating. */
import {
  absorbBlock,
  absorbLastWords,
  BLOCK_SIZE_BYTES,
  DIGEST_SIZE_BYTES,
  hashDigest,
  reset,
  writeDigest,
} from './compression.ts'

/**
 * Hashes `count` headers of 80 bytes that stand one after another in `headers` from byte `offset`, and writes their roots
 * (32 bytes each, as hashed) one after another into `roots` from its start. Both are long enough.
 */
export type HashHeaders = (headers: Uint8Array, offset: number, count: number, roots: Uint8Array) => void

/** Bitcoin Core primitives/block.h, CBlockHeader. */
export const HEADER_SIZE_BYTES = 80
const REST_WORDS: number = (HEADER_SIZE_BYTES - BLOCK_SIZE_BYTES) / 4

export const hashHeadersPlain: HashHeaders = (headers, offset, count, roots) => {
  for (let index = 0; index < count; index += 1) {
    const start = offset + index * HEADER_SIZE_BYTES
    reset()
    absorbBlock(headers, start)
    absorbLastWords(headers, start + BLOCK_SIZE_BYTES, REST_WORDS, HEADER_SIZE_BYTES)
    hashDigest()
    writeDigest(roots, index * DIGEST_SIZE_BYTES)
  }
}
