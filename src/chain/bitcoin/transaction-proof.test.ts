import { expect, test } from 'vitest'
import { testWithData } from '../../../test/data-folder.ts'
import { largeBlock } from '../../../test/real-blocks.ts'
import { largeTransactionBlock, syntheticBlock, syntheticTransaction } from '../../../test/synthetic-block.ts'
import { ContentError } from '../../core/content.ts'
import type { TransactionProof, VerifiedTransaction } from '../../core/content.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { parseBlock } from './block.ts'
import type { Block } from './block.ts'
import { ByteReader } from './byte-reader.ts'
import { HEADER_SIZE_BYTES } from './header.ts'
import { toHex } from '../../core/hex.ts'
import { fromHex } from './hex.ts'
import { NETWORKS } from './networks.ts'
import { encodeOutline } from './outline.ts'
import { decodeTransactionProof, encodeTransactionProof } from './proof-bytes.ts'
import { proveTransaction } from './prove-transaction.ts'
import { readTransaction, stripWitness } from './transaction.ts'
import { verifyTransaction } from './transaction-proof.ts'

const { segwitHeight } = NETWORKS.mainnet
const TRANSACTIONS = [1, 2, 3, 4, 5].map((salt) =>
  syntheticTransaction(salt % 2 === 0 ? { salt, witnessItemSizeBytes: 20 } : { salt }),
)
const BLOCK = parseBlock(syntheticBlock(TRANSACTIONS), 0)

function prove(block: Block, index: number): TransactionProof {
  const part = index === 0 ? undefined : block.transactions[index]?.bytes
  return proveTransaction({ outline: encodeOutline(block), index, part })
}

function judge(proof: TransactionProof | Uint8Array): VerifiedTransaction | string {
  try {
    return verifyTransaction(proof)
  } catch (error) {
    if (error instanceof ContentError && error.code === 'invalid-proof') return error.step
    throw error
  }
}

testWithData('transactions of real blocks are proved, by object, by JSON and by bytes', () => {
  for (const name of ['mainnet-363703-219e0a14', 'mainnet-831328-4e4558d6'] as const) {
    const block = parseBlock(largeBlock(name), segwitHeight)
    const last = block.transactions.length - 1
    for (const index of [0, 1, 2, Math.floor(last / 2), last - 1, last]) {
      const proof = prove(block, index)
      const transaction = block.transactions[index]
      const verified = verifyTransaction(JSON.parse(JSON.stringify(proof)) as TransactionProof)
      expect(verified).toMatchObject({ blockRoot: block.root, index })
      expect([verified.txid, verified.wtxid]).toEqual([transaction?.txid, transaction?.wtxid])
      expect(verified.bytes).toEqual(transaction?.bytes)
      const bytes = encodeTransactionProof(proof)
      expect(decodeTransactionProof(bytes)).toEqual(proof)
      expect(verifyTransaction(bytes)).toEqual(verified)
    }
  }
})

test('what a proof shows is the transaction, its place, its block and the work of the header', () => {
  const verified = verifyTransaction(prove(BLOCK, 2))
  expect(verified).toEqual({
    blockRoot: BLOCK.root,
    index: 2,
    txid: BLOCK.transactions[2]?.txid,
    wtxid: BLOCK.transactions[2]?.wtxid,
    sizeBytes: TRANSACTIONS[1]?.bytes.length,
    outputs: [{ value: 2n, script: '51'.repeat(22) }],
    bytes: TRANSACTIONS[1]?.bytes,
    work: 2n,
  })
})

test('every place in blocks of every size is proved, and in no other place', () => {
  for (let count = 0; count <= 9; count += 1) {
    const block = parseBlock(syntheticBlock([...TRANSACTIONS, ...TRANSACTIONS.map(again)].slice(0, count)), 0)
    for (let index = 0; index <= count; index += 1) {
      const proof = prove(block, index)
      expect(judge(proof)).toMatchObject({ index })
      for (let other = 0; other <= 16; other += 1) {
        if (other !== index) expect(typeof judge({ ...proof, index: other }), `${index} as ${other}`).toBe('string')
      }
    }
  }
})

testWithData('a real header of any one bit changed has no work', () => {
  const block = parseBlock(largeBlock('mainnet-169482-5f368665'), segwitHeight)
  const bytes = encodeTransactionProof(prove(block, 13))
  for (let bit = 8; bit < 8 * (1 + HEADER_SIZE_BYTES); bit += 1) {
    const changed = bytes.slice()
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
    expect(judge(changed), `bit ${bit}`).toBe('header-work')
  }
})

