import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HEADER_SIZE_BYTES, readRoot } from './header.ts'
import { hashHeaders } from '../../hash/choose-hash-headers.ts'
import { createHeaderVerifier } from './header-verifier.ts'
import type { HeaderVerifier } from './header-verifier.ts'
import { mineHeaders } from './miner.ts'
import { NETWORKS } from './networks.ts'

const { genesisHeader, genesis } = NETWORKS.regtest
const nowUnixMs: number = Date.UTC(2026, 0, 1)
const COUNT = 600
const mined = mineHeaders({ parent: genesisHeader, count: COUNT - 1, firstTime: 1_600_000_000, stepSeconds: 10 })
const file = new Uint8Array([...genesisHeader, ...mined])

function create(startHeight?: number): HeaderVerifier {
  return createHeaderVerifier({ network: 'regtest', nowUnixMs, ...(startHeight === undefined ? {} : { startHeight }) })
}

function rootAt(index: number): string {
  const root = new Uint8Array(32)
  hashHeaders(file, index * HEADER_SIZE_BYTES, 1, root)
  return readRoot(root, 0)
}

test('a file from genesis is verified to its end, in one piece or in any others', () => {
  const whole = create().verify(file)
  expect(whole).toEqual({ verifiedCount: COUNT, lastRoot: rootAt(COUNT - 1), lastHeight: COUNT - 1, stop: undefined })
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 8 }), (counts) => {
      const verifier = create()
      let done = 0
      for (const count of [...counts, COUNT]) {
        const piece = file.subarray(done * HEADER_SIZE_BYTES, (done + count) * HEADER_SIZE_BYTES)
        const { verifiedCount, stop } = verifier.verify(piece)
        expect({ verifiedCount, stop }).toEqual({ verifiedCount: piece.length / HEADER_SIZE_BYTES, stop: undefined })
        done += verifiedCount
      }
      expect(verifier.verify(new Uint8Array(0))).toEqual({ ...whole, verifiedCount: 0 })
    }),
    { numRuns: 20 },
  )
})

test('before the first header nothing is known', () => {
  const nothing = { verifiedCount: 0, lastRoot: undefined, lastHeight: undefined, stop: undefined }
  expect(create().verify(new Uint8Array(0))).toEqual(nothing)
  expect(create(7).verify(new Uint8Array(0))).toEqual(nothing)
})

test('a file that starts at height 0 starts with its network’s genesis', () => {
  expect(create().verify(mined)).toEqual({
    verifiedCount: 0,
    lastRoot: undefined,
    lastHeight: undefined,
    stop: {
      type: 'invalid',
      index: 0,
      height: 0,
      rule: 'genesis',
      message: `expected the genesis of bitcoin:regtest (${genesis}), got ${rootAt(1)}`,
    },
  })
  expect(create().verify(NETWORKS.testnet3.genesisHeader).stop).toMatchObject({ rule: 'genesis' })
})

test('a file that starts above genesis is taken from its first header', () => {
  expect(create(301).verify(file.subarray(301 * HEADER_SIZE_BYTES))).toMatchObject({
    verifiedCount: COUNT - 301,
    lastHeight: COUNT - 1,
    stop: undefined,
  })
})

test('the first bad header is found at its index within the call, and nothing is verified after it', () => {
  const verifier = create()
  verifier.verify(file.subarray(0, 100 * HEADER_SIZE_BYTES))
  const gap = file.subarray(101 * HEADER_SIZE_BYTES)
  const stopped = { lastRoot: rootAt(99), lastHeight: 99 }
  expect(verifier.verify(gap)).toEqual({
    ...stopped,
    verifiedCount: 0,
    stop: { type: 'unconnected', index: 0, parent: rootAt(100) },
  })
  expect(verifier.verify(file.subarray(100 * HEADER_SIZE_BYTES))).toEqual({
    ...stopped,
    verifiedCount: 0,
    stop: undefined,
  })

  const bad = file.slice()
  bad.set(mineHeaders({ parent: file.slice(298 * 80, 299 * 80), count: 1, firstTime: 1, stepSeconds: 1 }), 299 * 80)
  expect(create().verify(bad)).toMatchObject({
    verifiedCount: 299,
    lastHeight: 298,
    stop: { type: 'invalid', index: 299, height: 299, rule: 'time-too-old' },
  })
})

test('79 and 81 bytes are a mistake of the caller', () => {
  expect(() => create().verify(file.subarray(0, 79))).toThrow('expected a multiple of 80 header bytes, got 79')
  expect(() => create().verify(file.subarray(0, 81))).toThrow(RangeError)
  expect(() => create(-1)).toThrow('expected a start height from 0, got -1')
  expect(() => create(0.5)).toThrow(RangeError)
})
