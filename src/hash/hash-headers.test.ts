import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HEADER_SIZE_BYTES, readRoot, ROOT_SIZE_BYTES } from '../chain/bitcoin/header.ts'
import { NETWORKS } from '../chain/bitcoin/networks.ts'
import { hashHeaders } from './choose-hash-headers.ts'

test('the hash of each genesis header is the root that its network is known by', () => {
  for (const { genesisHeader, genesis } of Object.values(NETWORKS)) {
    const root = new Uint8Array(ROOT_SIZE_BYTES)
    hashHeaders(genesisHeader, 0, 1, root)
    expect(readRoot(root, 0)).toBe(genesis)
  }
})

test('any headers hash as OpenSSL hashes them, from any offset and in any number', () => {
  const arbitraryBatch = fc.tuple(fc.nat(7), fc.nat(5)).chain(([offset, count]) =>
    fc.record({
      offset: fc.constant(offset),
      count: fc.constant(count),
      bytes: fc.uint8Array({
        minLength: offset + count * HEADER_SIZE_BYTES,
        maxLength: offset + count * HEADER_SIZE_BYTES,
      }),
    }),
  )
  fc.assert(
    fc.property(arbitraryBatch, ({ offset, count, bytes }) => {
      const roots = new Uint8Array(count * ROOT_SIZE_BYTES)
      hashHeaders(bytes, offset, count, roots)
      for (let index = 0; index < count; index += 1) {
        const start = offset + index * HEADER_SIZE_BYTES
        const expected = sha256(sha256(bytes.subarray(start, start + HEADER_SIZE_BYTES)))
        expect(roots.slice(index * ROOT_SIZE_BYTES, (index + 1) * ROOT_SIZE_BYTES)).toEqual(expected)
      }
    }),
  )
})

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}
