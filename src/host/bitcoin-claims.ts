import type { Root } from '../core/ids.ts'
import { toRoot } from '../core/ids.ts'
import type { ClaimedHead } from '../core/message.ts'
import { readRoot } from '../wire/bitcoin/payload.ts'

export const HEADER_SIZE_BYTES = 80
/** Bitcoin Core primitives/block.h, CBlockHeader. */
const PARENT_OFFSET = 4
const BITS_OFFSET = 72
/** A Bitcoin peer names the height of its head and no more. */
const UNKNOWN_ROOT: Root = toRoot('0'.repeat(64))

/** Height and chain work of a header; undefined when it is not known. */
export type SummaryOf = (root: Root) => { readonly height: number; readonly work: bigint } | undefined

export function parentOf(headers: Uint8Array): Root {
  return readRoot(headers, PARENT_OFFSET)
}

/**
 * What one Bitcoin peer claims of its head, in the core's terms. It names a height once, in its version, and never any
 * work; so the claim is what it sent, counted from the header of ours that it continues, and where it has more, that much
 * more at the same difficulty.
 */
export class BitcoinClaims {
  readonly #summaryOf: SummaryOf
  readonly #rootOf: (header: Uint8Array) => Root
  readonly #startHeight: number
  #sent: ClaimedHead | undefined
  #head: ClaimedHead

  constructor(args: {
    readonly startHeight: number
    readonly summaryOf: SummaryOf
    readonly rootOf: (header: Uint8Array) => Root
  }) {
    this.#startHeight = args.startHeight
    this.#summaryOf = args.summaryOf
    this.#rootOf = args.rootOf
    this.#head = { height: args.startHeight, root: UNKNOWN_ROOT, work: 0n }
  }

  get head(): ClaimedHead {
    return this.#head
  }

  /** The last header that came in its latest message; undefined before the first. */
  get lastRoot(): Root | undefined {
    return this.#sent?.root
  }

  /** We have this header, verified. */
  isKnown(root: Root): boolean {
    return this.#summaryOf(root) !== undefined
  }

  /** It sent these, consecutive as it says. Returns the claim that follows. */
  delivered(headers: Uint8Array, hasMore: boolean): ClaimedHead {
    const count = headers.length / HEADER_SIZE_BYTES
    if (count === 0) return this.#head
    const parent = parentOf(headers)
    const base = this.#sent?.root === parent ? this.#sent : this.#summaryOf(parent)
    const root = this.#rootOf(headers.subarray(-HEADER_SIZE_BYTES))
    if (base === undefined) {
      this.#sent = undefined
      this.#head = { height: Math.max(this.#startHeight, this.#head.height), root, work: 0n }
      return this.#head
    }
    this.#sent = { height: base.height + count, root, work: base.work + workOfHeaders(headers) }
    this.#head = hasMore ? this.#beyond(this.#sent, headers) : this.#sent
    return this.#head
  }

  /** At least one more header than it sent, and as many as its version named. */
  #beyond({ height, work }: ClaimedHead, headers: Uint8Array): ClaimedHead {
    const moreCount = Math.max(1, this.#startHeight - height)
    const lastWork = workOfHeaders(headers.subarray(-HEADER_SIZE_BYTES))
    return { height: height + moreCount, root: UNKNOWN_ROOT, work: work + BigInt(moreCount) * lastWork }
  }
}

/** One multiplication for each run of headers with the same bits. */
function workOfHeaders(headers: Uint8Array): bigint {
  const view = new DataView(headers.buffer, headers.byteOffset, headers.byteLength)
  let work = 0n
  let bits = 0
  let count = 0
  for (let offset = 0; offset < headers.length; offset += HEADER_SIZE_BYTES) {
    const next = view.getUint32(offset + BITS_OFFSET, true)
    if (next !== bits) {
      work += BigInt(count) * workOfBits(bits)
      bits = next
      count = 0
    }
    count += 1
  }
  return work + BigInt(count) * workOfBits(bits)
}

/** Bitcoin Core chain.cpp, GetBlockProof: 2^256 / (target + 1); 0 for bits that are no target. */
function workOfBits(bits: number): bigint {
  const exponent = bits >>> 24
  const mantissa = BigInt(bits & 0x7f_ffff)
  if (exponent > 32 || (bits & 0x80_0000) !== 0) return 0n
  const target = exponent <= 3 ? mantissa >> BigInt(8 * (3 - exponent)) : mantissa << BigInt(8 * (exponent - 3))
  return target === 0n ? 0n : (1n << 256n) / (target + 1n)
}
