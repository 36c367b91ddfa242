import { expect, test } from 'vitest'
import { testWithData } from '../../../test/data-folder.ts'
import { drained } from '../../../test/drained.ts'
import { largeBlock } from '../../../test/real-blocks.ts'
import { syntheticBlock, syntheticTransaction } from '../../../test/synthetic-block.ts'
import { toRoot } from '../../core/ids.ts'
import type { Cid } from '../../core/ids.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { formatCid, parseCid, toCid } from '../../wire/cid.ts'
import { createBitcoinChain } from './bitcoin-chain.ts'
import { parseBlock } from './block.ts'
import { createBitcoinContent } from './bitcoin-content.ts'
import { transactionCid, witnessCommitmentCid } from './content-cid.ts'
import { MERKLE_ROOT_OFFSET } from './header.ts'
import { NETWORKS } from './networks.ts'
import { bitsToHex } from './target.ts'
import { verifyTransaction } from './transaction-proof.ts'
import { parseTransaction, summaryOf } from './transaction.ts'
import { committedHashOf } from './witness-commitment.ts'

/** Mainnet's rules, with work that a test can do. */
const content = createBitcoinContent({ ...NETWORKS.mainnet, limitBits: NETWORKS.regtest.limitBits })
const GENESIS_CID = toCid('bagyacvran7riycvw6gzxfqngujdk4y7xj6jr5a3f4fnarhdi2ymqaaaaaaaa')

test('a header’s CID is its root, and no other CID names a header', () => {
  const { genesis } = NETWORKS.mainnet
  expect(content.headerCid(genesis)).toBe(GENESIS_CID)
  expect(content.headerRootOf(GENESIS_CID)).toBe(genesis)
  const { digest } = parseCid(GENESIS_CID)
  const cid = (codec: number, hashCode: number, bytes: Uint8Array): Cid =>
    formatCid({ version: 1, codec, hashCode, digestSizeBytes: bytes.length, digest: bytes })
  expect(cid(0xb0, 0x56, digest)).toBe(GENESIS_CID)
  for (const other of [cid(0xb1, 0x56, digest), cid(0xb0, 0x12, digest), cid(0xb0, 0x56, digest.subarray(1))]) {
    expect(content.headerRootOf(other)).toBeUndefined()
  }
  expect(content.headerRootOf(toCid('QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG'))).toBeUndefined()
})

test('a block whose header has less work than its network ever asks for is none of it', () => {
  const block = syntheticBlock([syntheticTransaction({ salt: 1, witnessItemSizeBytes: 4 })])
  const { outline } = content.takeApart(block)
  const proof = content.prove({ outline, index: 0, part: undefined })
  const own = createBitcoinChain({ network: 'regtest' }).content
  expect(own?.takeApart(block).transactionCount).toBe(2)
  expect(own?.verifyProof(proof).index).toBe(0)
  expect(verifyTransaction(proof).index).toBe(0)
  for (const network of ['mainnet', 'testnet3', 'testnet4', 'signet'] as const) {
    const other = createBitcoinChain({ network }).content
    const limit = bitsToHex(NETWORKS[network].limitBits)
    const fault = {
      step: 'header-work',
      message: `expected a target no easier than the chain’s, bits ${limit}, got 207fffff`,
    }
    expect(() => other?.takeApart(block)).toThrow(expect.objectContaining({ ...fault, code: 'invalid-block' }))
    expect(() => other?.verifyProof(proof)).toThrow(expect.objectContaining({ ...fault, code: 'invalid-proof' }))
  }
})

test('a block whose header does not meet its own target is none', () => {
  const block = syntheticBlock([])
  const view = new DataView(block.buffer)
  // Until the root is above regtest's target.
  for (let nonce = 0; (doubleSha256(block.subarray(0, 80))[31] ?? 0) < 0x80; nonce += 1) view.setUint32(76, nonce)
  const fault = { code: 'invalid-block', step: 'header-work' }
  expect(() => content.takeApart(block)).toThrow(expect.objectContaining(fault))
})

testWithData('a real block whose time was changed has no work left', () => {
  const block = largeBlock('mainnet-481829-b975e726')
  const mainnet = createBitcoinContent(NETWORKS.mainnet)
  expect(mainnet.takeApart(block).transactionCount).toBeGreaterThan(1)
  block[68] = (block[68] ?? 0) ^ 1
  const fault = { code: 'invalid-block', step: 'header-work' }
  expect(() => mainnet.takeApart(block)).toThrow(expect.objectContaining(fault))
})

