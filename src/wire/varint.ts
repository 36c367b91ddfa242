import { undecodable } from './wire-error.ts'

/** Bytes of the longest varint of Protocol Buffers, 64 bits in groups of 7. */
export const VARINT_BYTES_MAX = 10

/** Unsigned LEB128. Throws `RangeError` when `value` is not a whole number from 0 to 2^53 - 1: the caller's mistake. */
export function encodeVarint(value: number): Uint8Array {
  const bytes = new Uint8Array(VARINT_BYTES_MAX)
  return bytes.slice(0, writeVarint(bytes, 0, value))
}

/** The same, into `bytes` at `offset`, where there is room for `VARINT_BYTES_MAX`; returns where it ends. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`expected a whole number from 0, got ${value}`)
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[offset++] = (rest % 0x80) | 0x80
  bytes[offset] = rest
  return offset + 1
}

export interface DecodedVarint {
  /** Undefined when the number does not fit 2^53 - 1. */
  readonly value: number | undefined
  readonly sizeBytes: number
}

/** Reads the varint at `offset`; undefined when the bytes end inside of it. Throws `WireError` after 10 bytes without an end. */
export function decodeVarint(bytes: Uint8Array, offset: number): DecodedVarint | undefined {
  let value = 0
  let scale = 1
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    const byte = bytes[offset + index]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * scale
    scale *= 0x80
    if (byte < 0x80) return { value: Number.isSafeInteger(value) ? value : undefined, sizeBytes: index + 1 }
  }
  throw undecodable(`a varint of at most ${VARINT_BYTES_MAX} bytes`, 'a longer one')
}