test('a proof of any one bit changed is refused, or proves the same of the header that it names', () => {
  for (const index of [0, 4]) {
    const bytes = encodeTransactionProof(prove(BLOCK, index))
    const verified = verifyTransaction(bytes)
    for (let offset = 0; offset < bytes.length; offset += 1) {
      expect(typeof judge(bytes.subarray(0, offset))).toBe('string')
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = bytes.slice()
        changed[offset] = (changed[offset] ?? 0) ^ (1 << bit)
        expectSameOrRefused(judge(changed), verified)
      }
    }
    expect(judge(Uint8Array.of(...bytes, 0))).toBe('malformed')
  }
})

test('a header meets its target or misses it by a hair', () => {
  const proof = prove(BLOCK, 1)
  const verdicts = Array.from({ length: 32 }, (_, nonce) => {
    const header = `${proof.header.slice(0, 152)}${toHex(Uint8Array.of(nonce, 0, 0, 0))}`
    const isBelow = (doubleSha256(fromHex(header))[31] ?? 0) < 0x80
    const verdict = judge({ ...proof, header })
    expect(typeof verdict === 'string' ? verdict : 'proved').toBe(isBelow ? 'proved' : 'header-work')
    return isBelow
  })
  expect(new Set(verdicts).size).toBe(2)
})

test('the step that failed is told', () => {
  const proof = prove(BLOCK, 2)
  const other = prove(parseBlock(syntheticBlock(TRANSACTIONS.slice(1)), 0), 1)
  const another = '00'.repeat(32)
  const heavier = `${proof.header.slice(0, 144)}ffff7f03${proof.header.slice(152)}`
  const cases: readonly (readonly [string, object])[] = [
    ['malformed', { version: 2 }],
    ['malformed', { index: 1.5 }],
    ['malformed', { index: '2' }],
    ['malformed', { header: proof.header.slice(2) }],
    ['malformed', { header: proof.header.toUpperCase() }],
    ['malformed', { header: 7 }],
    ['malformed', { transaction: proof.transaction.slice(2) }],
    ['malformed', { siblings: undefined }],
    ['malformed', { siblings: [...proof.siblings.slice(1), '00'] }],
    ['malformed', { siblings: Array.from({ length: 16 }, () => another) }],
    ['malformed', { witnessSiblings: undefined }],
    ['header-work', { header: heavier }],
    ['coinbase', { coinbase: proof.transaction }],
    ['coinbase', { index: 0 }],
    ['depth', { siblings: [...proof.siblings, another] }],
    ['depth', { coinbaseSiblings: proof.coinbaseSiblings.slice(1) }],
    ['depth', { index: 8 }],
    ['depth', { witnessSiblings: [] }],
    ['coinbase-path', { coinbaseSiblings: [another, ...proof.coinbaseSiblings.slice(1)] }],
    ['merkle-path', { siblings: [another, ...proof.siblings.slice(1)] }],
    ['merkle-path', { transaction: prove(BLOCK, 4).transaction }],
    ['coinbase-path', { coinbase: other.coinbase }],
    ['witness-commitment', { witnessSiblings: [another, ...(proof.witnessSiblings ?? []).slice(1)] }],
    ['witness-commitment', { witnessSiblings: proof.siblings }],
  ]
  for (const [step, change] of cases) {
    const { witnessSiblings, ...bare } = proof
    const kept = witnessSiblings === undefined || 'witnessSiblings' in change ? {} : { witnessSiblings }
    expect(judge({ ...bare, ...kept, ...change }), `${step} ${JSON.stringify(change).slice(0, 60)}`).toBe(step)
  }
  for (const nonsense of [null, undefined, 7, 'proof', [], {}]) {
    expect(judge(nonsense as TransactionProof)).toBe('malformed')
  }
})

test('another witness than the block’s is refused, also for the coinbase', () => {
  for (const index of [0, 2]) {
    const proof = prove(BLOCK, index)
    const changed = `${proof.transaction.slice(0, -10)}ff${proof.transaction.slice(-8)}`
    const both = index === 0 ? { transaction: changed, coinbase: changed } : { transaction: changed }
    expect(judge({ ...proof, ...both })).toBe('witness-commitment')
  }
})

