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

/** Base32 letters in one word of 30 bits, … */
const LETTERS_PER_WORD = 6
/** … and words that hold a CID of 37 bytes: a version, a codec of two bytes, a hash function, 32 bytes of digest. */
export const CID_WORDS = 10

/**
 * Writes the letters behind the multibase prefix into the words, six in each, and says how many they are. 0 for a text that
 * is none in base32, or does not fit.
 */
export function lettersOf(cid: Cid, words: Int32Array): number {
  const letterCount = cid.length - 1
  if (!cid.startsWith('b') || letterCount > words.length * LETTERS_PER_WORD) return 0
  words.fill(0)
  for (let index = 0; index < letterCount; index += 1) {
    const code = cid.charCodeAt(index + 1)
    const value = code >= LETTER_A ? code - LETTER_A : code - DIGIT_2 + 26
    if (value < 0 || value > 31) return 0
    const word = (index / LETTERS_PER_WORD) | 0
    words[word] = ((words[word] ?? 0) << 5) | value
  }
  return letterCount
}

/** What `lettersOf` has written, at `start`. */
export function textOf(words: Int32Array, start: number, letterCount: number): Cid {
  const codes = [98] // b
  for (let index = 0; index < letterCount; index += 1) {
    const word = (index / LETTERS_PER_WORD) | 0
    const lastIndex = Math.min(letterCount, (word + 1) * LETTERS_PER_WORD) - 1
    const value = ((words[start + word] ?? 0) >>> (5 * (lastIndex - index))) & 31
    codes.push(value < 26 ? LETTER_A + value : DIGIT_2 + value - 26)
  }
  return String.fromCharCode(...codes) as Cid
}
