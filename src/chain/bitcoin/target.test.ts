import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bitsOfTarget, decodeTarget, meetsTarget, targetOfBits, toLimbs, workOfTarget } from './target.ts'

const LIMIT = (1n << 256n) - 1n

// Bitcoin Core test/arith_uint256_tests.cpp, bignum_SetCompact: bits, target, bits again.
const CORE_CASES: readonly (readonly [bits: number, target: bigint, bitsAgain: number])[] = [
  [0x01120000, 0x12n, 0x01120000],
  [0x01fedcba & 0x017fffff, 0x7en, 0x017e0000],
  [0x02123400, 0x1234n, 0x02123400],
  [0x03123456, 0x123456n, 0x03123456],
  [0x04123456, 0x12345600n, 0x04123456],
  [0x05009234, 0x92340000n, 0x05009234],
  [0x20123456, 0x123456n << 232n, 0x20123456],
]

test('compact targets read and write as in Bitcoin Core', () => {
  for (const [bits, target, bitsAgain] of CORE_CASES) {
    expect(targetOfBits(bits)).toBe(target)
    expect(bitsOfTarget(target)).toBe(bitsAgain)
  }
  expect(bitsOfTarget(0x80n)).toBe(0x02008000)
})

test('zero, negative and overflowing bits are no target', () => {
  const none = [
    0x00000000, 0x00123456, 0x01003456, 0x04000000, 0x01fedcba, 0x04923456, 0x01800000, 0xff123456, 0x23000001,
  ]
  for (const bits of none) expect(targetOfBits(bits), bits.toString(16)).toBeUndefined()
  // Bitcoin Core arith_uint256.cpp, SetCompact, pfOverflow: both sides of the border at each size.
  expect(targetOfBits(0x220000ff)).toBe(0xffn << 248n)
  expect(targetOfBits(0x22000100)).toBeUndefined()
  expect(targetOfBits(0x2100ffff)).toBe(0xffffn << 240n)
  expect(targetOfBits(0x21010000)).toBeUndefined()
})

test('writing a target keeps its leading bits and rounds down', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: LIMIT }), (target) => {
      const again = targetOfBits(bitsOfTarget(target)) ?? 0n
      expect(again <= target).toBe(true)
      expect(target - again < (target >> 15n) + 1n).toBe(true)
    }),
  )
})

test('a target above the limit is refused, the limit itself is not', () => {
  expect(decodeTarget(0x1d00ffff, 0xffffn << 208n)).toBeDefined()
  expect(decodeTarget(0x1d010000, 0xffffn << 208n)).toBeUndefined()
})

test('a root meets its target when it is not above it', () => {
  const target = decodeTarget(0x1d00ffff, LIMIT)?.bytes ?? new Uint8Array(0)
  const above = target.slice()
  above[0] = 1
  const below = target.slice()
  below[26] = 0xfe
  expect(meetsTarget(target, 0, target)).toBe(true)
  expect(meetsTarget(above, 0, target)).toBe(false)
  expect(meetsTarget(below, 0, target)).toBe(true)
  expect(meetsTarget(Uint8Array.of(9, ...target), 1, target)).toBe(true)
})

test('work is how many hashes a target takes on average', () => {
  expect(workOfTarget(0xffffn << 208n)).toBe(0x100010001n)
  expect(workOfTarget(0x7fffffn << 232n)).toBe(2n)
  expect(toLimbs((3n << 96n) | (2n << 64n) | (1n << 32n) | 0xffffffffn)).toEqual([0xffffffff, 1, 2, 3])
})
