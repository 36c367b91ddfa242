/** CIDs of what Bitcoin's blocks are made of: version 1, and the hash that Bitcoin itself uses, in the order of hashing. */
import type { Cid, Root } from '../../core/ids.ts'
import { formatCid, HASH_DBL_SHA2_256, parseCid } from '../../wire/cid.ts'
import { readRoot, rootToBytes, ROOT_SIZE_BYTES } from './header.ts'

// Multicodec table.
/** A header of 80 bytes. */
const CODEC_BITCOIN_BLOCK = 0xb0
/** A transaction, or a merkle node of 64 bytes. */
const CODEC_BITCOIN_TX = 0xb1
/** The witness root and the nonce, 64 bytes. */
const CODEC_BITCOIN_WITNESS_COMMITMENT = 0xb2

/** How a header's CID begins: `b`, then in eight letters version 1, that codec, the hash function, and 32 for its length. */
const HEADER_LETTERS = 'bagyacvra'

/** Of a header: its CID is its root. */
export function headerCid(root: Root): Cid {
  return cidOf(CODEC_BITCOIN_BLOCK, rootToBytes(root), 0)
}

/** Of a transaction by its id or witness id, or of a merkle node: the 32 bytes as hashed from `offset`. */
export function transactionCid(hashes: Uint8Array, offset: number): Cid {
  return cidOf(CODEC_BITCOIN_TX, hashes, offset)
}

export function witnessCommitmentCid(hash: Uint8Array): Cid {
  return cidOf(CODEC_BITCOIN_WITNESS_COMMITMENT, hash, 0)
}

/** Undefined for every CID that names no header. */
export function headerRootOf(cid: Cid): Root | undefined {
  return cid.startsWith(HEADER_LETTERS) ? readRoot(parseCid(cid).digest, 0) : undefined
}

function cidOf(codec: number, hashes: Uint8Array, offset: number): Cid {
  const digest = hashes.subarray(offset, offset + ROOT_SIZE_BYTES)
  return formatCid({ version: 1, codec, hashCode: HASH_DBL_SHA2_256, digestSizeBytes: ROOT_SIZE_BYTES, digest })
}
