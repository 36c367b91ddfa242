/** Makes headers on easy targets: practice chains, tests, benches. Regtest takes two hashes a header on average. */
import { hashHeaders } from '../../hash/choose-hash-headers.ts'
import {
  HEADER_SIZE_BYTES,
  MERKLE_ROOT_OFFSET,
  NONCE_OFFSET,
  PARENT_OFFSET,
  ROOT_SIZE_BYTES,
  BITS_OFFSET,
  TIME_OFFSET,
  writeUint32,
} from './header.ts'
import { decodeTarget, meetsTarget } from './target.ts'

/** Bitcoin Core kernel/chainparams.cpp, CRegTestParams. */
export const REGTEST_BITS = 0x207fffff
/** BIP 9: the top bits of a version without signals. */
const PLAIN_VERSION = 0x20000000
const NONCES = 2 ** 32

/** `parent` is the 80 bytes before; `time` in Unix seconds; `merkleRoot` 32 bytes. Throws `RangeError` for bits that are no target. */
export function mineHeader(args: {
  readonly parent: Uint8Array
  readonly time: number
  readonly merkleRoot?: Uint8Array
  readonly version?: number
  readonly bits?: number
}): Uint8Array {
  const headers = new Uint8Array(2 * HEADER_SIZE_BYTES)
  headers.set(args.parent)
  const header = headers.subarray(HEADER_SIZE_BYTES)
  const root = new Uint8Array(ROOT_SIZE_BYTES)
  hashHeaders(headers, 0, 1, root)
  const bits = args.bits ?? REGTEST_BITS
  writeUint32(header, 0, args.version ?? PLAIN_VERSION)
  header.set(root, PARENT_OFFSET)
  if (args.merkleRoot !== undefined) header.set(args.merkleRoot, MERKLE_ROOT_OFFSET)
  writeUint32(header, TIME_OFFSET, args.time)
  writeUint32(header, BITS_OFFSET, bits)
  findNonce(header, 0, root, targetBytes(bits))
  return header.slice()
}

/**
 * `count` regtest headers after `parent`, one after another, `stepSeconds` apart from `firstTime` on (Unix seconds).
 * Chains of another `salt` are other chains.
 */
export function mineHeaders(args: {
  readonly parent: Uint8Array
  readonly count: number
  readonly firstTime: number
  readonly stepSeconds: number
  readonly salt?: number
}): Uint8Array {
  const headers = new Uint8Array(args.count * HEADER_SIZE_BYTES)
  const root = new Uint8Array(ROOT_SIZE_BYTES)
  const target = targetBytes(REGTEST_BITS)
  hashHeaders(args.parent, 0, 1, root)
  for (let index = 0; index < args.count; index += 1) {
    const offset = index * HEADER_SIZE_BYTES
    writeUint32(headers, offset, PLAIN_VERSION)
    headers.set(root, offset + PARENT_OFFSET)
    writeUint32(headers, offset + MERKLE_ROOT_OFFSET, args.salt ?? 0)
    writeUint32(headers, offset + TIME_OFFSET, args.firstTime + index * args.stepSeconds)
    writeUint32(headers, offset + BITS_OFFSET, REGTEST_BITS)
    findNonce(headers, offset, root, target)
  }
  return headers
}

/** Writes the first nonce that does, and leaves the header's root in `root`. */
function findNonce(headers: Uint8Array, offset: number, root: Uint8Array, target: Uint8Array): void {
  for (let nonce = 0; nonce < NONCES; nonce += 1) {
    writeUint32(headers, offset + NONCE_OFFSET, nonce)
    hashHeaders(headers, offset, 1, root)
    if (meetsTarget(root, 0, target)) return
  }
  throw new RangeError('expected a target that one of 2^32 nonces meets')
}

function targetBytes(bits: number): Uint8Array {
  const target = decodeTarget(bits, 1n << 256n)
  if (target === undefined) throw new RangeError(`expected bits of a target, got ${bits}`)
  return target.bytes
}
