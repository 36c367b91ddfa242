import type { CidPrefix } from '../core/exchange/exchange-message.ts'
import type { Cid } from '../core/ids.ts'
import { CID_BYTES_MAX } from '../core/limits.ts'
import { VARINT_BYTES_MAX, writeVarint } from './varint.ts'
import { undecodable, WireError } from './wire-error.ts'
import { base58btc } from 'multiformats/bases/base58'

/** Multicodec table: what this project names. */
export const CODEC_RAW = 0x55
export const CODEC_DAG_PB = 0x70
/** The digest is the content itself: nothing to fetch. */
const HASH_IDENTITY = 0x00
export const HASH_SHA2_256 = 0x12
export const HASH_DBL_SHA2_256 = 0x56

export interface CidParts extends CidPrefix {
  readonly digest: Uint8Array
}

/** CID specification, "CIDv0": a bare sha2-256 multihash of 34 bytes, content dag-pb. */
const VERSION_0_PREFIX: CidPrefix = { version: 0, codec: CODEC_DAG_PB, hashCode: HASH_SHA2_256, digestSizeBytes: 32 }
const VERSION_0_READ: ReadPrefix = { prefix: VERSION_0_PREFIX, sizeBytes: 2 }
const VERSION_0_PREFIX_BYTES: Uint8Array = Uint8Array.of(0, CODEC_DAG_PB, HASH_SHA2_256, 32)
/** Longest digest that we take: 128 bytes leave room for every known function but identity's. */
const DIGEST_BYTES_MAX = 128
/** Every code of the multicodec table fits 32 bits, five groups of 7. */
const CODE_BYTES_MAX = 5
/** Of a text, its own prefix included: 160 bits are four codes. */
const PREFIX_LETTERS_MAX = 33
/** RFC 4648, section 6, in lower case; Multibase prefix `b`. */
const BASE_32 = 'abcdefghijklmnopqrstuvwxyz234567'
const BASE_32_PREFIX = 'b'
const BASE_32_CODES: readonly number[] = Array.from(BASE_32, (letter) => letter.charCodeAt(0))
/** By character code; 255 where there is none. */
const BASE_32_VALUES: Uint8Array = new Uint8Array(128).fill(255)
BASE_32_CODES.forEach((code, value) => (BASE_32_VALUES[code] = value))
/** The letters of one text, used by one call at a time: of a wantlist's thousands each would grow its own. */
const letterCodes: number[] = []

/** The CID's text: the one name that it has in the core. */
export function formatCid({ version, codec, hashCode, digest }: CidParts): Cid {
  return cidText(cidBytesOf({ version, codec, hashCode, digest }), version)
}

/** Reads the text of a CID in base32 or, for version 0, base58. Throws `WireError` with what was expected and what came. */
export function parseCid(text: string): CidParts {
  return decodeCid(cidBytes(text))
}

/** The CID that a person or a program wrote, in its one form here. Throws `WireError`. */
export function toCid(text: string): Cid {
  const bytes = cidBytes(text)
  return cidText(bytes, decodeCid(bytes).version)
}

/** The bytes that go over the wire. Throws `WireError` when the text is no CID. */
export function cidBytes(text: string): Uint8Array {
  if (text.startsWith(BASE_32_PREFIX)) return fromBase32(text)
  if (!text.startsWith('Qm'))
    throw undecodable('a CID in base32 (b…) or base58 (Qm…)', JSON.stringify(text.slice(0, 80)))
  try {
    return base58btc.baseDecode(text)
  } catch (cause) {
    throw new WireError('undecodable', `expected a CID in base58, got ${JSON.stringify(text.slice(0, 80))}`, { cause })
  }
}

/** The digest is a view of `bytes`. Throws `WireError`. */
export function decodeCid(bytes: Uint8Array): CidParts {
  const read = readCid(bytes)
  if ('expected' in read) throw undecodable(read.expected, read.got)
  return { ...read.prefix, digest: bytes.subarray(read.sizeBytes) }
}

/**
 * The CID that a peer names. Undefined when nobody can be asked for it: no CID, one of more than `CID_BYTES_MAX` bytes,
 * or one that is its own content. Never throws: a message may name many.
 */
export function cidFromWire(bytes: Uint8Array): Cid | undefined {
  if (bytes.length > CID_BYTES_MAX) return undefined
  const read = readCid(bytes)
  if ('expected' in read || read.prefix.hashCode === HASH_IDENTITY) return undefined
  return cidText(bytes, read.prefix.version)
}

/** Bitswap, "Block": what stands before the digest, which is not looked at. Throws `WireError` when the text does not begin as a CID. */
export function prefixBytes(cid: Cid): Uint8Array {
  if (cid.startsWith('Qm')) return VERSION_0_PREFIX_BYTES
  const bytes = fromBase32(cid, PREFIX_LETTERS_MAX)
  const read = readPrefix(bytes)
  if ('expected' in read) throw undecodable(read.expected, read.got)
  return bytes.subarray(0, read.sizeBytes)
}

/** Undefined when it is none, or more than one. Never throws: a message may hold many. */
export function prefixFromWire(bytes: Uint8Array): CidPrefix | undefined {
  const read = readPrefix(bytes)
  return 'expected' in read || read.sizeBytes !== bytes.length ? undefined : read.prefix
}

