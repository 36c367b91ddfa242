/** Every rule of a Bitcoin header, one implementation for the tree and for files. */
import { BITS_OFFSET, readInt32, readRoot, readUint32, TIME_OFFSET } from './header.ts'
import type { HeaderWindow } from './header-window.ts'
import { RETARGET_PERIOD_HEADERS } from './networks.ts'
import type { NetworkParameters } from './networks.ts'
import { requiredBits } from './retarget.ts'
import { bitsToHex, decodeTarget, meetsTarget, targetOfBits } from './target.ts'
import type { Target, WorkLimbs } from './target.ts'

/** The rule that a header breaks for ever. */
export type HeaderRule = 'genesis' | 'bits' | 'proof-of-work' | 'time-too-old' | 'time-warp' | 'version'

/** Why a header cannot be taken: the part of `SliceStop` that the rules know. */
export type RuleBreach =
  | { readonly type: 'invalid'; readonly rule: HeaderRule; readonly message: string }
  | { readonly type: 'future'; readonly untilUnixMs: number }

/** Bitcoin Core chain.h, MAX_FUTURE_BLOCK_TIME. */
export const FUTURE_MS_MAX: number = 2 * 60 * 60 * 1_000
/** Bitcoin Core chain.h, CBlockIndex::nMedianTimeSpan; BIP 113. */
const MEDIAN_TIME_SPAN = 11
/** BIP 94, "Time Warp Fix"; Bitcoin Core consensus/consensus.h, MAX_TIMEWARP. */
const TIME_WARP_SECONDS_MAX = 600
/** Targets kept decoded: a chain has one a period, test networks switch between two. */
const DECODED_TARGETS_MAX = 64

/**
 * Judges headers one after another; `window` holds the ancestors of the one to come. Allocates nothing while headers are
 * good and bits stay the same.
 */
export class HeaderRules {
  readonly #network: NetworkParameters
  readonly #window: HeaderWindow
  readonly #limit: bigint
  readonly #targets = new Map<number, Target>()
  #bits = -1
  #target: Target | undefined

  constructor(network: NetworkParameters, window: HeaderWindow) {
    this.#network = network
    this.#window = window
    this.#limit = targetOfBits(network.limitBits) ?? 0n
  }

  /** Work of the header that was checked last. */
  get work(): WorkLimbs {
    return this.#target?.work ?? [0, 0, 0, 0]
  }

  /**
   * The header at `offset`, with its root at `rootOffset`, as the one after the window's tip. `knownBits`: what it must carry
   * where the headers that decide that are not known.
   */
  check(
    headers: Uint8Array,
    offset: number,
    roots: Uint8Array,
    rootOffset: number,
    nowUnixMs: number,
    knownBits?: number,
  ): RuleBreach | undefined {
    const height = this.#window.tipHeight + 1
    const time = readUint32(headers, offset + TIME_OFFSET)
    const bits = readUint32(headers, offset + BITS_OFFSET)
    const required = requiredBits(this.#network, this.#window, time) ?? knownBits
    if (required !== undefined && bits !== required) {
      return invalid('bits', `expected bits ${bitsToHex(required)}, got ${bitsToHex(bits)}`)
    }
    if (bits !== this.#bits && !this.#decode(bits)) {
      return invalid(
        'bits',
        `expected bits of a target up to ${bitsToHex(this.#network.limitBits)}, got ${bitsToHex(bits)}`,
      )
    }
    if (this.#target !== undefined && !meetsTarget(roots, rootOffset, this.#target.bytes)) {
      return invalid(
        'proof-of-work',
        `expected a root within target ${bitsToHex(bits)}, got ${readRoot(roots, rootOffset)}`,
      )
    }
    return (
      this.#checkTime(height, time) ??
      this.#checkVersion(height, readInt32(headers, offset)) ??
      // Last, so that a header which is wrong for ever is not kept for later.
      (time * 1_000 > nowUnixMs + FUTURE_MS_MAX
        ? { type: 'future', untilUnixMs: time * 1_000 - FUTURE_MS_MAX }
        : undefined)
    )
  }

  /** Whether the root meets the target that the bits name, within the network's easiest. */
  hasWork(bits: number, roots: Uint8Array, rootOffset: number): boolean {
    const target = this.#targets.get(bits) ?? decodeTarget(bits, this.#limit)
    return target !== undefined && meetsTarget(roots, rootOffset, target.bytes)
  }

  #decode(bits: number): boolean {
    const target = this.#targets.get(bits) ?? decodeTarget(bits, this.#limit)
    if (target === undefined) return false
    if (this.#targets.size >= DECODED_TARGETS_MAX) this.#targets.clear()
    this.#targets.set(bits, target)
    this.#bits = bits
    this.#target = target
    return true
  }

  #checkTime(height: number, time: number): RuleBreach | undefined {
    const window = this.#window
    // Bitcoin Core validation.cpp, ContextualCheckBlockHeader, "time-too-old"; near genesis the median of what there is.
    const count = Math.min(MEDIAN_TIME_SPAN, height)
    if (count > 0 && window.reaches(height - count)) {
      let earlierCount = 0
      for (let index = 1; index <= count; index += 1) if (window.timeAt(height - index) < time) earlierCount += 1
      if (earlierCount <= count >>> 1) {
        return invalid('time-too-old', `expected a time after the median ${medianTime(window, count)}, got ${time}`)
      }
    }
    if (this.#network.retargeting === 'bip94' && height % RETARGET_PERIOD_HEADERS === 0 && window.reaches(height - 1)) {
      const timeMin = window.timeAt(height - 1) - TIME_WARP_SECONDS_MAX
      if (time < timeMin) return invalid('time-warp', `expected a time of at least ${timeMin}, got ${time}`)
    }
    return undefined
  }

  #checkVersion(height: number, version: number): RuleBreach | undefined {
    // Bitcoin Core validation.cpp, ContextualCheckBlockHeader, "bad-version".
    const [bip34Height, bip66Height, bip65Height] = this.#network.versionFloors
    const versionMin = height >= bip65Height ? 4 : height >= bip66Height ? 3 : height >= bip34Height ? 2 : undefined
    if (versionMin === undefined || version >= versionMin) return undefined
    return invalid('version', `expected a version of at least ${versionMin}, got ${version}`)
  }
}

function invalid(rule: HeaderRule, message: string): RuleBreach {
  return { type: 'invalid', rule, message }
}

/** Bitcoin Core chain.h, GetMedianTimePast: of an even count the later of the two in the middle. */
function medianTime(window: HeaderWindow, count: number): number {
  const times = Array.from({ length: count }, (_, index) => window.timeAt(window.tipHeight - index))
  return times.sort((left, right) => left - right)[count >>> 1] ?? 0
}
