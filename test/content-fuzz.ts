/** Damaged blocks, outlines and proofs: each is refused as such, or says what it said before. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { createBitcoinContent } from '../src/chain/bitcoin/bitcoin-content.ts'
import { NETWORKS } from '../src/chain/bitcoin/networks.ts'
import { encodeTransactionProof } from '../src/chain/bitcoin/proof-bytes.ts'
import { verifyTransaction } from '../src/chain/bitcoin/transaction-proof.ts'
import { ContentError } from '../src/core/content.ts'
import { syntheticBlock, syntheticTransaction } from './synthetic-block.ts'

/** At a share of the bytes: some are written over, left out, put in, or told again. */
interface Damage {
  readonly kind: 'write' | 'remove' | 'insert' | 'repeat'
  readonly place: number
  readonly bytes: Uint8Array
}

const content = createBitcoinContent(NETWORKS.regtest)
const BLOCK = syntheticBlock(
  [1, 2, 3, 4, 5].map((salt) => syntheticTransaction(salt % 2 === 0 ? { salt, witnessItemSizeBytes: 20 } : { salt })),
)
const { root, outline, nodes } = content.takeApart(BLOCK)
const PROOF = proofOf(4)
const VERIFIED = verifyTransaction(PROOF)

const damages: fc.Arbitrary<readonly Damage[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('write', 'remove', 'insert', 'repeat'),
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 4 },
)

export function expectDamageSeen(runCount: number): void {
  const property = fc.property(damages, (list) => {
    expectJudged(list, BLOCK, (bytes) => {
      expect(content.takeApart(bytes).outline.subarray(80)).toEqual(outline.subarray(80))
    })
    expectJudged(list, outline, (bytes) => {
      if (content.checkOutline({ root, outline: bytes }) === undefined) expect(bytes).toEqual(outline)
      content.wantedCids(bytes)
    })
    expectJudged(list, PROOF, (bytes) => {
      // Regtest's work is soon done by chance, for a header that nobody made.
      const { blockRoot, work, ...shown } = verifyTransaction(bytes)
      expect({ ...shown, blockRoot: blockRoot && VERIFIED.blockRoot, work: work && VERIFIED.work }).toEqual(VERIFIED)
    })
  })
  fc.assert(property, { numRuns: runCount })
}

function expectJudged(list: readonly Damage[], whole: Uint8Array, judge: (bytes: Uint8Array) => void): void {
  try {
    judge(list.reduce(damaged, whole))
  } catch (error) {
    if (!(error instanceof ContentError)) throw error
    expect(error.message).toMatch(/^expected .*, got .*$/)
  }
}

function damaged(whole: Uint8Array, { kind, place, bytes }: Damage): Uint8Array {
  const offset = Math.floor(place * whole.length)
  const end = Math.min(offset + bytes.length, whole.length)
  const before = whole.subarray(0, offset)
  switch (kind) {
    case 'write':
      return Uint8Array.of(...before, ...bytes.subarray(0, end - offset), ...whole.subarray(end))
    case 'remove':
      return Uint8Array.of(...before, ...whole.subarray(end))
    case 'insert':
      return Uint8Array.of(...before, ...bytes, ...whole.subarray(offset))
    case 'repeat':
      return Uint8Array.of(...whole.subarray(0, end), ...whole.subarray(offset))
  }
}

function proofOf(index: number): Uint8Array {
  const cid = content.wantedCids(outline)[index]
  const part = nodes.find((node) => node.cid === cid)?.bytes
  return encodeTransactionProof(content.prove({ outline, index, part }))
}
