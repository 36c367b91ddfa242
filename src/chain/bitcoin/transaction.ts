/** One Bitcoin transaction as bytes and as a plain object. */
import type { TransactionSummary } from '../../core/content.ts'
import type { Root } from '../../core/ids.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { contentError } from './content-failure.ts'
import { ByteReader } from './byte-reader.ts'
import { readRoot, readUint32 } from './header.ts'
import { toHex } from '../../core/hex.ts'

/** `value` in satoshi. `script` is a view of the transaction's bytes. */
interface Output {
  readonly value: number
  readonly script: Uint8Array
}

export interface Transaction {
  /** As it came, with its witness if it has one: a view of what was parsed. */
  readonly bytes: Uint8Array
  /** Where `bytes` stands in what was parsed. */
  readonly offset: number
  /** The hash without the witness, in display order. */
  readonly txid: Root
  /** The hash of `bytes`, in display order; the txid where there is no witness. */
  readonly wtxid: Root
  readonly version: number
  readonly inputCount: number
  readonly outputs: readonly Output[]
  readonly lockTime: number
  readonly isCoinbase: boolean
  readonly hasWitness: boolean
  /** BIP 144: the witness field alone, without marker and flag; 0 where there is none. */
  readonly witnessSizeBytes: number
  /** BIP 141: three times the size without the witness, and the size with it. */
  readonly weight: number
}

/** A transaction read off a block, with its ids as hashed. */
export interface IdentifiedTransaction {
  readonly transaction: Transaction
  readonly id: Uint8Array
  readonly witnessId: Uint8Array
}

/** BIP 141, Block size. */
export const BLOCK_WEIGHT_MAX = 4_000_000
/** Bitcoin Core consensus/consensus.h, MIN_TRANSACTION_WEIGHT: 60 bytes without the witness. */
export const TRANSACTION_SIZE_BYTES_MIN = 60
/** A transaction of this size without its witness could be a merkle node as well (CVE-2017-12842). */
export const AMBIGUOUS_SIZE_BYTES = 64

/** Outpoint, script size, sequence; value, script size; item size. */
const INPUT_SIZE_BYTES_MIN = 41
const OUTPUT_SIZE_BYTES_MIN = 9
const ITEM_SIZE_BYTES_MIN = 1
/** BIP 144: what stands where a transaction without witness has its input count, which is never 0. */
export const MARKER_AND_FLAG: Uint8Array = Uint8Array.of(0, 1)
const VERSION_SIZE_BYTES = 4
const LOCK_TIME_SIZE_BYTES = 4
/** Bitcoin Core consensus/amount.h, MAX_MONEY. */
const VALUE_MAX = 21_000_000 * 100_000_000

/** Reads one transaction and nothing else. Throws `ContentError`. */
export function parseTransaction(bytes: Uint8Array): Transaction {
  return identifyTransaction(bytes).transaction
}

/** The same with its ids as hashed. */
export function identifyTransaction(bytes: Uint8Array): IdentifiedTransaction {
  checkWeight(bytes.length)
  const reader = new ByteReader(bytes)
  const identified = readTransaction(reader)
  reader.end()
  checkWeight(identified.transaction.weight)
  return identified
}

/** No block and nothing in it weighs more, or has more bytes, each of which weighs one unit or more. Throws `ContentError`. */
export function checkWeight(weight: number): void {
  if (weight > BLOCK_WEIGHT_MAX) throw contentError('oversize', `at most ${BLOCK_WEIGHT_MAX} weight units`, weight)
}

/** Reads one transaction from where the reader stands. Throws `ContentError`. */
export function readTransaction(reader: ByteReader): IdentifiedTransaction {
  const { offset } = reader
  const version = reader.uint32() | 0
  const hasWitness = reader.bytes[reader.offset] === 0
  if (hasWitness) readFlag(reader)
  const inputCount = someOf('inputs', reader.count('inputs', INPUT_SIZE_BYTES_MIN))
  const isCoinbase = inputCount === 1 && isNullOutpoint(reader)
  for (let index = 0; index < inputCount; index += 1) {
    reader.skip(36)
    reader.skip(reader.compactSize())
    reader.skip(4)
  }
  const outputs = readOutputs(reader)
  const witnessOffset = reader.offset
  if (hasWitness) skipWitness(reader, inputCount)
  const witnessSizeBytes = reader.offset - witnessOffset
  const lockTime = reader.uint32()

  const bytes = reader.bytes.subarray(offset, reader.offset)
  const witnessId = doubleSha256(bytes)
  const id = hasWitness ? doubleSha256(stripWitness({ bytes, witnessSizeBytes })) : witnessId
  const wtxid = readRoot(witnessId, 0)
  const txid = hasWitness ? readRoot(id, 0) : wtxid
  const weight = 3 * strippedSizeBytes({ bytes, witnessSizeBytes }) + bytes.length
  const transaction: Transaction = {
    bytes,
    offset,
    txid,
    wtxid,
    version,
    inputCount,
    outputs,
    lockTime,
    isCoinbase,
    hasWitness,
    witnessSizeBytes,
    weight,
  }
  return { transaction, id, witnessId }
}