testWithData('the nodes of a block are laid out as IPLD does: two trees, every CID the hash of its bytes', () => {
  const { nodes, header, root } = content.takeApart(largeBlock('mainnet-481829-b975e726'))
  const held = new Map(nodes.map(({ cid, bytes }) => [cid, bytes]))
  expect(held.size).toBe(nodes.length)
  for (const { cid, bytes } of nodes) expect(parseCid(cid).digest).toEqual(doubleSha256(bytes))
  expect(held.get(content.headerCid(root))).toEqual(header)

  const transactions = leavesBelow(held, header.subarray(MERKLE_ROOT_OFFSET))
  const described = parseBlock(largeBlock('mainnet-481829-b975e726'), 0).transactions.map(summaryOf)
  expect(transactions.map((bytes) => bytes && parseTransaction(bytes).txid)).toEqual(described.map(({ txid }) => txid))
  expect(transactions.some((bytes) => bytes !== undefined && parseTransaction(bytes).hasWitness)).toBe(false)

  const committed = committedHashOf(parseTransaction(transactions[0] ?? header)) ?? header
  const commitment = held.get(witnessCommitmentCid(committed)) ?? header
  expect(commitment).toHaveLength(64)
  const [coinbase, ...others] = leavesBelow(held, commitment)
  expect(coinbase).toBeUndefined()
  expect(others.map((bytes) => bytes && parseTransaction(bytes).wtxid)).toEqual(
    described.slice(1).map(({ wtxid }) => wtxid),
  )
})

test('a block is taken apart, described, and put together again', () => {
  const transactions = [1, 2, 3].map((salt) => syntheticTransaction({ salt, witnessItemSizeBytes: 9 }))
  const block = syntheticBlock(transactions)
  const { root, header, outline, transactionCount, nodes } = content.takeApart(block)
  expect(transactionCount).toBe(4)
  expect(header).toEqual(block.subarray(0, 80))
  expect(content.checkOutline({ root, outline })).toBeUndefined()
  expect(content.checkOutline({ root: NETWORKS.mainnet.genesis, outline })).toMatch(/^expected the header of 0000/)
  const described = parseBlock(block, 0).transactions.map(summaryOf)
  expect(described.map(({ index, sizeBytes }) => [index, sizeBytes]).slice(1)).toEqual(
    transactions.map(({ bytes }, index) => [index + 1, bytes.length]),
  )
  expect(described[2]?.outputs).toEqual([{ value: 2n, script: '51'.repeat(22) }])
  const held = new Map(nodes.map(({ cid, bytes }) => [cid, bytes]))
  const parts = content.wantedCids(outline).map((cid) => (cid === undefined ? undefined : held.get(cid)))
  expect(drained(content.assemble({ outline, parts }))).toEqual({ bytes: block, transactions: described })
  expect(content.verifyProof(content.prove({ outline, index: 3, part: parts[3] }))).toMatchObject(described[3] ?? {})
})

test('a transaction is found by its place or its id, or is not in the block', () => {
  const block = syntheticBlock([1, 2].map((salt) => syntheticTransaction({ salt })))
  const { outline } = content.takeApart(block)
  parseBlock(block, 0)
    .transactions.map(summaryOf)
    .forEach(({ txid, index }) => {
      expect(content.indexOf(outline, txid)).toBe(index)
      expect(content.indexOf(outline, index)).toBe(index)
    })
  for (const absent of [-1, 3, 0.5, Number.NaN, toRoot('0'.repeat(64))]) {
    expect(content.indexOf(outline, absent)).toBeUndefined()
  }
})

test('what is no block is refused in one line', () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(79), new Uint8Array(200), new Uint8Array(5_000_000)]) {
    expect(() => content.takeApart(bytes)).toThrow(
      expect.objectContaining({ code: 'invalid-block', message: expect.stringMatching(/^expected .*, got .*$/) }),
    )
  }
})

/** The leaves below the hash that `bytes` begin with, as a reader of IPLD finds them; undefined where there is nothing. */
function leavesBelow(held: ReadonlyMap<Cid, Uint8Array>, bytes: Uint8Array): readonly (Uint8Array | undefined)[] {
  const node = held.get(transactionCid(bytes, 0))
  if (node?.length !== 64) return [node]
  const left = leavesBelow(held, node)
  const isPairedWithItself = Buffer.compare(node.subarray(0, 32), node.subarray(32)) === 0
  return isPairedWithItself ? left : [...left, ...leavesBelow(held, node.subarray(32))]
}
