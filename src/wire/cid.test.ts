import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { expect, test } from 'vitest'
import { CID_BYTES_MAX } from '../core/limits.ts'
import { cidBytes, cidFromWire, decodeCid, formatCid, parseCid, prefixBytes, prefixFromWire, toCid } from './cid.ts'
import type { CidParts } from './cid.ts'
import { encodeVarint } from './varint.ts'

const version1: fc.Arbitrary<CidParts> = fc
  .record({
    codec: fc.integer({ min: 0, max: 0xffff_ffff }),
    hashCode: fc.integer({ min: 1, max: 0xffff_ffff }),
    digest: fc.uint8Array({ maxLength: 128 }),
  })
  .map((parts) => ({ ...parts, version: 1, digestSizeBytes: parts.digest.length }))
const version0: fc.Arbitrary<CidParts> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((digest) => ({ version: 0, codec: 0x70, hashCode: 0x12, digestSizeBytes: 32, digest }))
const anyCid: fc.Arbitrary<CidParts> = fc.oneof(version1, version0)

function reference({ version, codec, hashCode, digest }: CidParts): CID {
  return CID.create(version, codec, create(hashCode, digest))
}

test('every CID has the text and the bytes that multiformats gives it, and comes back from both', () => {
  fc.assert(
    fc.property(anyCid, (parts) => {
      const text = formatCid(parts)
      expect(text).toBe(reference(parts).toString())
      expect(cidBytes(text)).toEqual(Uint8Array.from(reference(parts).bytes))
      expect(parseCid(text)).toEqual(parts)
      expect(toCid(text)).toBe(text)
      expect(cidFromWire(cidBytes(text))).toBe(text)
    }),
  )
})

test('the prefix is what stands before the digest, and says all of a CID but that', () => {
  fc.assert(
    fc.property(anyCid, (parts) => {
      const { digest: _digest, ...prefix } = parts
      expect(prefixFromWire(prefixBytes(formatCid(parts)))).toEqual(prefix)
    }),
  )
})

test.each([
  ['an identity CID', Uint8Array.of(1, 0x55, 0, 2, 1, 2)],
  ['no bytes', Uint8Array.of()],
  ['version 2', Uint8Array.of(2, 0x55, 0x12, 1, 9)],
  ['a version 0 that is spelled out', Uint8Array.of(0, 0x70, 0x12, 32, ...new Uint8Array(32))],
  ['a digest that is too short', Uint8Array.of(1, 0x55, 0x12, 3, 9, 9)],
  ['a digest that is too long', Uint8Array.of(1, 0x55, 0x12, 1, 9, 9)],
  ['a number that is not in its shortest form', Uint8Array.of(1, 0xd5, 0x00, 0x12, 1, 9)],
  ['a number without an end', new Uint8Array(20).fill(0xff)],
])('%s on the wire is left out', (_name, bytes) => {
  expect(cidFromWire(bytes)).toBeUndefined()
})

test('the longest CID is taken, one byte more is not', () => {
  // A code of two bytes makes no difference to the digest: 128 bytes at most.
  const of = (sizeBytes: number): Uint8Array => {
    const head = [1, ...encodeVarint(0x55), ...encodeVarint(0x12), ...encodeVarint(sizeBytes)]
    return Uint8Array.of(...head, ...new Uint8Array(sizeBytes))
  }
  expect(cidFromWire(of(128))).toBeDefined()
  expect(cidFromWire(of(129))).toBeUndefined()
  expect(of(128).length).toBeLessThan(CID_BYTES_MAX)
})

test.each([
  ['an unknown version', Uint8Array.of(2, 0x55, 0x12, 32)],
  ['version 0 of another codec', Uint8Array.of(0, 0x55, 0x12, 32)],
  ['a digest of 129 bytes', Uint8Array.of(1, 0x55, 0x12, 0x81, 1)],
  ['three numbers', Uint8Array.of(1, 0x55, 0x12)],
  ['five numbers', Uint8Array.of(1, 0x55, 0x12, 32, 0)],
])('a prefix with %s is none', (_name, bytes) => {
  expect(prefixFromWire(bytes)).toBeUndefined()
})

test.each([
  ['', 'expected a CID in base32 (b…) or base58 (Qm…), got ""'],
  ['zdj7W', 'expected a CID in base32 (b…) or base58 (Qm…), got "zdj7W"'],
  ['bAFKQ', 'expected a CID in lower-case base32, got "bAFKQ"'],
  ['bafkä', 'expected a CID in lower-case base32, got "bafkä"'],
  ['Qm0', 'expected a CID in base58, got "Qm0"'],
  ['b', 'expected a CID, got 0 bytes without its four first numbers'],
])('the text %j is no CID, and the error says why', (text, message) => {
  expect(() => parseCid(text)).toThrow(message)
})

test('the CID of the genesis block is its header hash, as other implementations write it', () => {
  const digest = Uint8Array.from(
    (`6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000`.match(/../g) ?? []).map((byte) =>
      Number.parseInt(byte, 16),
    ),
  )
  const text = formatCid({ version: 1, codec: 0xb0, hashCode: 0x56, digest, digestSizeBytes: 32 })
  expect(text).toBe(CID.create(1, 0xb0, create(0x56, digest)).toString())
  expect(decodeCid(cidBytes(text))).toMatchObject({ codec: 0xb0, hashCode: 0x56 })
})
