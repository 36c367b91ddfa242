/**
 * A block's outline: its header, the ids of its transactions in order and its coinbase, so that all others can be wanted at once.
 * Its bytes: the header · the count as a compact size · the coinbase, with its witness · the other txids, 32 bytes each as hashed
 * · a bit for each of these transactions, the lowest first, set where it has a witness · the wtxids of those that have one.
 * The coinbase is always in it: an outline is never larger than 1.2 MB, as a byte of coinbase weighs four units and 64 bytes of
 * ids 240 or more.
 */
import type { AssembledBlock, BlockPieces, TransactionSummary } from '../../core/content.ts'
import { ContentError } from '../../core/content.ts'
import type { Cid, Root } from '../../core/ids.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { checkContents, readTransactionCount } from './block.ts'
import type { BlockContents } from './block.ts'
import { ByteReader, encodeCompactSize } from './byte-reader.ts'
import { transactionCid } from './content-cid.ts'
import { contentError, failAs } from './content-failure.ts'
import { HEADER_SIZE_BYTES, isSameRoot, readRoot, ROOT_SIZE_BYTES } from './header.ts'
import { checkWeight, identifyTransaction, readTransaction, summaryOf } from './transaction.ts'

/** Parsed and hashed without a stop: a few milliseconds of JavaScript. */
const SLICE_BYTES: number = 128 * 1024

export function encodeOutline({ header, coinbase, txids, wtxids }: BlockContents): Uint8Array {
  const count = txids.length / ROOT_SIZE_BYTES
  const flags = new Uint8Array(flagsSizeBytes(count))
  const differing: Uint8Array[] = []
  for (let index = 1; index < count; index += 1) {
    const offset = index * ROOT_SIZE_BYTES
    if (isSameRoot(txids, offset, wtxids, offset)) continue
    setFlag(flags, index - 1)
    differing.push(wtxids.subarray(offset, offset + ROOT_SIZE_BYTES))
  }
  const otherTxids = txids.subarray(ROOT_SIZE_BYTES)
  return joinBytes([header, encodeCompactSize(count), coinbase.bytes, otherTxids, flags, ...differing])
}

/** Reads an outline that nobody has checked. Throws `ContentError`. */
export function decodeOutline(bytes: Uint8Array): BlockContents {
  return failAs('invalid-outline', () => {
    const reader = new ByteReader(bytes)
    const header = reader.take(HEADER_SIZE_BYTES)
    const count = readTransactionCount(reader, ROOT_SIZE_BYTES)
    const { transaction: coinbase, id } = readTransaction(reader)
    if (!coinbase.isCoinbase) throw contentError('coinbase', 'a coinbase', 'another transaction')
    const txids = joinBytes([id, reader.take((count - 1) * ROOT_SIZE_BYTES)])
    const wtxids = readWitnessIds(reader, txids)
    reader.end()
    return { header, coinbase, txids, wtxids }
  })
}

/** Reads an outline and checks that it is that block's, to its last byte: no other passes. Throws `ContentError`. */
export function readOutline({ root, outline, segwitHeight }: OutlineOfRoot): BlockContents {
  return failAs('invalid-outline', () => {
    const contents = decodeOutline(outline)
    const headerRoot = readRoot(doubleSha256(contents.header), 0)
    if (headerRoot !== root) throw contentError('root', `the header of ${root}`, headerRoot)
    checkContents(contents, segwitHeight)
    return contents
  })
}

/** Undefined when `readOutline` takes it; else what is wrong, in one line. */
export function checkOutline(args: OutlineOfRoot): string | undefined {
  try {
    readOutline(args)
    return undefined
  } catch (error) {
    if (error instanceof ContentError) return error.message
    throw error
  }
}

/** What is missing for the block, in order: every transaction by its wtxid, but the coinbase, which is undefined. */
export function wantedCids(outline: Uint8Array): readonly (Cid | undefined)[] {
  const { wtxids } = decodeOutline(outline)
  const cids: (Cid | undefined)[] = [undefined]
  for (let offset = ROOT_SIZE_BYTES; offset < wtxids.length; offset += ROOT_SIZE_BYTES) {
    cids.push(transactionCid(wtxids, offset))
  }
  return cids
}

/**
 * The block of an outline that was checked: every transaction must have the ids that it has there. Stops after each that passes
 * another `SLICE_BYTES`. Throws `ContentError`.
 */
export function* assembleBlock({ outline, parts }: BlockPieces): Generator<undefined, AssembledBlock> {
  const { header, coinbase, txids, wtxids } = decodeOutline(outline)
  const count = txids.length / ROOT_SIZE_BYTES
  const others = parts.slice(1).filter((part) => part !== undefined)
  if (parts.length !== count || others.length !== count - 1) {
    throw contentError('malformed', `${count - 1} transactions beside the coinbase`, others.length)
  }
  const countBytes = encodeCompactSize(count)
  const transactions: TransactionSummary[] = [summaryOf(coinbase, 0)]
  let weight = 4 * (header.length + countBytes.length) + coinbase.weight
  let sliceBytes = 0
  for (const part of others) {
    const { transaction, id, witnessId } = identifyTransaction(part)
    const offset = transactions.length * ROOT_SIZE_BYTES
    if (!isSameRoot(id, 0, txids, offset)) {
      throw contentError('merkle-root', `transaction ${readRoot(txids, offset)}`, transaction.txid)
    }
    if (!isSameRoot(witnessId, 0, wtxids, offset)) {
      throw contentError('witness-commitment', `transaction ${readRoot(wtxids, offset)}`, transaction.wtxid)
    }
    if (transaction.isCoinbase) {
      throw contentError(
        'coinbase',
        'one coinbase, as the first transaction',
        `another at index ${transactions.length}`,
      )
    }
    weight += transaction.weight
    checkWeight(weight)
    transactions.push(summaryOf(transaction, transactions.length))
    sliceBytes += part.length
    if (sliceBytes < SLICE_BYTES) continue
    sliceBytes = 0
    yield undefined
  }
  return { bytes: joinBytes([header, countBytes, coinbase.bytes, ...others]), transactions }
}

interface OutlineOfRoot {
  readonly root: Root
  readonly outline: Uint8Array
  /** The network's. */
  readonly segwitHeight: number
}

/** Zeros for the coinbase, and the txid where there is no witness. */
function readWitnessIds(reader: ByteReader, txids: Uint8Array): Uint8Array {
  const count = txids.length / ROOT_SIZE_BYTES
  const flags = reader.take(flagsSizeBytes(count))
  const wtxids = txids.slice()
  wtxids.fill(0, 0, ROOT_SIZE_BYTES)
  for (let index = 0; index < 8 * flags.length; index += 1) {
    if (!hasFlag(flags, index)) continue
    const offset = (index + 1) * ROOT_SIZE_BYTES
    if (offset >= txids.length) throw contentError('malformed', `flags for ${count - 1} transactions`, `flag ${index}`)
    wtxids.set(reader.take(ROOT_SIZE_BYTES), offset)
    if (isSameRoot(txids, offset, wtxids, offset)) {
      throw contentError('malformed', 'a wtxid that is not the txid', `the same for transaction ${index + 1}`)
    }
  }
  return wtxids
}

/** The coinbase has no flag: its bytes say it. */
function flagsSizeBytes(transactionCount: number): number {
  return Math.ceil((transactionCount - 1) / 8)
}

function hasFlag(flags: Uint8Array, index: number): boolean {
  return (((flags[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1
}

function setFlag(flags: Uint8Array, index: number): void {
  flags[index >>> 3] = (flags[index >>> 3] ?? 0) | (1 << (index & 7))
}
