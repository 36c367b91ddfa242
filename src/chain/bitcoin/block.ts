/** A whole Bitcoin block: parsed, and checked against what its header commits to. */
import type { Root } from '../../core/ids.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { contentError } from './content-failure.ts'
import { ByteReader } from './byte-reader.ts'
import { HEADER_SIZE_BYTES, isSameRoot, MERKLE_ROOT_OFFSET, readRoot, ROOT_SIZE_BYTES } from './header.ts'
import { merkleRoot } from './merkle.ts'
import {
  AMBIGUOUS_SIZE_BYTES,
  BLOCK_WEIGHT_MAX,
  checkWeight,
  readTransaction,
  strippedSizeBytes,
  TRANSACTION_SIZE_BYTES_MIN,
} from './transaction.ts'
import type { Transaction } from './transaction.ts'
import { bindsWitnesses, checkWitnessCommitment } from './witness-commitment.ts'
import type { WitnessCommitment } from './witness-commitment.ts'

/** What a header commits to: the ids of a block's transactions, and the coinbase that vouches for the witnesses. */
export interface BlockContents {
  readonly header: Uint8Array
  readonly coinbase: Transaction
  /** 32 bytes each, as hashed, in order. */
  readonly txids: Uint8Array
  /** 32 bytes each, as hashed, in order; zeros for the coinbase (BIP 141). */
  readonly wtxids: Uint8Array
}

/** Everything in it that is bytes is a view of `bytes`, ids excepted. */
export interface Block extends BlockContents {
  readonly bytes: Uint8Array
  readonly root: Root
  /** The first is the coinbase. At most 16,666: each weighs 240 or more. */
  readonly transactions: readonly Transaction[]
  readonly weight: number
  /** Undefined for a block without witnesses. */
  readonly witnessCommitment: WitnessCommitment | undefined
}

/** The least weight of a transaction is four times its least size. */
export const TRANSACTIONS_PER_BLOCK_MAX: number = Math.floor(BLOCK_WEIGHT_MAX / (4 * TRANSACTION_SIZE_BYTES_MIN))

/**
 * Reads a block and checks that its transactions and witnesses are those that its header commits to. The header's work, and
 * what the transactions spend, are not looked at. `segwitHeight` is the network's. Throws `ContentError`.
 */
export function parseBlock(bytes: Uint8Array, segwitHeight: number): Block {
  checkWeight(bytes.length)
  const reader = new ByteReader(bytes)
  const header = reader.take(HEADER_SIZE_BYTES)
  const count = readTransactionCount(reader)
  const listSizeBytes = reader.offset
  const txids = new Uint8Array(count * ROOT_SIZE_BYTES)
  const wtxids = new Uint8Array(count * ROOT_SIZE_BYTES)
  const transactions: Transaction[] = []
  let weight = 4 * listSizeBytes
  for (let index = 0; index < count; index += 1) {
    const { transaction, id, witnessId } = readTransaction(reader)
    if (transaction.isCoinbase !== (index === 0)) {
      const got = index === 0 ? 'another transaction first' : `another at index ${index}`
      throw contentError('coinbase', 'one coinbase, as the first transaction', got)
    }
    weight += transaction.weight
    checkWeight(weight)
    transactions.push(transaction)
    txids.set(id, index * ROOT_SIZE_BYTES)
    if (index > 0) wtxids.set(witnessId, index * ROOT_SIZE_BYTES)
  }
  reader.end()
  const [coinbase] = transactions
  if (coinbase === undefined) throw contentError('coinbase', 'a coinbase', 'no transaction')
  const contents: BlockContents = { header, coinbase, txids, wtxids }
  const witnessCommitment = checkContents(contents, segwitHeight)
  const root = readRoot(doubleSha256(header), 0)
  return { ...contents, bytes, root, transactions, weight, witnessCommitment }
}

/** From 1, and no more than a block can hold or the bytes left are good for. Throws `ContentError`. */
export function readTransactionCount(reader: ByteReader, sizeBytesMin: number = TRANSACTION_SIZE_BYTES_MIN): number {
  const count = reader.count('transactions', sizeBytesMin)
  if (count === 0) throw contentError('coinbase', 'a coinbase', 'no transaction')
  if (count > TRANSACTIONS_PER_BLOCK_MAX) {
    throw contentError('oversize', `at most ${TRANSACTIONS_PER_BLOCK_MAX} transactions`, count)
  }
  return count
}

/**
 * Checks ids against the header, and witness ids against the coinbase. No other list of ids passes for this header: the
 * coinbase, which is no merkle node, stands where the leaves are. Throws `ContentError`.
 */
export function checkContents(contents: BlockContents, segwitHeight: number): WitnessCommitment | undefined {
  const { header, coinbase, txids, wtxids } = contents
  if (strippedSizeBytes(coinbase) === AMBIGUOUS_SIZE_BYTES) {
    throw contentError('ambiguous-size', 'a coinbase that is no merkle node', `${AMBIGUOUS_SIZE_BYTES} bytes`)
  }
  const root = merkleRoot(txids)
  if (!isSameRoot(root, 0, header, MERKLE_ROOT_OFFSET)) {
    throw contentError('merkle-root', `merkle root ${readRoot(header, MERKLE_ROOT_OFFSET)}`, readRoot(root, 0))
  }
  if (bindsWitnesses(coinbase, segwitHeight)) return checkWitnessCommitment(coinbase, () => merkleRoot(wtxids))
  // Bitcoin Core validation.cpp, CheckWitnessMalleation: unexpected-witness.
  if (coinbase.hasWitness || hasOtherWitness(txids, wtxids)) {
    throw contentError('witness-commitment', 'no witness without a commitment that binds it', 'one')
  }
  return undefined
}

/** Whether an id behind the coinbase's differs: that transaction has a witness. */
function hasOtherWitness(txids: Uint8Array, wtxids: Uint8Array): boolean {
  for (let offset = ROOT_SIZE_BYTES; offset < txids.length; offset += ROOT_SIZE_BYTES) {
    if (!isSameRoot(txids, offset, wtxids, offset)) return true
  }
  return false
}
