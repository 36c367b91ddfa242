/**
 * Headers of the toy chain, for tests only: 48 bytes and a hash that costs next to nothing.
 * parent root (32) · time, Unix seconds (u32) · work (u32) · nonce (u32) · seal (u32); numbers little-endian.
 */
import type { Root } from '../../src/core/ids.ts'

export const TOY_HEADER_SIZE_BYTES = 48
/** More work in one header than this is invalid, so that a liar cannot buy a chain with one header. */
export const TOY_WORK_MAX = 16

/** As Bitcoin's two hours. */
export const TOY_FUTURE_LIMIT_SECONDS = 7_200

const WORDS_PER_HEADER = 12
const WORDS_PER_ROOT = 8
const SEAL_WORD = 11

export interface ToyFields {
  readonly parent: Uint8Array
  readonly time: number
  readonly work: number
  readonly nonce: number
  /** A liar's header: the seal is wrong. */
  readonly isInvalid?: boolean
}

/** 48 bytes, sealed. */
export function encodeToyHeader(fields: ToyFields): Uint8Array {
  const bytes = new Uint8Array(TOY_HEADER_SIZE_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(fields.parent)
  view.setUint32(32, fields.time, true)
  view.setUint32(36, fields.work, true)
  view.setUint32(40, fields.nonce, true)
  view.setUint32(44, fields.isInvalid === true ? ~seal(bytes, 0) >>> 0 : seal(bytes, 0), true)
  return bytes
}

export const words = {
  at(bytes: Uint8Array, offset: number): number {
    return (
      ((bytes[offset] ?? 0) |
        ((bytes[offset + 1] ?? 0) << 8) |
        ((bytes[offset + 2] ?? 0) << 16) |
        ((bytes[offset + 3] ?? 0) << 24)) >>>
      0
    )
  },
}

/** True when nobody tampered with the header that starts at `offset`. */
export function isSealed(bytes: Uint8Array, offset: number): boolean {
  return words.at(bytes, offset + SEAL_WORD * 4) === seal(bytes, offset)
}

function seal(bytes: Uint8Array, offset: number): number {
  let hash = 0x811c9dc5
  for (let word = 0; word < SEAL_WORD; word += 1) hash = mix(hash ^ words.at(bytes, offset + word * 4))
  return hash >>> 0
}

const lanes = new Uint32Array(4)
const digest = new Uint32Array(WORDS_PER_ROOT)

/** The root of the header at `offset` as eight words; the next call overwrites them. Good against accidents only. */
export function hashToyHeader(bytes: Uint8Array, offset: number): Uint32Array {
  let first = 0x243f6a88
  let second = 0x85a308d3
  let third = 0x13198a2e
  let fourth = 0x03707344
  for (let word = 0; word < WORDS_PER_HEADER; word += 1) {
    const value = words.at(bytes, offset + word * 4)
    first = mix(first ^ value)
    second = mix((second + value) | 0)
    third = mix(third ^ Math.imul(value, 0x9e3779b1) ^ first)
    fourth = mix((fourth + Math.imul(value, 0x85ebca6b) + second) | 0)
  }
  lanes[0] = first
  lanes[1] = second
  lanes[2] = third
  lanes[3] = fourth
  for (let word = 0; word < WORDS_PER_ROOT; word += 1) {
    const lane = lanes[word & 3] ?? 0
    const other = lanes[(word + 1) & 3] ?? 0
    digest[word] = word < 4 ? lane : mix(lane ^ (other << 7) ^ word)
  }
  return digest
}

function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** 53 bits of a root, good as a key among a simulation's headers. */
export function keyOfWords(first: number, second: number): number {
  return (first >>> 0) * 2 ** 21 + (second >>> 11)
}

export function rootBytes(rootWords: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  for (let word = 0; word < WORDS_PER_ROOT; word += 1) view.setUint32(word * 4, rootWords[word] ?? 0, true)
  return bytes
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'))

/** Root as text of the 32 bytes at `offset`. */
export function rootText(bytes: Uint8Array, offset: number): Root {
  let text = ''
  for (let index = 0; index < 32; index += 1) text += HEX[bytes[offset + index] ?? 0] ?? ''
  return text as Root
}
