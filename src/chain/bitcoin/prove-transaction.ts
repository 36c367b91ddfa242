import type { TransactionProof } from '../../core/content.ts'
import { contentError, failAs } from './content-failure.ts'
import { ROOT_SIZE_BYTES } from './header.ts'
import { toHex } from '../../core/hex.ts'
import { merkleSiblings } from './merkle.ts'
import { decodeOutline } from './outline.ts'
import { parseTransaction, stripWitness } from './transaction.ts'
import { verifyTransaction } from './transaction-proof.ts'

/**
 * The proof that the transaction at `index` is in the outline's block. `part` is its bytes, undefined for the coinbase. Throws
 * `ContentError` where `verifyTransaction` would: for another transaction's bytes, or one of 64 bytes, which nothing can prove.
 */
export function proveTransaction(args: {
  readonly outline: Uint8Array
  readonly index: number
  readonly part: Uint8Array | undefined
}): TransactionProof {
  const { index, part } = args
  const { header, coinbase, txids, wtxids } = decodeOutline(args.outline)
  return failAs('invalid-proof', () => {
    const count = txids.length / ROOT_SIZE_BYTES
    if (!Number.isSafeInteger(index) || index < 0 || index >= count) {
      throw contentError('malformed', `an index below ${count}`, index)
    }
    if ((part === undefined) !== (index === 0)) {
      throw contentError('malformed', 'the bytes of every transaction but the coinbase', `index ${index}`)
    }
    const transaction = part === undefined ? coinbase : parseTransaction(part)
    const siblingsIn = (ids: Uint8Array, leaf: number): string[] =>
      merkleSiblings(ids, leaf).map((sibling) => toHex(sibling))
    const proof: TransactionProof = {
      version: 1,
      header: toHex(header),
      index,
      transaction: toHex(transaction.bytes),
      siblings: siblingsIn(txids, index),
      // Its witness says how to read the commitment, and is of no use without one.
      coinbase: toHex(transaction.hasWitness ? coinbase.bytes : stripWitness(coinbase)),
      coinbaseSiblings: siblingsIn(txids, 0),
      ...(transaction.hasWitness ? { witnessSiblings: siblingsIn(wtxids, index) } : {}),
    }
    verifyTransaction(proof)
    return proof
  })
}
