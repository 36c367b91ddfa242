/** A proof that a transaction is in a block, and its check: nothing is needed but the proof. */
import type { TransactionProof, VerifiedTransaction } from '../../core/content.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { contentError, failAs } from './content-failure.ts'
import type { ContentStep } from './content-failure.ts'
import { HEADER_SIZE_BYTES, isSameRoot, MERKLE_ROOT_OFFSET, readRoot, ROOT_SIZE_BYTES } from './header.ts'
import { checkHeaderWork } from './header-work.ts'
import { fromHex } from './hex.ts'
import { MERKLE_DEPTH_MAX } from './merkle.ts'
import { decodeTransactionProof } from './proof-bytes.ts'
import { workOfTarget } from './target.ts'
import { AMBIGUOUS_SIZE_BYTES, identifyTransaction, strippedSizeBytes, summaryOf } from './transaction.ts'
import type { IdentifiedTransaction } from './transaction.ts'
import { checkWitnessCommitment } from './witness-commitment.ts'

/**
 * Checks a proof, as an object (whatever JSON gave) or as bytes. Throws `ContentError` with code `invalid-proof`; its `step` says
 * which check failed: `malformed`, `header-work`, `coinbase`, `ambiguous-size`, `depth`, `coinbase-path`, `merkle-path` or
 * `witness-commitment`.
 *
 * What it shows: the block with this header holds this very transaction at this index, and whoever made the header did the work
 * that it names (`work`: how many hashes that takes). A witness, where the proof has one, is the block's as well; a proof whose
 * transaction has none says nothing of one.
 * What it does not show: that the block is on the best chain, or on the network that you mean (ask a light node for the header
 * `blockRoot`, and how deep it is); that the block keeps every rule; that the outputs are unspent.
 */
export function verifyTransaction(proof: TransactionProof | Uint8Array): VerifiedTransaction {
  return verifyTransactionWithin({ proof, limit: undefined })
}

/** The same; and a target easier than the chain's `limit` fails at `header-work`. */
export function verifyTransactionWithin(args: {
  readonly proof: TransactionProof | Uint8Array
  readonly limit: bigint | undefined
}): VerifiedTransaction {
  const { proof, limit } = args
  return failAs('invalid-proof', () =>
    verify(proof instanceof Uint8Array ? decodeTransactionProof(proof) : proof, limit),
  )
}

function verify(proof: TransactionProof, limit: bigint | undefined): VerifiedTransaction {
  if (typeof proof !== 'object' || proof === null || proof.version !== 1) {
    throw contentError('malformed', 'a proof of version 1', 'something else')
  }
  const { index } = proof
  if (!Number.isSafeInteger(index) || index < 0) throw contentError('malformed', 'a whole number as index', 'another')
  const header = fromHex(proof.header)
  if (header.length !== HEADER_SIZE_BYTES) {
    throw contentError('malformed', `${HEADER_SIZE_BYTES} header bytes`, header.length)
  }
  const blockRoot = readRoot(doubleSha256(header), 0)
  const target = checkHeaderWork({ header, root: blockRoot, limit })
  const subject = identifyTransaction(fromHex(proof.transaction))
  const coinbase = identifyTransaction(fromHex(proof.coinbase))
  checkPlaces(proof, subject, coinbase)

  const siblings = readSiblings(proof.siblings)
  const depth = siblings.length
  const coinbaseSiblings = readSiblings(proof.coinbaseSiblings)
  if (coinbaseSiblings.length !== depth || index >= 2 ** depth) {
    throw contentError('depth', `an index below 2^${coinbaseSiblings.length}`, `${index} of 2^${depth}`)
  }
  checkPath({ step: 'coinbase-path', leaf: coinbase.id, index: 0, siblings: coinbaseSiblings, header })
  checkPath({ step: 'merkle-path', leaf: subject.id, index, siblings, header })
  checkWitness({ proof, depth, subject, coinbase })
  return {
    ...summaryOf(subject.transaction, index),
    blockRoot,
    bytes: subject.transaction.bytes,
    work: workOfTarget(target),
  }
}

