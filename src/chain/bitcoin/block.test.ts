import { expect, test } from 'vitest'
import { testWithData } from '../../../test/data-folder.ts'
import { LARGE_BLOCKS, largeBlock, smallBlocks } from '../../../test/real-blocks.ts'
import { largeTransactionBlock, syntheticBlock, syntheticTransaction } from '../../../test/synthetic-block.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { parseBlock } from './block.ts'
import { HEADER_SIZE_BYTES } from './header.ts'
import { NETWORKS } from './networks.ts'
import { parseTransaction, stripWitness } from './transaction.ts'

const { segwitHeight } = NETWORKS.mainnet
const PLAIN = [1, 2, 3, 4, 5].map((salt) => syntheticTransaction({ salt }))
const SEGWIT = [6, 7].map((salt) => syntheticTransaction({ salt, witnessItemSizeBytes: 72 }))

/** Header, count and transactions, these in the order and number that `pick` says. */
function rebuilt(block: Uint8Array, pick: (transactions: readonly Uint8Array[]) => readonly Uint8Array[]): Uint8Array {
  const { header, transactions } = parseBlock(block, 0)
  const picked = pick(transactions.map(({ bytes }) => bytes))
  return joinBytes([header, Uint8Array.of(picked.length), ...picked])
}

testWithData('real blocks are read whole, and have the ids that explorers show', () => {
  const [small] = LARGE_BLOCKS
  expect(parseBlock(largeBlock(small), segwitHeight).transactions).toHaveLength(14)
  const block = parseBlock(largeBlock('mainnet-831328-4e4558d6'), segwitHeight)
  expect(block.transactions).toHaveLength(1_979)
  expect(block.root.endsWith('4e4558d6')).toBe(true)
  expect(block.transactions[0]?.isCoinbase).toBe(true)
  expect(block.weight).toBeLessThanOrEqual(4_000_000)
  expect(block.witnessCommitment).toBeDefined()
  const last = block.transactions.at(-1)
  expect((last?.offset ?? 0) + (last?.bytes.length ?? 0)).toBe(block.bytes.length)

  const early = smallBlocks().map((bytes) => parseBlock(bytes, segwitHeight))
  expect(early).toHaveLength(255 + 2_016)
  expect(early[169]?.transactions[1]?.txid).toBe('f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16')
})

test('a block that is cut, or goes on behind its end, is refused', () => {
  const block = syntheticBlock([...PLAIN, ...SEGWIT])
  for (let sizeBytes = 0; sizeBytes < block.length; sizeBytes += 1) {
    expect(() => parseBlock(block.subarray(0, sizeBytes), 0)).toThrow(/^expected .*, got .*$/)
  }
  expect(() => parseBlock(Uint8Array.of(...block, 0), 0)).toThrow('expected nothing behind the end, got 1 bytes')
})

test('no byte of a block can change', () => {
  const block = syntheticBlock([...PLAIN.slice(0, 2), ...SEGWIT])
  const { root } = parseBlock(block, 0)
  for (let offset = HEADER_SIZE_BYTES; offset < block.length; offset += 1) {
    const changed = block.slice()
    changed[offset] = (changed[offset] ?? 0) ^ (1 << (offset & 7))
    expect(() => parseBlock(changed, 0), `byte ${offset}`).toThrow(/^expected .*, got .*$/)
  }
  expect(parseBlock(block, 0).root).toBe(root)
})

test('a block has one coinbase, which is its first transaction', () => {
  const block = syntheticBlock(PLAIN)
  expect(() => parseBlock(joinBytes([block.subarray(0, 80), Uint8Array.of(0)]), 0)).toThrow(
    'expected a coinbase, got no transaction',
  )
  const step = (bytes: Uint8Array): unknown => {
    try {
      parseBlock(bytes, 0)
      return undefined
    } catch (error) {
      return error
    }
  }
  expect(step(rebuilt(block, (all) => all.slice(1)))).toMatchObject({ code: 'invalid-block', step: 'coinbase' })
  expect(step(rebuilt(block, ([first, ...rest]) => [...rest, ...(first === undefined ? [] : [first])]))).toMatchObject({
    step: 'coinbase',
  })
  expect(step(rebuilt(block, (all) => [...all.slice(0, 1), ...all]))).toMatchObject({
    step: 'coinbase',
    message: 'expected one coinbase, as the first transaction, got another at index 1',
  })
  expect(step(rebuilt(block, (all) => all.slice(0, -1)))).toMatchObject({ step: 'merkle-root' })
})

