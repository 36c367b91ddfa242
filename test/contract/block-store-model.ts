/** Blocks for the tests of block stores, and what a store with them ought to hold. */
import type { Cid, Root } from '../../src/core/ids.ts'
import { toRoot } from '../../src/core/ids.ts'
import { doubleSha256, sha256 } from '../../src/hash/sha256.ts'
import { CODEC_RAW, HASH_DBL_SHA2_256, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { createCidOf, createRehash } from '../../src/wire/rehash.ts'
import type { Hashers } from '../../src/wire/rehash.ts'

export interface Block {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

const HASHERS: Hashers = new Map([
  [HASH_SHA2_256, sha256],
  [HASH_DBL_SHA2_256, doubleSha256],
])

export const rehash: (cid: Cid, bytes: Uint8Array) => Cid | undefined = createRehash(HASHERS)
const cidOf = createCidOf(HASHERS)

export const ROOT_A: Root = toRoot('aa'.repeat(32))
export const ROOT_B: Root = toRoot('bb'.repeat(32))

/** The same bytes for the same arguments; different ones for different seeds. */
export function makeBlock(seed: number, sizeBytes: number, hashCode: number = HASH_SHA2_256): Block {
  const bytes = new Uint8Array(sizeBytes)
  // xorshift32
  let state = (seed + 1) * 0x9e3779b1
  for (let index = 0; index < sizeBytes; index += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state
  }
  const cid = cidOf({ version: 1, codec: CODEC_RAW, hashCode, digestSizeBytes: 32 }, bytes)
  if (cid === undefined) throw new Error(`expected a known hash function, got ${hashCode}`)
  return { cid, bytes }
}

/** What a store holds, used longest ago first: simple, and slow. */
export class BlockModel {
  readonly #sizeBytesMax: number
  #rows: { readonly block: Block; readonly pins: ReadonlySet<Root> }[] = []

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax
  }

  get blocks(): readonly Block[] {
    return this.#rows.map(({ block }) => block)
  }

  get sizeBytes(): number {
    return this.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** False when it does not fit; then nothing changed. */
  write(blocks: readonly Block[], pin: Root | undefined): boolean {
    const before = this.#rows
    for (const block of blocks) {
      const pins = this.#rows.find((row) => row.block.cid === block.cid)?.pins ?? new Set<Root>()
      this.#rows = this.#rows.filter((row) => row.block.cid !== block.cid)
      this.#rows.push({ block, pins: pin === undefined ? pins : new Set([...pins, pin]) })
    }
    while (this.sizeBytes > this.#sizeBytesMax) {
      const oldest = this.#rows.findIndex(({ block, pins }) => pins.size === 0 && !blocks.includes(block))
      if (oldest === -1) {
        this.#rows = before
        return false
      }
      this.#rows = this.#rows.toSpliced(oldest, 1)
    }
    return true
  }

  read(block: Block): Block | undefined {
    const row = this.#rows.find((candidate) => candidate.block.cid === block.cid)
    if (row !== undefined) this.#rows = [...this.#rows.filter((other) => other !== row), row]
    return row?.block
  }

  unpin(root: Root): void {
    const unpinned = this.#rows
      .filter(({ pins }) => pins.has(root))
      .sort((one, other) => (one.block.cid < other.block.cid ? -1 : 1))
    const others = this.#rows.filter(({ pins }) => !pins.has(root))
    this.#rows = [
      ...others,
      ...unpinned.map(({ block, pins }) => ({ block, pins: new Set([...pins].filter((pin) => pin !== root)) })),
    ]
  }
}

// What a writer that is killed writes, and so what must be found.

/** A few writes long, so that something gives way all the time. */
export const WRITER_SIZE_BYTES_MAX = 400_000

/** The blocks of one write: 3 to 11 of them, 1 byte to 20 KB each. */
export function writtenBlocks(seed: number, index: number): readonly Block[] {
  const first = seed * 1_000_000 + index * 100
  return Array.from({ length: 3 + (index % 9) }, (_, offset) =>
    makeBlock(first + offset, 1 + ((seed * 7_919 + index * 6_151 + offset * 3_571) % 20_000)),
  )
}

/** What a write is pinned under: every third one. */
export function writtenRoot(seed: number, index: number): Root | undefined {
  if (index <= 0 || index % 3 !== 0) return undefined
  return toRoot((seed * 1_000_000 + index).toString(16).padStart(64, '0'))
}
