import { expect, test } from 'vitest'
import { testWithData } from '../../../test/data-folder.ts'
import { drained } from '../../../test/drained.ts'
import { LARGE_BLOCKS, largeBlock, smallBlocks } from '../../../test/real-blocks.ts'
import { largeTransactionBlock, syntheticBlock, syntheticTransaction } from '../../../test/synthetic-block.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { parseBlock } from './block.ts'
import type { Block } from './block.ts'
import { transactionCid } from './content-cid.ts'
import { merkleLevels } from './merkle.ts'
import { NETWORKS } from './networks.ts'
import { assembleBlock, checkOutline, decodeOutline, encodeOutline, wantedCids } from './outline.ts'
import { parseTransaction, stripWitness } from './transaction.ts'
import type { Transaction } from './transaction.ts'

const { segwitHeight } = NETWORKS.mainnet
const MIXED = syntheticBlock([
  syntheticTransaction({ salt: 1 }),
  syntheticTransaction({ salt: 2, witnessItemSizeBytes: 72 }),
  syntheticTransaction({ salt: 3 }),
  syntheticTransaction({ salt: 4, witnessItemSizeBytes: 10 }),
])

/** Through the outline and back. */
function reassembled(block: Block): Uint8Array {
  const outline = encodeOutline(block)
  expect(checkOutline({ root: block.root, outline, segwitHeight })).toBeUndefined()
  const parts = block.transactions.map(({ bytes }, index) => (index === 0 ? undefined : bytes))
  return drained(assembleBlock({ outline, parts })).bytes
}

function problem(outline: Uint8Array): string | undefined {
  return checkOutline({ root: parseBlock(MIXED, 0).root, outline, segwitHeight: 0 })
}

testWithData('every real block comes out byte for byte as it was', () => {
  for (const name of LARGE_BLOCKS) {
    const bytes = largeBlock(name)
    expect(Buffer.compare(reassembled(parseBlock(bytes, segwitHeight)), bytes), name).toBe(0)
  }
  for (const bytes of smallBlocks()) expect(reassembled(parseBlock(bytes, segwitHeight))).toEqual(bytes)
})

testWithData('the outline of 1,979 transactions fits one answer of 192 KiB', () => {
  expect(encodeOutline(parseBlock(largeBlock('mainnet-831328-4e4558d6'), segwitHeight))).toHaveLength(122_433)
})

test('a block of one coinbase, and one of a 3.9 MB transaction, come out as they were', () => {
  for (const bytes of [syntheticBlock([]), syntheticBlock([], { hasCommitment: false }), largeTransactionBlock()]) {
    expect(Buffer.compare(reassembled(parseBlock(bytes, segwitHeight)), bytes)).toBe(0)
  }
})

test('a coinbase of any size is in its outline, which is never larger than an answer may be', () => {
  const block = parseBlock(syntheticBlock([], { rewardScript: new Uint8Array(999_000) }), 0)
  expect(encodeOutline(block).length).toBeLessThan(1_000_000)
  expect(Buffer.compare(reassembled(block), block.bytes)).toBe(0)
})

test('wanted are all transactions but the coinbase, each by the hash of all its bytes', () => {
  const block = parseBlock(MIXED, 0)
  const cids = wantedCids(encodeOutline(block))
  expect(cids).toEqual([undefined, ...[1, 2, 3, 4].map((index) => transactionCid(block.wtxids, 32 * index))])
  expect(wantedCids(encodeOutline(parseBlock(syntheticBlock([]), 0)))).toEqual([undefined])
})

test('of an outline that passes no byte can change, and none can be left out or added', () => {
  const outline = encodeOutline(parseBlock(MIXED, 0))
  expect(problem(outline)).toBeUndefined()
  for (let offset = 0; offset < outline.length; offset += 1) {
    expect(problem(outline.subarray(0, offset))).toMatch(/^expected .*, got .*$/)
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = outline.slice()
      changed[offset] = (changed[offset] ?? 0) ^ (1 << bit)
      expect(problem(changed), `byte ${offset}, bit ${bit}`).toMatch(/^expected .*, got .*$/)
    }
  }
  expect(problem(Uint8Array.of(...outline, 0))).toBe('expected nothing behind the end, got 1 bytes')
})

test('the outline of another block is refused by its header', () => {
  const other = parseBlock(syntheticBlock([syntheticTransaction({ salt: 9 })]), 0)
  expect(problem(encodeOutline(other))).toBe(`expected the header of ${parseBlock(MIXED, 0).root}, got ${other.root}`)
})