test('CVE-2012-2459: a duplicated tail has the same merkle root and is refused as mutated', () => {
  // 3, 5 and 6 transactions in all: one, one and two at the end can be told twice.
  for (const [count, tail] of [
    [2, 1],
    [4, 1],
    [5, 2],
  ] as const) {
    const block = syntheticBlock(PLAIN.slice(0, count), { hasCommitment: false })
    const mutated = rebuilt(block, (all) => [...all, ...all.slice(-tail)])
    expect(() => parseBlock(mutated, 0), `${count + 1}`).toThrow('expected different neighbours in a merkle tree')
  }
})

test('witnesses are those that the coinbase commits to', () => {
  const block = syntheticBlock([...PLAIN, ...SEGWIT])
  const { transactions, witnessCommitment } = parseBlock(block, 0)
  expect(transactions.filter(({ hasWitness }) => hasWitness)).toHaveLength(3)
  expect(witnessCommitment?.nonce).toHaveLength(32)
  expect(() =>
    parseBlock(
      rebuilt(block, ([coinbase = block, ...all]) => [coinbase, ...all.map(bare)]),
      0,
    ),
  ).toThrow('expected the witnesses that the coinbase commits to, got others')
  expect(() =>
    parseBlock(
      rebuilt(block, ([coinbase = block, ...all]) => [bare(coinbase), ...all]),
      0,
    ),
  ).toThrow('expected a coinbase whose witness is one item of 32 bytes, got another or none')
  expect(() => parseBlock(syntheticBlock(SEGWIT, { hasCommitment: false }), 0)).toThrow(
    'expected no witness without a commitment that binds it, got one',
  )
})

test('of several commitments the last one counts, and one that is a byte short is none', () => {
  const other = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed, ...new Uint8Array(32))
  const block = parseBlock(syntheticBlock(SEGWIT, { rewardScript: other }), 0)
  expect(block.witnessCommitment?.hash).toEqual(block.coinbase.outputs[1]?.script.subarray(6))
  const alone = (rewardScript: Uint8Array): Uint8Array => syntheticBlock(PLAIN, { rewardScript, hasCommitment: false })
  expect(() => parseBlock(alone(other), 0)).toThrow('one item of 32 bytes, got another or none')
  expect(parseBlock(alone(other.subarray(0, 37)), 0).witnessCommitment).toBeUndefined()
})

test('a block that lost all its witnesses is known as such from segwit’s height on, and the only valid one before it', () => {
  const stripped = (height: number): Uint8Array =>
    rebuilt(syntheticBlock([...PLAIN, ...SEGWIT], { height }), (all) => all.map(bare))
  for (const height of [481_824, 500_000]) {
    expect(() => parseBlock(stripped(height), segwitHeight)).toThrow('one item of 32 bytes, got another or none')
  }
  expect(parseBlock(stripped(481_823), segwitHeight).witnessCommitment).toBeUndefined()
  // With witnesses everywhere, and in the coinbase alone.
  for (const early of [SEGWIT, PLAIN].map((some) => syntheticBlock(some, { height: 481_823 }))) {
    expect(() => parseBlock(early, segwitHeight)).toThrow('no witness without a commitment that binds it, got one')
  }
})

test('a coinbase as long as a merkle node is refused', () => {
  const block = (sizeBytes: number): Uint8Array =>
    syntheticBlock(PLAIN, { hasCommitment: false, rewardScript: new Uint8Array(sizeBytes) })
  expect(() => parseBlock(block(0), 0)).toThrow('expected a coinbase that is no merkle node, got 64 bytes')
  expect(parseBlock(block(1), 0).transactions).toHaveLength(6)
})

test('a block weighs 4,000,000 units at most', () => {
  const block = largeTransactionBlock()
  expect(parseBlock(block, 0).weight).toBeLessThan(4_000_000)
  const least = parseBlock(syntheticBlock([syntheticTransaction({ salt: 1, witnessItemSizeBytes: 100_000 })]), 0).weight
  const heavy = (weight: number): Uint8Array =>
    syntheticBlock([syntheticTransaction({ salt: 1, witnessItemSizeBytes: 100_000 + weight - least })])
  expect(parseBlock(heavy(4_000_000), 0).weight).toBe(4_000_000)
  expect(() => parseBlock(heavy(4_000_001), 0)).toThrow('expected at most 4000000 weight units, got 4000001')
})

/** Without its witness. */
function bare(bytes: Uint8Array): Uint8Array {
  return stripWitness(parseTransaction(bytes))
}
