/** SHA-256 of any bytes, once and twice; synchronous, and the same in a tab and in Node.js. FIPS 180-4. */
import { absorbBlock, BLOCK_SIZE_BYTES, DIGEST_SIZE_BYTES, hashDigest, reset, writeDigest } from './compression.ts'

/** FIPS 180-4, 5.1.1: a message ends with its length in bits, in 8 bytes, the highest first. */
const LENGTH_SIZE_BYTES = 8
const LENGTH_OFFSET: number = BLOCK_SIZE_BYTES - LENGTH_SIZE_BYTES

/** What is left of a message with its padding. */
const lastBlock = new Uint8Array(BLOCK_SIZE_BYTES)

/** 32 new bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  absorb(bytes)
  return digest()
}

/** The SHA-256 of the SHA-256: Bitcoin's hash of blocks and transactions. 32 new bytes, in the order of hashing. */
export function doubleSha256(bytes: Uint8Array): Uint8Array {
  absorb(bytes)
  hashDigest()
  return digest()
}

function digest(): Uint8Array {
  const bytes = new Uint8Array(DIGEST_SIZE_BYTES)
  writeDigest(bytes, 0)
  return bytes
}

function absorb(bytes: Uint8Array): void {
  reset()
  const restSizeBytes = bytes.length % BLOCK_SIZE_BYTES
  const restOffset = bytes.length - restSizeBytes
  for (let offset = 0; offset < restOffset; offset += BLOCK_SIZE_BYTES) absorbBlock(bytes, offset)

  lastBlock.fill(0)
  for (let index = 0; index < restSizeBytes; index += 1) lastBlock[index] = bytes[restOffset + index] ?? 0
  lastBlock[restSizeBytes] = 0x80
  if (restSizeBytes >= LENGTH_OFFSET) {
    absorbBlock(lastBlock, 0)
    lastBlock.fill(0)
  }
  for (let index = BLOCK_SIZE_BYTES - 1, rest = bytes.length * 8; index >= LENGTH_OFFSET; index -= 1) {
    lastBlock[index] = rest
    rest = Math.floor(rest / 256)
  }
  absorbBlock(lastBlock, 0)
}
