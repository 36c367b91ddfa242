/** BIP 141, Commitment structure: how a coinbase commits to the witnesses of its block. */
import { doubleSha256 } from '../../hash/sha256.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { contentError } from './content-failure.ts'
import { isSameRoot, ROOT_SIZE_BYTES } from './header.ts'
import { MARKER_AND_FLAG, witnessOf, withWitness } from './transaction.ts'
import type { Transaction } from './transaction.ts'

export interface WitnessCommitment {
  /** Root of the tree over the wtxids, the coinbase's as zeros. */
  readonly witnessRoot: Uint8Array
  /** The witness reserved value: the one item of the coinbase's witness. */
  readonly nonce: Uint8Array
  /** The hash of both: what the coinbase's output says. */
  readonly hash: Uint8Array
}

/** OP_RETURN, a push of 36 bytes, the tag. */
const COMMITMENT_PREFIX: readonly number[] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed]
/** The witness of one item of 32 bytes: what Bitcoin Core demands of a coinbase's witness (CheckWitnessMalleation). */
const NONCE_PREFIX: readonly number[] = [1, ROOT_SIZE_BYTES]
/** Version, one input's count, outpoint, script size: what stands before a coinbase's script, without marker and flag. */
const SCRIPT_OFFSET = 42
/** OP_1 is one more than this. */
const OP_RESERVED = 0x50

/** What the coinbase's outputs say, as hashed; undefined where they do not commit to witnesses. The last one counts. */
export function committedHashOf(coinbase: Transaction): Uint8Array | undefined {
  const output = coinbase.outputs.findLast(
    ({ script }) =>
      script.length >= COMMITMENT_PREFIX.length + ROOT_SIZE_BYTES && startsWith(script, COMMITMENT_PREFIX),
  )
  const start = COMMITMENT_PREFIX.length
  return output?.script.subarray(start, start + ROOT_SIZE_BYTES)
}

/** Undefined where the coinbase's witness is not one item of 32 bytes. */
function nonceOf(coinbase: Transaction): Uint8Array | undefined {
  const witness = witnessOf(coinbase)
  const isOneItem = witness.length === NONCE_PREFIX.length + ROOT_SIZE_BYTES && startsWith(witness, NONCE_PREFIX)
  return isOneItem ? witness.subarray(NONCE_PREFIX.length) : undefined
}

/** The coinbase with its witness, of the coinbase without it. */
export function withNonce({ bytes }: Transaction, nonce: Uint8Array): Uint8Array {
  return withWitness(bytes, joinBytes([Uint8Array.from(NONCE_PREFIX), nonce]))
}

/**
 * Before a network's BIP 141 miners' coinbases already said something of witnesses, which no rule read. From then on it must hold,
 * so that a block without its witnesses is known as one.
 */
export function bindsWitnesses(coinbase: Transaction, segwitHeight: number): boolean {
  return committedHashOf(coinbase) !== undefined && heightOf(coinbase) >= segwitHeight
}

/** Checks that the coinbase commits to `witnessRoot`. Throws `ContentError`. */
export function checkWitnessCommitment(coinbase: Transaction, witnessRoot: () => Uint8Array): WitnessCommitment {
  const hash = committedHashOf(coinbase)
  if (hash === undefined) throw contentError('witness-commitment', 'a commitment to the witnesses', 'none')
  const nonce = nonceOf(coinbase)
  if (nonce === undefined) {
    throw contentError('witness-commitment', 'a coinbase whose witness is one item of 32 bytes', 'another or none')
  }
  const root = witnessRoot()
  if (!isSameRoot(doubleSha256(joinBytes([root, nonce])), 0, hash, 0)) {
    throw contentError('witness-commitment', 'the witnesses that the coinbase commits to', 'others')
  }
  return { witnessRoot: root, nonce, hash }
}

/**
 * BIP 34: a coinbase's script begins with a push of its height; 0 where it does not. Before BIP 34 anything may stand there, and
 * no coinbase of that time says anything of witnesses.
 */
function heightOf({ bytes, hasWitness }: Transaction): number {
  const offset = SCRIPT_OFFSET + (hasWitness ? MARKER_AND_FLAG.length : 0)
  const opcode = bytes[offset] ?? 0
  if (opcode > OP_RESERVED && opcode <= OP_RESERVED + 16) return opcode - OP_RESERVED
  let height = 0
  if (opcode <= 4) for (let index = opcode; index > 0; index -= 1) height = height * 256 + (bytes[offset + index] ?? 0)
  return height
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte)
}
