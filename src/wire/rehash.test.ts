import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { CidPrefix } from '../core/exchange/exchange-message.ts'
import type { Cid } from '../core/ids.ts'
import { CODEC_DAG_PB, CODEC_RAW, HASH_DBL_SHA2_256, HASH_SHA2_256, parseCid } from './cid.ts'
import { createCidOf, createRehash } from './rehash.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()
const HASHERS = new Map([
  [HASH_SHA2_256, sha256],
  [HASH_DBL_SHA2_256, (bytes: Uint8Array) => sha256(sha256(bytes))],
])
const cidOf = createCidOf(HASHERS)
const rehash = createRehash(HASHERS)

const RAW: CidPrefix = { version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32 }
const VERSION_0: CidPrefix = { ...RAW, version: 0, codec: CODEC_DAG_PB }
const NOTHING = new Uint8Array(0)
const EMPTY = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'

test('no bytes at all have the CIDs that everybody knows', () => {
  expect(cidOf(RAW, NOTHING)).toBe(EMPTY)
  expect(cidOf(VERSION_0, NOTHING)).toBe('QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n')
})

test('Bitcoin hashes twice', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const cid = cidOf({ ...RAW, codec: 0xb1, hashCode: HASH_DBL_SHA2_256 }, bytes)
  expect(parseCid(cid ?? '').digest).toEqual(new Uint8Array(sha256(sha256(bytes))))
})

test.each([19, 20, 21, 31, 32, 33])('a digest cut to %i bytes', (digestSizeBytes) => {
  const cid = cidOf({ ...RAW, digestSizeBytes }, NOTHING)
  if (digestSizeBytes < 20 || digestSizeBytes > 32) expect(cid).toBeUndefined()
  else expect(parseCid(cid ?? '').digest).toEqual(new Uint8Array(sha256(NOTHING).subarray(0, digestSizeBytes)))
})

test.each([
  ['an unknown hash function', { ...RAW, hashCode: 0x13 }],
  ['the content itself as digest', { ...RAW, hashCode: 0 }],
  ['version 0 of another codec', { ...VERSION_0, codec: CODEC_RAW }],
  ['version 0 of another function', { ...VERSION_0, hashCode: HASH_DBL_SHA2_256 }],
  ['version 0 with a digest cut short', { ...VERSION_0, digestSizeBytes: 20 }],
])('%s has no CID', (_, prefix) => {
  expect(cidOf(prefix, NOTHING)).toBeUndefined()
})

test('bytes are named as a CID names its own', () => {
  expect(rehash(EMPTY as Cid, NOTHING)).toBe(EMPTY)
  expect(rehash(EMPTY as Cid, Uint8Array.of(1))).toBe(cidOf(RAW, Uint8Array.of(1)))
  const version0 = cidOf(VERSION_0, Uint8Array.of(1))
  expect(rehash(version0 as Cid, Uint8Array.of(1))).toBe(version0)
})