test('CVE-2017-12842: a node of the tree that reads as a transaction proves nothing', () => {
  // A transaction of 64 bytes that is also the node above two transactions: its second half is the right one's id.
  const forged = syntheticTransaction({ salt: 1, scriptSizeBytes: 4 }).bytes
  expect(forged).toHaveLength(64)
  const block = parseBlock(syntheticBlock([{ bytes: forged, stripped: forged }, ...TRANSACTIONS]), 0)
  expect(() => prove(block, 1)).toThrow(expect.objectContaining({ code: 'invalid-proof', step: 'ambiguous-size' }))

  // What such a node would vouch for is one level deeper than the coinbase.
  const proof = prove(BLOCK, 1)
  const [left = '', ...above] = proof.siblings
  expect(judge({ ...proof, siblings: [left, left, ...above] })).toBe('depth')
  expect(judge({ ...proof, siblings: above, index: 0 })).toBe('coinbase')
})

test('CVE-2012-2459: the copy of the last transaction is not in the block', () => {
  const block = parseBlock(syntheticBlock(TRANSACTIONS.slice(0, 4)), 0)
  const proof = prove(block, 4)
  expect(proof.siblings[0]).toBe(toHex(doubleSha256(stripWitness(block.transactions[4] ?? block.coinbase))))
  expect(judge(proof)).toMatchObject({ index: 4 })
  for (const index of [5, 6, 7]) expect(judge({ ...proof, index }), `${index}`).toBe('merkle-path')
})

test('CVE-2012-2459: a pair of equals is at the end of its level, and nowhere else', () => {
  // A tree that no honest miner makes: coinbase, A, B, B, C.
  const [a, b, c] = [1, 3, 5].map((salt) => syntheticTransaction({ salt }))
  if (a === undefined || b === undefined || c === undefined) throw new Error('expected three')
  const bytes = syntheticBlock([a, b, b, c], { hasCommitment: false })
  expect(() => parseBlock(bytes, 0)).toThrow('a duplicated tail')
  const reader = new ByteReader(bytes)
  const header = toHex(reader.take(HEADER_SIZE_BYTES))
  reader.skip(1)
  const coinbase = readTransaction(reader)
  const above = (left: Uint8Array, right: Uint8Array): Uint8Array => doubleSha256(joinBytes([left, right]))
  const [idA, idB, idC] = [a, b, c].map((each) => doubleSha256(each.bytes)) as [Uint8Array, Uint8Array, Uint8Array]
  const [coinbaseA, bb, cc] = [above(coinbase.id, idA), above(idB, idB), above(idC, idC)]
  const right = above(cc, cc)
  const proof: TransactionProof = {
    version: 1,
    header,
    index: 2,
    transaction: toHex(b.bytes),
    siblings: [idB, coinbaseA, right].map(toHex),
    coinbase: toHex(coinbase.transaction.bytes),
    coinbaseSiblings: [idA, bb, right].map(toHex),
  }
  expect(judge(proof)).toBe('merkle-path')
  const ofC = { transaction: toHex(c.bytes), index: 4, siblings: [idC, cc, above(coinbaseA, bb)].map(toHex) }
  expect(judge({ ...proof, ...ofC })).toMatchObject({ index: 4 })
})

test('a prover with another transaction’s bytes, or none, is told so', () => {
  const outline = encodeOutline(BLOCK)
  const [, first, second] = BLOCK.transactions
  const refused = (index: number, part: Uint8Array | undefined): string => {
    try {
      proveTransaction({ outline, index, part })
      return 'proved'
    } catch (error) {
      return error instanceof ContentError ? `${error.code} ${error.step}` : 'thrown'
    }
  }
  expect(refused(1, first?.bytes)).toBe('proved')
  expect(refused(1, second?.bytes)).toBe('invalid-proof merkle-path')
  expect(refused(1, undefined)).toBe('invalid-proof malformed')
  expect(refused(0, first?.bytes)).toBe('invalid-proof malformed')
  expect(refused(6, first?.bytes)).toBe('invalid-proof malformed')
  expect(refused(-1, first?.bytes)).toBe('invalid-proof malformed')
  expect(refused(2, joinBytes([second?.bytes ?? new Uint8Array(0), Uint8Array.of(0)]))).toBe('invalid-proof malformed')
})

test('a transaction of 3.9 MB is proved', () => {
  const block = parseBlock(largeTransactionBlock(), 0)
  const bytes = encodeTransactionProof(prove(block, 2))
  expect(verifyTransaction(bytes).sizeBytes).toBeGreaterThan(3_900_000)
})

/** Regtest's work is soon done by chance, for a header that nobody made. */
function expectSameOrRefused(verdict: VerifiedTransaction | string, verified: VerifiedTransaction): void {
  if (typeof verdict === 'string') return
  expect(verdict).toEqual({ ...verified, blockRoot: verdict.blockRoot, work: verdict.work })
}

/** A transaction like it that spends something else. */
function again(_: object, index: number): (typeof TRANSACTIONS)[number] {
  return syntheticTransaction({ salt: 100 + index })
}
