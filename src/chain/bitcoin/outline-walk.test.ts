import { expect, test } from 'vitest'
import { testWithData } from '../../../test/data-folder.ts'
import { drained } from '../../../test/drained.ts'
import { LARGE_BLOCKS, largeBlock, smallBlocks } from '../../../test/real-blocks.ts'
import { largeTransactionBlock, syntheticBlock, syntheticTransaction } from '../../../test/synthetic-block.ts'
import type { Cid } from '../../core/ids.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { parseBlock } from './block.ts'
import type { Block } from './block.ts'
import { blockNodes } from './block-nodes.ts'
import { transactionCid } from './content-cid.ts'
import { HEADER_SIZE_BYTES, MERKLE_ROOT_OFFSET, readRoot } from './header.ts'
import { NETWORKS } from './networks.ts'
import { assembleBlock, encodeOutline, wantedCids } from './outline.ts'
import { BitcoinOutlineWalk } from './outline-walk.ts'

const { segwitHeight } = NETWORKS.mainnet

interface Walked {
  readonly outline: Uint8Array
  readonly roundCount: number
  readonly fetched: readonly Cid[]
  readonly held: ReadonlyMap<Cid, Uint8Array>
}

/** Fetches from the block's own nodes alone. */
function walk(block: Block): Walked {
  const held = new Map(blockNodes(block).map(({ cid, bytes }) => [cid, bytes]))
  const outlineWalk = new BitcoinOutlineWalk(block.root, segwitHeight)
  const fetched: Cid[] = []
  let roundCount = 0
  for (let cids = outlineWalk.next(); cids.length > 0; cids = outlineWalk.next()) {
    expect(outlineWalk.next()).toEqual(cids)
    roundCount += 1
    fetched.push(...cids)
    outlineWalk.add(cids.map((cid) => bytesOf(held, cid)))
  }
  return { outline: outlineWalk.outline(), roundCount, fetched, held }
}

function bytesOf(held: ReadonlyMap<Cid, Uint8Array>, cid: Cid): Uint8Array {
  const bytes = held.get(cid)
  if (bytes === undefined) throw new Error(`expected a node of the block, got ${cid}`)
  return bytes
}

function expectSameBlock(bytes: Uint8Array): Walked {
  const block = parseBlock(bytes, segwitHeight)
  const walked = walk(block)
  expect(Buffer.compare(walked.outline, encodeOutline(block))).toBe(0)
  const parts = wantedCids(walked.outline).map((cid) => (cid === undefined ? undefined : bytesOf(walked.held, cid)))
  expect(Buffer.compare(drained(assembleBlock({ outline: walked.outline, parts })).bytes, bytes)).toBe(0)
  expect(new Set(walked.fetched).size).toBe(walked.fetched.length)
  return walked
}

testWithData('every real block is found from its root by CIDs alone', () => {
  for (const name of LARGE_BLOCKS) expectSameBlock(largeBlock(name))
  for (const bytes of smallBlocks()) expectSameBlock(bytes)
})

testWithData('a level is a round trip, and no transaction but the coinbase is fetched', () => {
  const { roundCount, fetched } = expectSameBlock(largeBlock('mainnet-831328-4e4558d6'))
  // Header; 11 levels of nodes and the coinbase; commitment; 11 levels of nodes.
  expect(roundCount).toBe(1 + 12 + 1 + 11)
  expect(fetched.length).toBeLessThan(2 * 2_048)
})

test('blocks of any count of transactions, with and without witnesses, are found', () => {
  for (let count = 0; count <= 17; count += 1) {
    const transactions = Array.from({ length: count }, (_, salt) =>
      syntheticTransaction(salt % 3 === 0 ? { salt, witnessItemSizeBytes: 5 } : { salt }),
    )
    expectSameBlock(syntheticBlock(transactions))
    const plain = Array.from({ length: count }, (_, salt) => syntheticTransaction({ salt }))
    expectSameBlock(syntheticBlock(plain, { hasCommitment: false }))
  }
})

test('a transaction of 64 bytes is no node of the tree', () => {
  const transactions = [1, 2, 3].map((salt) => syntheticTransaction({ salt, scriptSizeBytes: 4 }))
  expect(transactions[0]?.bytes).toHaveLength(64)
  expectSameBlock(syntheticBlock(transactions))
})

test('a large transaction is not fetched on the way', () => {
  const { fetched, held } = expectSameBlock(largeTransactionBlock())
  expect(Math.max(...fetched.map((cid) => bytesOf(held, cid).length))).toBeLessThan(400)
})

test('a node that does not hash to its CID is refused, and so are too few', () => {
  const block = parseBlock(syntheticBlock([syntheticTransaction({ salt: 1 })]), 0)
  const outlineWalk = new BitcoinOutlineWalk(block.root, 0)
  const [cid] = outlineWalk.next()
  const refusal = { code: 'invalid-outline', step: 'node' }
  expect(() => outlineWalk.add([])).toThrow(expect.objectContaining({ ...refusal, message: 'expected 1 nodes, got 0' }))
  expect(() => outlineWalk.add([new Uint8Array(80)])).toThrow(
    expect.objectContaining({ ...refusal, message: `expected the bytes of ${cid}, got others` }),
  )
  expect(() => outlineWalk.outline()).toThrow('expected a walk that is done')
  outlineWalk.add([block.header])
  expect(outlineWalk.next()).toHaveLength(1)
})

test('nodes below nodes are followed for 15 levels, which no block passes', () => {
  const held = new Map<Cid, Uint8Array>()
  let node: Uint8Array = new Uint8Array(64)
  for (let level = 0; level <= 16; level += 1) {
    const hash = doubleSha256(node)
    held.set(transactionCid(hash, 0), node)
    node = joinBytes([hash, hash])
  }
  const header = new Uint8Array(HEADER_SIZE_BYTES)
  header.set(node.subarray(0, 32), MERKLE_ROOT_OFFSET)
  const root = readRoot(doubleSha256(header), 0)
  const outlineWalk = new BitcoinOutlineWalk(root, 0)
  outlineWalk.next()
  outlineWalk.add([header])
  const goOn = (): void => {
    for (let roundCount = 0; roundCount < 20; roundCount += 1) {
      const known = outlineWalk.next().map((cid) => held.get(cid))
      outlineWalk.add(known.filter((bytes) => bytes !== undefined))
    }
  }
  expect(goOn).toThrow(expect.objectContaining({ code: 'invalid-outline', step: 'oversize' }))
})
