/** Whole blocks on regtest's rules, made up for tests by code that shares only the hash with what it tests. */
import { doubleSha256 } from '../src/hash/sha256.ts'
import { joinBytes } from '../src/core/join-bytes.ts'

/** `stripped` is without the witness; the same bytes where there is none. */
export interface SyntheticTransaction {
  readonly bytes: Uint8Array
  readonly stripped: Uint8Array
}

export interface SyntheticBlockOptions {
  /** 900,000 by default, where every network has witnesses; 16,777,215 at most. */
  readonly height?: number
  /** Unix seconds. */
  readonly time?: number
  /** Whether the coinbase commits to witnesses, with a nonce of its own; true by default. */
  readonly hasCommitment?: boolean
  /** The first output's, before the commitment. */
  readonly rewardScript?: Uint8Array
}

/** The input spends an output that nobody has; `salt` tells transactions apart. 60 bytes and the two sizes, without a witness. */
export function syntheticTransaction(args: {
  readonly salt: number
  readonly scriptSizeBytes?: number
  /** One item of that size; no witness by default. */
  readonly witnessItemSizeBytes?: number
}): SyntheticTransaction {
  const { salt, scriptSizeBytes = 22, witnessItemSizeBytes } = args
  const outpoint = joinBytes([doubleSha256(uint32(salt)), uint32(0)])
  const inputs = joinBytes([Uint8Array.of(1), outpoint, Uint8Array.of(0), uint32(0xffffffff)])
  const outputs = joinBytes([
    Uint8Array.of(1),
    uint32(salt),
    uint32(0),
    sized(new Uint8Array(scriptSizeBytes).fill(0x51)),
  ])
  const witness =
    witnessItemSizeBytes === undefined
      ? undefined
      : joinBytes([Uint8Array.of(1), sized(new Uint8Array(witnessItemSizeBytes).fill(salt))])
  return transactionOf(inputs, outputs, witness)
}

/** A block whose header meets regtest's target, with a coinbase before these transactions. */
export function syntheticBlock(
  transactions: readonly SyntheticTransaction[],
  options: SyntheticBlockOptions = {},
): Uint8Array {
  const { time = 1_700_000_000, hasCommitment = true } = options
  const wtxids = [new Uint8Array(32), ...transactions.map(({ bytes }) => doubleSha256(bytes))]
  const all = [coinbaseOf(options, hasCommitment ? rootOf(wtxids) : undefined), ...transactions]
  const merkleRoot = rootOf(all.map(({ stripped }) => doubleSha256(stripped)))
  const header = mine(joinBytes([uint32(0x20000000), new Uint8Array(32), merkleRoot, uint32(time), uint32(0x207fffff)]))
  return joinBytes([header, compactSize(all.length), ...all.map(({ bytes }) => bytes)])
}

/** One transaction of 3.9 MB between two small ones: as large as one gets, as its witness weighs a unit a byte. */
export function largeTransactionBlock(): Uint8Array {
  return syntheticBlock([
    syntheticTransaction({ salt: 1 }),
    syntheticTransaction({ salt: 2, witnessItemSizeBytes: 3_900_000 }),
    syntheticTransaction({ salt: 3, witnessItemSizeBytes: 72 }),
  ])
}

function coinbaseOf(options: SyntheticBlockOptions, witnessRoot: Uint8Array | undefined): SyntheticTransaction {
  const { height = 900_000, rewardScript = new Uint8Array(22).fill(0x51) } = options
  const push = Uint8Array.of(3, height, height >>> 8, height >>> 16)
  const inputs = joinBytes([Uint8Array.of(1), new Uint8Array(32), uint32(0xffffffff), sized(push), uint32(0xffffffff)])
  const reward = joinBytes([uint32(5_000_000), uint32(0), sized(rewardScript)])
  if (witnessRoot === undefined) return transactionOf(inputs, joinBytes([Uint8Array.of(1), reward]), undefined)
  const nonce = doubleSha256(uint32(height))
  const script = joinBytes([
    Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed),
    doubleSha256(joinBytes([witnessRoot, nonce])),
  ])
  const commitment = joinBytes([uint32(0), uint32(0), sized(script)])
  return transactionOf(
    inputs,
    joinBytes([Uint8Array.of(2), reward, commitment]),
    joinBytes([Uint8Array.of(1), sized(nonce)]),
  )
}

function transactionOf(inputs: Uint8Array, outputs: Uint8Array, witness: Uint8Array | undefined): SyntheticTransaction {
  const stripped = joinBytes([uint32(2), inputs, outputs, uint32(0)])
  if (witness === undefined) return { bytes: stripped, stripped }
  return { bytes: joinBytes([uint32(2), Uint8Array.of(0, 1), inputs, outputs, witness, uint32(0)]), stripped }
}

function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  const [first] = hashes
  if (first === undefined) throw new Error('expected a hash')
  if (hashes.length === 1) return first
  const above: Uint8Array[] = []
  for (let index = 0; index < hashes.length; index += 2) {
    const left = hashes[index] ?? first
    above.push(doubleSha256(joinBytes([left, hashes[index + 1] ?? left])))
  }
  return rootOf(above)
}

/** Puts the nonce behind the other fields. */
function mine(fields: Uint8Array): Uint8Array {
  for (let nonce = 0; ; nonce += 1) {
    const header = joinBytes([fields, uint32(nonce)])
    if ((doubleSha256(header)[31] ?? 0) < 0x7f) return header
  }
}

function sized(bytes: Uint8Array): Uint8Array {
  return joinBytes([compactSize(bytes.length), bytes])
}

function compactSize(value: number): Uint8Array {
  if (value < 0xfd) return Uint8Array.of(value)
  return value < 0x10000 ? Uint8Array.of(0xfd, value, value >>> 8) : joinBytes([Uint8Array.of(0xfe), uint32(value)])
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24)
}