/** What stands first is a coinbase, and nothing else is; neither could be a node of the tree. */
function checkPlaces(
  { index, transaction, coinbase: first }: TransactionProof,
  subject: IdentifiedTransaction,
  coinbase: IdentifiedTransaction,
): void {
  if (!coinbase.transaction.isCoinbase || subject.transaction.isCoinbase !== (index === 0)) {
    throw contentError('coinbase', 'one coinbase, at index 0', `another at index ${index}`)
  }
  if (index === 0 && transaction !== first) throw contentError('coinbase', 'the same coinbase twice', 'two')
  for (const { transaction } of [subject, coinbase]) {
    if (strippedSizeBytes(transaction) === AMBIGUOUS_SIZE_BYTES) {
      throw contentError('ambiguous-size', 'a transaction that is no merkle node', `${AMBIGUOUS_SIZE_BYTES} bytes`)
    }
  }
}

/** From the leaf up. */
function readSiblings(siblings: unknown): readonly Uint8Array[] {
  if (!Array.isArray(siblings) || siblings.length > MERKLE_DEPTH_MAX) {
    throw contentError('malformed', `at most ${MERKLE_DEPTH_MAX} siblings`, Array.isArray(siblings) ? 'more' : 'none')
  }
  return siblings.map((sibling: unknown) => {
    const bytes = fromHex(sibling)
    if (bytes.length !== ROOT_SIZE_BYTES) throw contentError('malformed', 'siblings of 32 bytes', bytes.length)
    return bytes
  })
}

function checkPath(args: {
  readonly step: ContentStep
  readonly leaf: Uint8Array
  readonly index: number
  readonly siblings: readonly Uint8Array[]
  readonly header: Uint8Array
}): void {
  const { step, leaf, index, siblings, header } = args
  const root = foldPath(step, leaf, index, siblings)
  if (!isSameRoot(root, 0, header, MERKLE_ROOT_OFFSET)) {
    throw contentError(step, `merkle root ${readRoot(header, MERKLE_ROOT_OFFSET)}`, readRoot(root, 0))
  }
}

/**
 * The root above a leaf. A hash is paired with itself where it is the last of its level, and then nothing but such pairs is to the
 * right of it further up; a copy on the right is no leaf of its own (CVE-2012-2459).
 */
function foldPath(step: ContentStep, leaf: Uint8Array, index: number, siblings: readonly Uint8Array[]): Uint8Array {
  let hash = leaf
  let isLast = false
  siblings.forEach((sibling, depth) => {
    const isRight = ((index >>> depth) & 1) === 1
    const isPairedWithItself = isSameRoot(hash, 0, sibling, 0)
    if (isRight ? isPairedWithItself : isLast && !isPairedWithItself) {
      throw contentError(step, 'an index within the block', index)
    }
    isLast ||= isPairedWithItself
    hash = doubleSha256(joinBytes(isRight ? [sibling, hash] : [hash, sibling]))
  })
  return hash
}

function checkWitness(args: {
  readonly proof: TransactionProof
  readonly depth: number
  readonly subject: IdentifiedTransaction
  readonly coinbase: IdentifiedTransaction
}): void {
  const { proof, depth, subject, coinbase } = args
  const { index, witnessSiblings } = proof
  if (subject.transaction.hasWitness !== (witnessSiblings !== undefined)) {
    throw contentError('malformed', 'siblings of a witness where there is one', 'the contrary')
  }
  if (witnessSiblings === undefined) return
  const siblings = readSiblings(witnessSiblings)
  if (siblings.length !== depth) throw contentError('depth', `${depth} siblings of the witness`, siblings.length)
  const leaf = index === 0 ? new Uint8Array(ROOT_SIZE_BYTES) : subject.witnessId
  checkWitnessCommitment(coinbase.transaction, () => foldPath('witness-commitment', leaf, index, siblings))
}
