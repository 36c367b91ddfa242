import { expect, test } from 'vitest'
import { syntheticTransaction } from '../../../test/synthetic-block.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { encodeCompactSize } from './byte-reader.ts'
import { readRoot } from './header.ts'
import { fromHex } from './hex.ts'
import { parseTransaction, stripWitness } from './transaction.ts'

const PLAIN = syntheticTransaction({ salt: 7 }).bytes
const SEGWIT = syntheticTransaction({ salt: 7, witnessItemSizeBytes: 300 })
/** The first payment ever made, in mainnet's block 170. */
const FIRST_PAYMENT = fromHex(
  '0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d831cc56cbbac4622082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b2225f374cd378d71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00286bee0000000043410411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3ac00000000',
)

function replaced(bytes: Uint8Array, offset: number, removedCount: number, ...inserted: number[]): Uint8Array {
  return Uint8Array.of(...bytes.subarray(0, offset), ...inserted, ...bytes.subarray(offset + removedCount))
}

test('the first payment is read field by field', () => {
  const transaction = parseTransaction(FIRST_PAYMENT)
  expect(transaction).toMatchObject({
    txid: 'f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16',
    wtxid: 'f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16',
    version: 1,
    inputCount: 1,
    lockTime: 0,
    isCoinbase: false,
    hasWitness: false,
    witnessSizeBytes: 0,
    weight: 4 * FIRST_PAYMENT.length,
  })
  expect(transaction.outputs.map(({ value }) => value)).toEqual([1_000_000_000, 4_000_000_000])
  expect(transaction.outputs.map(({ script }) => script.length)).toEqual([67, 67])
})

test('a witness counts for the wtxid and one unit a byte, and not for the txid', () => {
  const transaction = parseTransaction(SEGWIT.bytes)
  expect(stripWitness(transaction)).toEqual(SEGWIT.stripped)
  expect(transaction.txid).toBe(readRoot(doubleSha256(SEGWIT.stripped), 0))
  expect(transaction.wtxid).toBe(readRoot(doubleSha256(SEGWIT.bytes), 0))
  expect(transaction).toMatchObject({ hasWitness: true, witnessSizeBytes: 1 + 3 + 300, isCoinbase: false })
  expect(transaction.weight).toBe(3 * SEGWIT.stripped.length + SEGWIT.bytes.length)
})

test('a transaction cut anywhere, or with a byte behind it, is refused', () => {
  for (const bytes of [PLAIN, SEGWIT.bytes]) {
    for (let sizeBytes = 0; sizeBytes < bytes.length; sizeBytes += 1) {
      expect(() => parseTransaction(bytes.subarray(0, sizeBytes))).toThrow(/^expected .*, got .*$/)
    }
    expect(() => parseTransaction(Uint8Array.of(...bytes, 0))).toThrow('expected nothing behind the end, got 1 bytes')
  }
})

test('a count is compared with the bytes left before anything is made for it', () => {
  expect(() => parseTransaction(replaced(PLAIN, 4, 1, 0xfe, 0xff, 0xff, 0xff, 0x01))).toThrow(
    'expected at most 1 inputs in what is left, got 33554431',
  )
  const tooLarge = 'expected a size of at most 33554432, got '
  expect(() => parseTransaction(replaced(PLAIN, 4, 1, 0xfe, 0x01, 0x00, 0x00, 0x02))).toThrow(`${tooLarge}33554433`)
  expect(() => parseTransaction(replaced(PLAIN, 4, 1, 0xff, 0, 0, 0, 0, 1, 0, 0, 0))).toThrow(`${tooLarge}4294967296`)
})

test('a size in a longer form than it needs is refused', () => {
  const scriptSizeOffset = 4 + 1 + 36 + 1 + 4 + 1 + 8
  expect(PLAIN[scriptSizeOffset]).toBe(22)
  for (const longer of [
    [0xfd, 22, 0],
    [0xfe, 22, 0, 0, 0],
    [0xff, 22, 0, 0, 0, 0, 0, 0, 0],
  ]) {
    expect(() => parseTransaction(replaced(PLAIN, scriptSizeOffset, 1, ...longer))).toThrow(
      'expected a compact size in its shortest form, got 22 in a longer',
    )
  }
  for (const value of [0, 0xfc, 0xfd, 0xffff, 0x10000]) {
    const { bytes } = syntheticTransaction({ salt: 1, scriptSizeBytes: value })
    expect(parseTransaction(bytes).outputs[0]?.script.length).toBe(value)
    expect(encodeCompactSize(value).length).toBe(value < 0xfd ? 1 : value < 0x10000 ? 3 : 5)
  }
})

test('the flag of a witness is 1, and there is a witness behind it', () => {
  expect(() => parseTransaction(replaced(SEGWIT.bytes, 5, 1, 2))).toThrow('got flag 2')
  expect(() => parseTransaction(replaced(PLAIN, 4, 1, 0, 0))).toThrow('got flag 0')
  const withoutItems = replaced(replaced(PLAIN, 4, 0, 0, 1), PLAIN.length + 2 - 4, 0, 0)
  expect(() => parseTransaction(withoutItems)).toThrow('expected a witness behind its flag, got none')
})

test('a transaction has outputs, none above all the money there is', () => {
  const countOffset = 4 + 1 + 36 + 1 + 4
  expect(() => parseTransaction(replaced(PLAIN, countOffset, 1 + 8 + 1 + 22, 0))).toThrow(
    'expected a transaction with outputs, got none',
  )
  const value = (low: number, high: number): Uint8Array =>
    replaced(PLAIN, countOffset + 1, 8, ...new Uint8Array(Uint32Array.of(low, high).buffer))
  const [low, high] = [2_100_000_000_000_000 % 2 ** 32, Math.floor(2_100_000_000_000_000 / 2 ** 32)]
  expect(parseTransaction(value(low, high)).outputs[0]?.value).toBe(2_100_000_000_000_000)
  expect(() => parseTransaction(value(low + 1, high))).toThrow('satoshi, got 2100000000000001')
  expect(() => parseTransaction(value(0xffffffff, 0xffffffff))).toThrow('satoshi')
})

test('a transaction may be as heavy as a block, and no heavier', () => {
  const heavy = (witnessItemSizeBytes: number): number =>
    parseTransaction(syntheticTransaction({ salt: 1, witnessItemSizeBytes }).bytes).weight
  const least = heavy(1_000_000) - 1_000_000
  expect(heavy(4_000_000 - least)).toBe(4_000_000)
  expect(() => heavy(4_000_001 - least)).toThrow('expected at most 4000000 weight units, got 4000001')
  expect(() => parseTransaction(new Uint8Array(4_000_001))).toThrow('got 4000001')
})
