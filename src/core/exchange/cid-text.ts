/** What the text of a CID tells of its block, without the bytes of the digest. The text was made by `src/wire/cid.ts`. */
import type { Cid } from '../ids.ts'
import type { CidPrefix } from './exchange-message.ts'

/** Multicodec table: CID version 0 is dag-pb under sha2-256, 32 bytes. */
const VERSION_0: CidPrefix = { version: 0, codec: 0x70, hashCode: 0x12, digestSizeBytes: 32 }
/** Letters that hold a version, a codec, a hash code and a length of three bytes each at most. */
const PREFIX_LETTERS = 20
const LETTER_A = 97
const DIGIT_2 = 50
/** A protobuf key and length around each field, a priority, flags. */
const ENTRY_BYTES = 18
/** Base58 says 5.86 bits a letter, base32 5: from above. */
const BYTES_PER_LETTER = 0.75

/** Undefined for a text that is no CID of ours. */
export function prefixOf(cid: Cid): CidPrefix | undefined {
  if (cid.startsWith('Qm')) return VERSION_0
  const values: number[] = []
  let value = 0
  let scale = 1
  let bits = 0
  let bitCount = 0
  for (let index = 1; index < cid.length && index <= PREFIX_LETTERS; index += 1) {
    const code = cid.charCodeAt(index)
    bits = ((bits << 5) | (code >= LETTER_A ? code - LETTER_A : code - DIGIT_2 + 26)) & 0xfff
    bitCount += 5
    if (bitCount < 8) continue
    bitCount -= 8
    const byte = (bits >>> bitCount) & 0xff
    value += (byte & 0x7f) * scale
    scale *= 128
    if (byte >= 128) continue
    values.push(value)
    if (values.length === 4) break
    value = 0
    scale = 1
  }
  const [version, codec, hashCode, digestSizeBytes] = values
  if (version !== 1 || codec === undefined || hashCode === undefined || digestSizeBytes === undefined) return undefined
  return { version, codec, hashCode, digestSizeBytes }
}

/** Blocks of two hash functions never go in one message: receivers drop what follows a hash that they do not know. */
export function hashCodeOf(cid: Cid): number | undefined {
  return prefixOf(cid)?.hashCode
}

/** Bytes that naming a CID takes in a message, from above. */
export function entrySizeBytes(cid: Cid): number {
  return ENTRY_BYTES + Math.ceil(cid.length * BYTES_PER_LETTER)
}
