import type { StoreOptions, StoreWrite } from '../../src/store/store.ts'

export const HEADER_SIZE_BYTES = 80
export const STORE_OPTIONS: StoreOptions = {
  chain: 'bitcoin:regtest',
  genesis: '0f'.repeat(32),
  headerSizeBytes: HEADER_SIZE_BYTES,
  startsAbove: 'c0'.repeat(32),
}

/** `count` headers like no others: each is filled from `seed` and its index. */
export function makeHeaders(seed: number, count: number): Uint8Array {
  const headers = new Uint8Array(count * HEADER_SIZE_BYTES)
  const words = new Uint32Array(headers.buffer)
  for (let index = 0; index < words.length; index += 1)
    words[index] = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b)
  return headers
}

class PartModel {
  content: Uint8Array = new Uint8Array(0)
  work = 0n

  apply(write: StoreWrite): void {
    const kept = this.content.subarray(0, write.truncateTo * HEADER_SIZE_BYTES)
    const content = new Uint8Array(kept.length + write.append.length)
    content.set(kept)
    content.set(write.append, kept.length)
    this.content = content
    this.work = write.work
  }

  get headerCount(): number {
    return this.content.length / HEADER_SIZE_BYTES
  }

  slice(fromHeight: number, count: number): Uint8Array {
    return this.content.slice(fromHeight * HEADER_SIZE_BYTES, (fromHeight + count) * HEADER_SIZE_BYTES)
  }
}

/** What a store should hold: the plainest thing that can be said about writes. */
export class StoreModel extends PartModel {
  readonly upper: PartModel = new PartModel()

  override apply(write: StoreWrite): void {
    if (write.isUpper === true) this.upper.apply(write)
    else super.apply(write)
  }
}

/**
 * The `index`th write of a writer started with `seed`: mostly small, at times large, at times a reorganisation, every third to the
 * upper part. Its work names it.
 */
export function writeNumber(index: number, seed: number, counts: { lower: number; upper: number }): StoreWrite {
  const random = new Uint32Array(makeHeaders(seed * 4_099 + index, 1).buffer)
  const [dropDraw = 0, dropSize = 0, appendDraw = 0, appendSize = 0] = random.map((word) => scramble(word))
  const isUpper = index % 3 === 0
  const headerCount = isUpper ? counts.upper : counts.lower
  const dropCount = dropDraw % 3 === 0 ? Math.min(headerCount, dropSize % 3_000) : 0
  // One at least: an upper part without headers would not say which write made it.
  const appendCount = 1 + (appendDraw % 4 === 0 ? appendSize % 6_000 : appendSize % 20)
  return {
    truncateTo: headerCount - dropCount,
    append: makeHeaders(appendDraw, appendCount),
    work: BigInt(seed) * 1_000_000n + BigInt(index),
    isUpper,
  }
}

/** MurmurHash3's 32-bit finalizer. */
function scramble(word: number): number {
  let value = word
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