/** What stands before a digest, and how many bytes it has. */
interface ReadPrefix {
  readonly prefix: CidPrefix
  readonly sizeBytes: number
}

interface Problem {
  readonly expected: string
  readonly got: string
}

function readCid(bytes: Uint8Array): ReadPrefix | Problem {
  if (bytes[0] === HASH_SHA2_256 && bytes[1] === 32 && bytes.length === 34) return VERSION_0_READ
  const read = readPrefix(bytes)
  if ('expected' in read) return read
  const { prefix, sizeBytes } = read
  // Version 0 has no such bytes in a CID: it is the bare multihash above.
  if (prefix.version !== 1) return { expected: 'a CID of version 1', got: `version ${prefix.version}` }
  const digestBytes = bytes.length - sizeBytes
  if (digestBytes !== prefix.digestSizeBytes) {
    return { expected: `a digest of ${prefix.digestSizeBytes} bytes`, got: String(digestBytes) }
  }
  return read
}

function readPrefix(bytes: Uint8Array): ReadPrefix | Problem {
  const versionEnd = codeEnd(bytes, 0)
  const codecEnd = codeEnd(bytes, versionEnd)
  const hashEnd = codeEnd(bytes, codecEnd)
  const sizeBytes = codeEnd(bytes, hashEnd)
  if (sizeBytes === Infinity) return { expected: 'a CID', got: `${bytes.length} bytes without its four first numbers` }
  const version = codeAt(bytes, 0, versionEnd)
  const codec = codeAt(bytes, versionEnd, codecEnd)
  const hashCode = codeAt(bytes, codecEnd, hashEnd)
  const digestSizeBytes = codeAt(bytes, hashEnd, sizeBytes)
  if (version !== 0 && version !== 1) return { expected: 'a CID of version 0 or 1', got: `version ${version}` }
  if (version === 0 && (codec !== CODEC_DAG_PB || hashCode !== HASH_SHA2_256 || digestSizeBytes !== 32)) {
    return { expected: 'dag-pb and sha2-256 in a CID of version 0', got: `codec ${codec} and hash ${hashCode}` }
  }
  if (digestSizeBytes > DIGEST_BYTES_MAX) {
    return { expected: `a digest of at most ${DIGEST_BYTES_MAX} bytes`, got: String(digestSizeBytes) }
  }
  return { prefix: { version, codec, hashCode, digestSizeBytes }, sizeBytes }
}

/** Behind the number at `offset`; Infinity when there is none, behind which is none either, or not in its shortest form (unsigned-varint). */
function codeEnd(bytes: Uint8Array, offset: number): number {
  for (let end = offset + 1; end <= offset + CODE_BYTES_MAX; end++) {
    const byte = bytes[end - 1]
    if (byte === undefined) break
    if (byte < 0x80) return byte === 0 && end > offset + 1 ? Infinity : end
  }
  return Infinity
}

function codeAt(bytes: Uint8Array, offset: number, end: number): number {
  let code = 0
  for (let index = end - 1; index >= offset; index--) code = code * 0x80 + ((bytes[index] ?? 0) & 0x7f)
  return code
}

function cidBytesOf({ version, codec, hashCode, digest }: Omit<CidParts, 'digestSizeBytes'>): Uint8Array {
  const codes = version === 0 ? [hashCode, digest.length] : [version, codec, hashCode, digest.length]
  const bytes = new Uint8Array(codes.length * VARINT_BYTES_MAX + digest.length)
  let end = 0
  for (const code of codes) end = writeVarint(bytes, end, code)
  bytes.set(digest, end)
  return bytes.subarray(0, end + digest.length)
}

function cidText(bytes: Uint8Array, version: 0 | 1): Cid {
  return (version === 0 ? base58btc.baseEncode(bytes) : toBase32(bytes)) as Cid
}

/** With its prefix. By character codes: a text put together letter by letter takes three times as long. */
function toBase32(bytes: Uint8Array): string {
  letterCodes.length = 1 + Math.ceil((bytes.length * 8) / 5)
  letterCodes[0] = BASE_32_PREFIX.charCodeAt(0)
  let index = 1
  let bits = 0
  let bitCount = 0
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff
    bitCount += 8
    for (; bitCount >= 5; bitCount -= 5) letterCodes[index++] = BASE_32_CODES[(bits >>> (bitCount - 5)) & 31] ?? 0
  }
  if (bitCount > 0) letterCodes[index] = BASE_32_CODES[(bits << (5 - bitCount)) & 31] ?? 0
  return String.fromCharCode(...letterCodes)
}

/** The letters behind the multibase prefix, up to that end of the text. */
function fromBase32(text: string, endMax = Infinity): Uint8Array {
  const end = Math.min(text.length, endMax)
  const bytes = new Uint8Array(Math.floor(((end - 1) * 5) / 8))
  let bits = 0
  let bitCount = 0
  let offset = 0
  for (let index = 1; index < end; index++) {
    const value = BASE_32_VALUES[text.charCodeAt(index)] ?? 255
    if (value > 31) throw undecodable('a CID in lower-case base32', JSON.stringify(text.slice(0, 80)))
    bits = ((bits << 5) | value) & 0xfff
    bitCount += 5
    if (bitCount >= 8) {
      bitCount -= 8
      bytes[offset++] = (bits >>> bitCount) & 0xff
    }
  }
  return bytes
}
