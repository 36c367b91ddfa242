/**
 * Targets: a root, read as a little-endian number of 256 bits, must not be above its header's target. A header carries
 * its target in a compact form of 32 bits (`bits`): a size in bytes, a sign, and the 23 leading bits.
 */

/** What a target costs in hashes, on average; four limbs of 32 bits, least first. 2^128 hashes are out of reach for ever. */
export type WorkLimbs = readonly [number, number, number, number]

export interface Target {
  /** 32 bytes, little-endian, like roots. */
  readonly bytes: Uint8Array
  readonly work: WorkLimbs
}

/** Bitcoin Core arith_uint256.cpp, SetCompact; `undefined` where it says negative or overflow, and for zero. */
export function targetOfBits(bits: number): bigint | undefined {
  const sizeBytes = bits >>> 24
  const mantissa = bits & 0x7fffff
  const target =
    sizeBytes <= 3 ? BigInt(mantissa >>> (8 * (3 - sizeBytes))) : BigInt(mantissa) << BigInt(8 * (sizeBytes - 3))
  if (target === 0n || (bits & 0x800000) !== 0 || target >> 256n !== 0n) return undefined
  return target
}

/** Bitcoin Core arith_uint256.cpp, GetCompact: what does not fit the 23 bits is cut off. */
export function bitsOfTarget(target: bigint): number {
  if (target === 0n) return 0
  let sizeBytes = Math.ceil(target.toString(16).length / 2)
  let mantissa =
    sizeBytes <= 3 ? Number(target) * 2 ** (8 * (3 - sizeBytes)) : Number(target >> BigInt(8 * (sizeBytes - 3)))
  if (mantissa >= 0x800000) {
    // The highest bit is the sign: one byte more, so that it stays clear.
    mantissa >>>= 8
    sizeBytes += 1
  }
  return ((sizeBytes << 24) | mantissa) >>> 0
}

/** Bitcoin Core chain.cpp, GetBlockProof: 2^256 / (target + 1). */
export function workOfTarget(target: bigint): bigint {
  return (1n << 256n) / (target + 1n)
}

/** `undefined` for bits that are no target, or one above `limit`. */
export function decodeTarget(bits: number, limit: bigint): Target | undefined {
  const target = targetOfBits(bits)
  if (target === undefined || target > limit) return undefined
  const bytes = new Uint8Array(32)
  for (let index = 0, rest = target; index < 32; index += 1, rest >>= 8n) bytes[index] = Number(rest & 0xffn)
  return { bytes, work: toLimbs(workOfTarget(target)) }
}

/** Whether the root at `offset` meets the target: is not above it. */
export function meetsTarget(roots: Uint8Array, offset: number, target: Uint8Array): boolean {
  for (let index = 31; index >= 0; index -= 1) {
    const difference = (roots[offset + index] ?? 0) - (target[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return true
}

export function toLimbs(work: bigint): WorkLimbs {
  const limb = (index: number): number => Number((work >> BigInt(32 * index)) & 0xffffffffn)
  return [limb(0), limb(1), limb(2), limb(3)]
}

export function workOfLimbs(limbs: WorkLimbs): bigint {
  return limbs.reduceRight((work, limb) => (work << 32n) | BigInt(limb), 0n)
}

/** Eight digits of hex, as Bitcoin's tools show bits. */
export function bitsToHex(bits: number): string {
  return bits.toString(16).padStart(8, '0')
}
