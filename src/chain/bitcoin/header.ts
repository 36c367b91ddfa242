/** The 80 bytes of a Bitcoin header, and roots in their two spellings: 32 bytes as hashed, hex reversed as shown. */
import { bytesOfHex, HEX_OF_BYTE } from '../../core/hex.ts'
import { toRoot } from '../../core/ids.ts'
import type { Root } from '../../core/ids.ts'

// Bitcoin Core primitives/block.h, CBlockHeader: version, parent, merkle root, time, bits, nonce, all little-endian.
export const HEADER_SIZE_BYTES = 80
export const ROOT_SIZE_BYTES = 32
export const PARENT_OFFSET = 4
export const MERKLE_ROOT_OFFSET = 36
export const TIME_OFFSET = 68
export const BITS_OFFSET = 72
export const NONCE_OFFSET = 76

/** A header's fields. `time` in Unix seconds, `bits` the compact target, `version` signed as Bitcoin Core reads it. */
export interface HeaderFields {
  readonly version: number
  readonly parent: Root
  readonly merkleRoot: Root
  readonly time: number
  readonly bits: number
  readonly nonce: number
}

/** Unsigned, little-endian. Reading past the end gives zeros, as the callers checked the length. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return readInt32(bytes, offset) >>> 0
}

/** Signed, little-endian. */
export function readInt32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] ?? 0) |
    ((bytes[offset + 1] ?? 0) << 8) |
    ((bytes[offset + 2] ?? 0) << 16) |
    ((bytes[offset + 3] ?? 0) << 24)
  )
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
}

/** `bytes` holds a whole header from `offset`. */
export function readHeaderFields(bytes: Uint8Array, offset: number): HeaderFields {
  return {
    version: readInt32(bytes, offset),
    parent: readRoot(bytes, offset + PARENT_OFFSET),
    merkleRoot: readRoot(bytes, offset + MERKLE_ROOT_OFFSET),
    time: readUint32(bytes, offset + TIME_OFFSET),
    bits: readUint32(bytes, offset + BITS_OFFSET),
    nonce: readUint32(bytes, offset + NONCE_OFFSET),
  }
}

/** A new header of 80 bytes. */
export function writeHeader(fields: HeaderFields): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES)
  writeUint32(bytes, 0, fields.version)
  bytes.set(rootToBytes(fields.parent), PARENT_OFFSET)
  bytes.set(rootToBytes(fields.merkleRoot), MERKLE_ROOT_OFFSET)
  writeUint32(bytes, TIME_OFFSET, fields.time)
  writeUint32(bytes, BITS_OFFSET, fields.bits)
  writeUint32(bytes, NONCE_OFFSET, fields.nonce)
  return bytes
}

/** The 32 bytes from `offset`, last byte first, in hex: the way that Bitcoin shows hashes. */
export function readRoot(bytes: Uint8Array, offset: number): Root {
  let hex = ''
  for (let index = offset + ROOT_SIZE_BYTES - 1; index >= offset; index -= 1) hex += HEX_OF_BYTE[bytes[index] ?? 0]
  return toRoot(hex)
}

/** 32 bytes as hashed. */
export function rootToBytes(root: Root): Uint8Array {
  return bytesOfHex(root).reverse()
}

/** Whether the 32 bytes at two places are the same. */
export function isSameRoot(left: Uint8Array, leftOffset: number, right: Uint8Array, rightOffset: number): boolean {
  for (let index = 0; index < ROOT_SIZE_BYTES; index += 1) {
    if (left[leftOffset + index] !== right[rightOffset + index]) return false
  }
  return true
}
