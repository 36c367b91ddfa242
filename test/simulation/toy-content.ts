/** What blocks of the toy chain are made of: hashes that cost next to nothing, in CIDs as real as any. */
import type { ChainContent } from '../../src/core/content.ts'
import type { CidPrefix } from '../../src/core/exchange/exchange-message.ts'
import type { Cid, Root } from '../../src/core/ids.ts'
import { CODEC_RAW, formatCid, HASH_DBL_SHA2_256, HASH_SHA2_256, parseCid } from '../../src/wire/cid.ts'
import { createCidOf } from '../../src/wire/rehash.ts'
import { hashToyHeader, rootBytes, rootText, TOY_HEADER_SIZE_BYTES, words } from './toy-header.ts'

/** Multicodec table, `bitcoin-block`: a header. */
const CODEC_HEADER = 0xb0
const DIGEST_SIZE_BYTES = 32
/** A version, a codec of two bytes, a hash function and a length fill eight letters behind the `b`. */
const PREFIX_LETTERS = 9
const OUTLINE_FILL = 7

export interface ToyBlock {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

const prefixes: readonly CidPrefix[] = [HASH_SHA2_256, HASH_DBL_SHA2_256].map((hashCode) => ({
  version: 1,
  codec: CODEC_RAW,
  hashCode,
  digestSizeBytes: DIGEST_SIZE_BYTES,
}))

/** A block of that many bytes, of one of two hash functions; `nonce` tells it from all others. */
export function toyBlock(nonce: number, sizeBytes: number): ToyBlock {
  const bytes = new Uint8Array(sizeBytes)
  for (let index = 0; index < Math.min(8, sizeBytes); index += 1) bytes[index] = nonce >>> (index * 4)
  const prefix = prefixes[nonce % prefixes.length]
  const cid = prefix === undefined ? undefined : toyCidOf(prefix, bytes)
  if (cid === undefined) throw new Error('expected a known hash function')
  return { cid, bytes }
}

const hashed = createCidOf(
  new Map([
    [HASH_SHA2_256, (bytes) => hashToyBytes(bytes, 1)],
    [
      HASH_DBL_SHA2_256,
      (bytes) => (bytes.length === TOY_HEADER_SIZE_BYTES ? rootBytes(hashToyHeader(bytes, 0)) : hashToyBytes(bytes, 2)),
    ],
  ]),
)
/** Bytes are shared between all computers and never changed. */
const known = new WeakMap<Uint8Array, { readonly prefix: CidPrefix; readonly cid: Cid | undefined }>()

/** As a real light node hashes. */
export function toyCidOf(prefix: CidPrefix, bytes: Uint8Array): Cid | undefined {
  const before = known.get(bytes)
  if (before?.prefix.hashCode === prefix.hashCode && before.prefix.codec === prefix.codec) return before.cid
  const cid = hashed(prefix, bytes)
  known.set(bytes, { prefix, cid })
  return cid
}

/** 32 bytes, good against accidents only. */
function hashToyBytes(bytes: Uint8Array, start: number): Uint8Array {
  let first = start
  let second = bytes.length
  const wordCount = bytes.length >>> 2
  for (let word = 0; word < wordCount; word += 1) {
    const value = words.at(bytes, word * 4)
    first = Math.imul(first ^ value, 0x01000193)
    second = (Math.imul(second, 33) + value + (first >>> 15)) | 0
  }
  for (let offset = wordCount * 4; offset < bytes.length; offset += 1) {
    first = Math.imul(first ^ (bytes[offset] ?? 0), 0x01000193)
  }
  const digest = new Uint8Array(DIGEST_SIZE_BYTES)
  const view = new DataView(digest.buffer)
  for (let word = 0; word < 8; word += 1) {
    first = Math.imul(first ^ (first >>> 13), 0x5bd1e995) ^ second
    view.setInt32(word * 4, first, true)
  }
  return digest
}

/** The outline of the block with this header: as many bytes as its root says, up to three messages full. */
export function toyOutline(root: Root): Uint8Array {
  const sizeBytes = 100 + (Number.parseInt(root.slice(0, 2), 16) > 200 ? 500_000 : 0)
  const outline = new Uint8Array(sizeBytes).fill(OUTLINE_FILL)
  outline.set(bytesOf(root))
  return outline
}

function checkOutline({ root, outline }: { readonly root: Root; readonly outline: Uint8Array }): string | undefined {
  const { length } = toyOutline(root)
  if (outline.length !== length) return `expected ${length} bytes, got ${outline.length}`
  if (rootText(outline, 0) !== root) return `expected the root ${root}, got ${rootText(outline, 0)}`
  return outline.at(-1) === OUTLINE_FILL ? undefined : `expected ${OUTLINE_FILL} at its end, got ${outline.at(-1)}`
}

function bytesOf(root: Root): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number.parseInt(root.slice(index * 2, index * 2 + 2), 16))
}

function headerCid(root: Root): Cid {
  const digest = bytesOf(root)
  return formatCid({ version: 1, codec: CODEC_HEADER, hashCode: HASH_DBL_SHA2_256, digestSizeBytes: 32, digest })
}

const HEADER_PREFIX = headerCid('00'.repeat(32) as Root).slice(0, PREFIX_LETTERS)

function unused(): never {
  throw new Error('expected a core that takes no block apart')
}

export const TOY_CONTENT: ChainContent = {
  headerRootOf: (cid) => (cid.startsWith(HEADER_PREFIX) ? rootText(parseCid(cid).digest, 0) : undefined),
  headerCid,
  checkOutline,
  takeApart: unused,
  wantedCids: unused,
  assemble: unused,
  walk: unused,
  indexOf: unused,
  prove: unused,
  verifyProof: unused,
}