test('a duplicated tail is no outline of the block (CVE-2012-2459)', () => {
  const block = parseBlock(MIXED, 0)
  const twice = (ids: Uint8Array): Uint8Array => joinBytes([ids, ids.subarray(-32)])
  const outline = encodeOutline({ ...block, txids: twice(block.txids), wtxids: twice(block.wtxids) })
  expect(problem(outline)).toBe('expected different neighbours in a merkle tree, got a duplicated tail')
})

test('nodes of the tree do not pass for transactions: the coinbase stands where the leaves are (CVE-2017-12842)', () => {
  const block = parseBlock(MIXED, 0)
  const nodes = merkleLevels(block.txids)[1] ?? block.txids
  const shallow = { ...block, txids: nodes, wtxids: nodes }
  expect(problem(encodeOutline(shallow))).toMatch(/^expected merkle root /)
})

test('a wtxid that says nothing is left out', () => {
  const { header, coinbase, txids } = parseBlock(syntheticBlock([syntheticTransaction({ salt: 1 })]), 0)
  const flagged = joinBytes([
    header,
    Uint8Array.of(2),
    coinbase.bytes,
    txids.subarray(32),
    Uint8Array.of(1),
    txids.subarray(32),
  ])
  expect(() => decodeOutline(flagged)).toThrow(
    expect.objectContaining({
      code: 'invalid-outline',
      step: 'malformed',
      message: 'expected a wtxid that is not the txid, got the same for transaction 1',
    }),
  )
})

test('a count that no block could hold is refused before anything is made for it', () => {
  const { header } = parseBlock(MIXED, 0)
  expect(() => decodeOutline(joinBytes([header, Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0x01)]))).toThrow(
    'expected at most 0 transactions in what is left, got 33554431',
  )
  const room = new Uint8Array(16_667 * 32)
  expect(() => decodeOutline(joinBytes([header, Uint8Array.of(0xfd, 0x1b, 0x41), room]))).toThrow(
    'expected at most 16666 transactions, got 16667',
  )
})

test('parts that do not fit the block are refused', () => {
  const block = parseBlock(MIXED, 0)
  const outline = encodeOutline(block)
  const parts = block.transactions.map(({ bytes }, index) => (index === 0 ? undefined : bytes))
  const refusal = (wrong: readonly (Uint8Array | undefined)[]): unknown => {
    try {
      return drained(assembleBlock({ outline, parts: wrong })).bytes
    } catch (error) {
      return error
    }
  }
  expect(refusal(parts)).toEqual(MIXED)
  expect(refusal(parts.slice(0, -1))).toMatchObject({ message: 'expected 4 transactions beside the coinbase, got 3' })
  expect(refusal([...parts.slice(0, -1), undefined])).toMatchObject({ code: 'invalid-block', step: 'malformed' })
  expect(refusal([undefined, ...parts.slice(1).reverse()])).toMatchObject({ step: 'merkle-root' })
  // Transaction 2 has a witness, just before its lock time.
  const witnessed = parts[2] ?? MIXED
  const malleated = witnessed.with(witnessed.length - 5, 0xff)
  expect(refusal(parts.with(2, malleated))).toMatchObject({ code: 'invalid-block', step: 'witness-commitment' })
})

test('an outline that a miner made for no valid block is found out by its parts', () => {
  const refusal = (coinbase: Transaction, others: readonly Transaction[]): unknown => {
    const all = [coinbase, ...others]
    const ids = joinBytes(all.map((transaction) => doubleSha256(stripWitness(transaction))))
    const witnessIds = joinBytes([new Uint8Array(32), ...others.map(({ bytes }) => doubleSha256(bytes))])
    const outline = encodeOutline({ header: MIXED.subarray(0, 80), coinbase, txids: ids, wtxids: witnessIds })
    try {
      return drained(assembleBlock({ outline, parts: [undefined, ...others.map(({ bytes }) => bytes)] }))
    } catch (error) {
      return error
    }
  }
  const coinbaseAt = (height: number): Transaction =>
    parseBlock(syntheticBlock([], { height, hasCommitment: false }), 0xffffffff).coinbase
  expect(refusal(coinbaseAt(1), [coinbaseAt(2)])).toMatchObject({ step: 'coinbase' })
  const halves = [1, 2].map((salt) => parseTransaction(syntheticTransaction({ salt, witnessItemSizeBytes: 2e6 }).bytes))
  expect(refusal(coinbaseAt(1), halves)).toMatchObject({ step: 'oversize' })
  expect(refusal(coinbaseAt(1), halves.slice(1))).toMatchObject({ transactions: [{ index: 0 }, { index: 1 }] })
})