/** For whoever shows it. `index` counts from the block's coinbase. */
export function summaryOf({ bytes, txid, wtxid, outputs }: Transaction, index: number): TransactionSummary {
  return {
    index,
    txid,
    wtxid,
    sizeBytes: bytes.length,
    outputs: outputs.map(({ value, script }) => ({ value: BigInt(value), script: toHex(script) })),
  }
}

/** The bytes that the txid is the hash of. */
export function stripWitness({ bytes, witnessSizeBytes }: Pick<Transaction, 'bytes' | 'witnessSizeBytes'>): Uint8Array {
  if (witnessSizeBytes === 0) return bytes
  const lockTimeOffset = bytes.length - LOCK_TIME_SIZE_BYTES
  return joinBytes([
    bytes.subarray(0, VERSION_SIZE_BYTES),
    bytes.subarray(VERSION_SIZE_BYTES + MARKER_AND_FLAG.length, lockTimeOffset - witnessSizeBytes),
    bytes.subarray(lockTimeOffset),
  ])
}

/** The contrary: of a transaction's bytes without a witness, and BIP 144's witness field. */
export function withWitness(bytes: Uint8Array, witness: Uint8Array): Uint8Array {
  const lockTimeOffset = bytes.length - LOCK_TIME_SIZE_BYTES
  return joinBytes([
    bytes.subarray(0, VERSION_SIZE_BYTES),
    MARKER_AND_FLAG,
    bytes.subarray(VERSION_SIZE_BYTES, lockTimeOffset),
    witness,
    bytes.subarray(lockTimeOffset),
  ])
}

/** The size of what the txid is the hash of. */
export function strippedSizeBytes({
  bytes,
  witnessSizeBytes,
}: Pick<Transaction, 'bytes' | 'witnessSizeBytes'>): number {
  return witnessSizeBytes === 0 ? bytes.length : bytes.length - MARKER_AND_FLAG.length - witnessSizeBytes
}

/** BIP 144's witness field, as it came. */
export function witnessOf({ bytes, witnessSizeBytes }: Transaction): Uint8Array {
  const end = bytes.length - LOCK_TIME_SIZE_BYTES
  return bytes.subarray(end - witnessSizeBytes, end)
}

function readFlag(reader: ByteReader): void {
  reader.skip(1)
  const flag = reader.uint8()
  if (flag !== 1) throw contentError('malformed', 'inputs, or the flag 1 of a witness', `flag ${flag}`)
}

function someOf(what: string, count: number): number {
  if (count === 0) throw contentError('malformed', `a transaction with ${what}`, 'none')
  return count
}

/** Bitcoin Core primitives/transaction.h, COutPoint::IsNull. */
function isNullOutpoint({ bytes, offset }: ByteReader): boolean {
  for (let index = offset; index < offset + 32; index += 1) if (bytes[index] !== 0) return false
  return readUint32(bytes, offset + 32) === 0xffffffff
}

function readOutputs(reader: ByteReader): Output[] {
  const count = someOf('outputs', reader.count('outputs', OUTPUT_SIZE_BYTES_MIN))
  const outputs: Output[] = []
  for (let index = 0; index < count; index += 1) {
    const value = reader.uint32() + reader.uint32() * 2 ** 32
    if (value > VALUE_MAX) throw contentError('malformed', `at most ${VALUE_MAX} satoshi`, value)
    outputs.push({ value, script: reader.take(reader.compactSize()) })
  }
  return outputs
}

/** Bitcoin Core primitives/transaction.h: with the flag, one input at least has a witness. */
function skipWitness(reader: ByteReader, inputCount: number): void {
  let itemCount = 0
  for (let index = 0; index < inputCount; index += 1) {
    const count = reader.count('witness items', ITEM_SIZE_BYTES_MIN)
    for (let item = 0; item < count; item += 1) reader.skip(reader.compactSize())
    itemCount += count
  }
  if (itemCount === 0) throw contentError('malformed', 'a witness behind its flag', 'none')
}
