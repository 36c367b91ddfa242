/** Verifies a file of headers from front to back, without keeping them. The rules are the tree's own. */
import type { SliceStop } from '../../core/chain.ts'
import type { Root } from '../../core/ids.ts'
import { hashHeaders as hashHeadersFast } from '../../hash/choose-hash-headers.ts'
import type { HashHeaders } from '../../hash/hash-headers.ts'
import {
  BITS_OFFSET,
  HEADER_SIZE_BYTES,
  isSameRoot,
  PARENT_OFFSET,
  readRoot,
  readUint32,
  ROOT_SIZE_BYTES,
  rootToBytes,
  TIME_OFFSET,
} from './header.ts'
import { HeaderRules } from './header-rules.ts'
import { HeaderWindow } from './header-window.ts'
import { networkParameters } from './networks.ts'
import type { BitcoinNetwork, NetworkParameters } from './networks.ts'

/** Headers hashed in one go. */
const HASH_BATCH_HEADERS = 256

export interface HeaderVerifierOptions {
  readonly network: BitcoinNetwork
  /**
   * Height of the first header. At 0, the default, it must be the network's genesis. Above, it is taken as given but for
   * its own proof of work, and a rule that needs earlier headers applies as soon as they have been seen.
   */
  readonly startHeight?: number
  readonly nowUnixMs: number
  /** The fastest hash function of this machine by default. */
  readonly hashHeaders?: HashHeaders
}

/** Of one call of `verify`. `stop.index` counts from the start of the bytes of that call. */
export interface VerifiedHeaders {
  /** Good headers, counted from the start of these bytes. */
  readonly verifiedCount: number
  /** Of the last good header of all calls; `undefined` before the first. */
  readonly lastRoot: Root | undefined
  readonly lastHeight: number | undefined
  /** The first bad header, after which no call verifies anything more. */
  readonly stop: SliceStop | undefined
}

export interface HeaderVerifier {
  /** The next whole headers of the file. Throws `RangeError` when the length is no multiple of 80. */
  verify(bytes: Uint8Array): VerifiedHeaders
}

/** Throws `RangeError` for an unknown network or a start height that is no whole number from 0. */
export function createHeaderVerifier(options: HeaderVerifierOptions): HeaderVerifier {
  return new SequentialVerifier(options)
}

class SequentialVerifier implements HeaderVerifier {
  readonly #network: NetworkParameters
  readonly #nowUnixMs: number
  readonly #hashHeaders: HashHeaders
  readonly #window = new HeaderWindow()
  readonly #rules: HeaderRules
  readonly #startHeight: number
  readonly #roots = new Uint8Array(HASH_BATCH_HEADERS * ROOT_SIZE_BYTES)
  readonly #lastRoot = new Uint8Array(ROOT_SIZE_BYTES)
  #isStopped = false

  constructor(options: HeaderVerifierOptions) {
    const { startHeight = 0 } = options
    if (!Number.isSafeInteger(startHeight) || startHeight < 0) {
      throw new RangeError(`expected a start height from 0, got ${startHeight}`)
    }
    this.#network = networkParameters(options.network)
    this.#nowUnixMs = options.nowUnixMs
    this.#hashHeaders = options.hashHeaders ?? hashHeadersFast
    this.#startHeight = startHeight
    this.#window.reset(startHeight)
    this.#rules = new HeaderRules(this.#network, this.#window)
  }

  verify(bytes: Uint8Array): VerifiedHeaders {
    if (bytes.length % HEADER_SIZE_BYTES !== 0) {
      throw new RangeError(`expected a multiple of ${HEADER_SIZE_BYTES} header bytes, got ${bytes.length}`)
    }
    const count = this.#isStopped ? 0 : bytes.length / HEADER_SIZE_BYTES
    let stop: SliceStop | undefined
    let verifiedCount = 0
    while (verifiedCount < count && stop === undefined) {
      const batchStart = verifiedCount
      const batchCount = Math.min(count - batchStart, HASH_BATCH_HEADERS)
      this.#hashHeaders(bytes, batchStart * HEADER_SIZE_BYTES, batchCount, this.#roots)
      for (let at = 0; at < batchCount && stop === undefined; at += 1) {
        stop = this.#take(bytes, batchStart + at, at * ROOT_SIZE_BYTES)
        if (stop === undefined) verifiedCount += 1
      }
    }
    this.#isStopped ||= stop !== undefined
    const lastHeight = this.#window.tipHeight
    const isBefore = lastHeight < this.#startHeight
    return {
      verifiedCount,
      lastRoot: isBefore ? undefined : readRoot(this.#lastRoot, 0),
      lastHeight: isBefore ? undefined : lastHeight,
      stop,
    }
  }

  /** One header, its root at `rootOffset` of the hashed batch. */
  #take(bytes: Uint8Array, index: number, rootOffset: number): SliceStop | undefined {
    const offset = index * HEADER_SIZE_BYTES
    const height = this.#window.tipHeight + 1
    if (height > this.#startHeight && !isSameRoot(bytes, offset + PARENT_OFFSET, this.#lastRoot, 0)) {
      return { type: 'unconnected', index, parent: readRoot(bytes, offset + PARENT_OFFSET) }
    }
    if (height === 0) {
      // Genesis keeps no rule but to be itself: its version is below the floors of networks that have them from the start.
      const { name, genesis } = this.#network
      if (!isSameRoot(this.#roots, rootOffset, rootToBytes(genesis), 0)) {
        const message = `expected the genesis of bitcoin:${name} (${genesis}), got ${readRoot(this.#roots, rootOffset)}`
        return { type: 'invalid', index, height, rule: 'genesis', message }
      }
    } else {
      const breach = this.#rules.check(bytes, offset, this.#roots, rootOffset, this.#nowUnixMs)
      if (breach !== undefined) return { ...breach, index, height }
    }
    this.#window.append(readUint32(bytes, offset + TIME_OFFSET), readUint32(bytes, offset + BITS_OFFSET))
    for (let byte = 0; byte < ROOT_SIZE_BYTES; byte += 1) this.#lastRoot[byte] = this.#roots[rootOffset + byte] ?? 0
    return undefined
  }
}
