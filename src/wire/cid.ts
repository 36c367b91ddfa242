import type { CidPrefix } from '../core/exchange/exchange-message.ts'
import type { Cid } from '../core/ids.ts'
import { decodeVarint, encodeVarint } from './varint.ts'
import { undecodable, WireError } from './wire-error.ts'
import { base58btc } from 'multiformats/bases/base58'

/** Multicodec table: what this project names. */
export const CODEC_RAW = 0x55
export const CODEC_DAG_PB = 0x70
export const HASH_SHA2_256 = 0x12
export const HASH_DBL_SHA2_256 = 0x56

export interface CidParts extends CidPrefix {
  readonly digest: Uint8Array
}

/** CID specification, "CIDv0": a bare sha2-256 multihash of 34 bytes, content dag-pb. */
const VERSION_0_PREFIX: CidPrefix = { version: 0, codec: CODEC_DAG_PB, hashCode: HASH_SHA2_256, digestSizeBytes: 32 }
/** Longest digest that we take: 128 bytes leave room for every known function but identity's. */
const DIGEST_BYTES_MAX = 128
/** RFC 4648, section 6, in lower case; Multibase prefix `b`. */
const BASE_32 = 'abcdefghijklmnopqrstuvwxyz234567'
const BASE_32_VALUES: ReadonlyMap<string, number> = new Map([...BASE_32].map((letter, value) => [letter, value]))

/** The CID's text: the one name that it has in the core. */
export function formatCid({ version, codec, hashCode, digest }: CidParts): Cid {
  const bytes = cidBytesOf({ version, codec, hashCode, digest })
  return (version === 0 ? base58btc.baseEncode(bytes) : `b${toBase32(bytes)}`) as Cid
}

/** Reads the text of a CID in base32 or, for version 0, base58. Throws `WireError` with what was expected and what came. */
export function parseCid(text: string): CidParts {
  return decodeCid(cidBytes(text))
}

/** The CID that a person or a program wrote, in its one form here. Throws `WireError`. */
export function toCid(text: string): Cid {
  return formatCid(parseCid(text))
}

/** The bytes that go over the wire. Throws `WireError` when the text is no CID. */
export function cidBytes(text: string): Uint8Array {
  if (text.startsWith('b')) return fromBase32(text)
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
  if (bytes[0] === HASH_SHA2_256 && bytes[1] === 32 && bytes.length === 34) {
    return { ...VERSION_0_PREFIX, digest: bytes.subarray(2) }
  }
  const { prefix, sizeBytes } = readPrefix(bytes)
  if (prefix.version !== 1) throw undecodable('a CID of version 0 or 1', `version ${prefix.version}`)
  const digest = bytes.subarray(sizeBytes)
  if (digest.length !== prefix.digestSizeBytes) {
    throw undecodable(`a digest of ${prefix.digestSizeBytes} bytes`, `${digest.length}`)
  }
  return { ...prefix, digest }
}

/** Bitswap, "Block": version, codec, hash function, digest length. */
export function encodeCidPrefix({ version, codec, hashCode, digestSizeBytes }: CidPrefix): Uint8Array {
  return joined([version, codec, hashCode, digestSizeBytes].map(encodeVarint))
}

/** Throws `WireError`, for what follows the prefix too. */
export function decodeCidPrefix(bytes: Uint8Array): CidPrefix {
  const { prefix, sizeBytes } = readPrefix(bytes)
  if (sizeBytes !== bytes.length)
    throw undecodable('a CID prefix and nothing else', `${bytes.length - sizeBytes} more bytes`)
  return prefix
}

function readPrefix(bytes: Uint8Array): { readonly prefix: CidPrefix; readonly sizeBytes: number } {
  let offset = 0
  const take = (name: string): number => {
    const varint = decodeVarint(bytes, offset)
    if (varint?.value === undefined) throw undecodable(`a CID with its ${name}`, `${bytes.length} bytes`)
    offset += varint.sizeBytes
    return varint.value
  }
  const version = take('version')
  if (version !== 0 && version !== 1) throw undecodable('a CID of version 0 or 1', `version ${version}`)
  const codec = take('codec')
  const hashCode = take('hash function')
  const digestSizeBytes = take('digest length')
  if (digestSizeBytes > DIGEST_BYTES_MAX)
    throw undecodable(`a digest of at most ${DIGEST_BYTES_MAX} bytes`, `${digestSizeBytes}`)
  return { prefix: { version, codec, hashCode, digestSizeBytes }, sizeBytes: offset }
}

function cidBytesOf({ version, codec, hashCode, digest }: Omit<CidParts, 'digestSizeBytes'>): Uint8Array {
  const multihash = [encodeVarint(hashCode), encodeVarint(digest.length), digest]
  return joined(version === 0 ? multihash : [encodeVarint(version), encodeVarint(codec), ...multihash])
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sizeBytes, part) => sizeBytes + part.length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

function toBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let bitCount = 0
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff
    bitCount += 8
    for (; bitCount >= 5; bitCount -= 5) text += BASE_32[(bits >>> (bitCount - 5)) & 31] ?? ''
  }
  return bitCount === 0 ? text : text + (BASE_32[(bits << (5 - bitCount)) & 31] ?? '')
}

/** The letters behind the multibase prefix. */
function fromBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor(((text.length - 1) * 5) / 8))
  let bits = 0
  let bitCount = 0
  let offset = 0
  for (let index = 1; index < text.length; index += 1) {
    const value = BASE_32_VALUES.get(text[index] ?? '')
    if (value === undefined) throw undecodable('a CID in lower-case base32', JSON.stringify(text.slice(0, 80)))
    bits = ((bits << 5) | value) & 0xfff
    bitCount += 5
    if (bitCount >= 8) {
      bitCount -= 8
      bytes[offset++] = (bits >>> bitCount) & 0xff
    }
  }
  return bytes
}
