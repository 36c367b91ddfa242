/**
 * Header rows in fixed chunks that never move: 80 header bytes, parent row, height, and the work of the chain up to it.
 * Row 0 is genesis. A row that was let go is used again.
 */
import { BITS_OFFSET, HEADER_SIZE_BYTES, readUint32, TIME_OFFSET } from './header.ts'
import type { WorkLimbs } from './target.ts'

const CHUNK_ROWS = 2_048
const CHUNK_SHIFT = 11
const CHUNK_MASK: number = CHUNK_ROWS - 1

/** Words of a row beside its header: parent row, height, then work in four limbs, least first. */
const ROW_WORDS = 6
const PARENT_WORD = 0
/** -1 as an unsigned word: more rows than there ever are. */
const NO_PARENT = 0xffffffff
const HEIGHT_WORD = 1
const WORK_WORD = 2
const WORK_LIMBS = 4

/** The root index keeps row numbers in 24 bits: 16.7 million headers, three hundred years of blocks. */
export const ROWS_MAX: number = 2 ** 24 - 2

/** `bytes` and `words` have CHUNK_ROWS rows each. */
interface Chunk {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
}

export class HeaderRows {
  readonly #chunks: Chunk[] = []
  /** Bounded by the side rows, as only these are let go. */
  readonly #free: number[] = []
  #usedCount = 0

  get isFull(): boolean {
    return this.#free.length === 0 && this.#usedCount >= ROWS_MAX
  }

  get sizeBytes(): number {
    const words = this.#free.length * 2
    return this.#chunks.length * CHUNK_ROWS * (HEADER_SIZE_BYTES + 4 * ROW_WORDS) + 4 * words
  }

  /** Adds a row without a parent; `work` is that of the chain up to and with it. Gives the new row. */
  addFirst(header: Uint8Array, height: number, work: WorkLimbs): number {
    const row = this.#take()
    const { bytes, words } = this.#chunk(row)
    bytes.set(header, (row & CHUNK_MASK) * HEADER_SIZE_BYTES)
    words.set([NO_PARENT, height, ...work], (row & CHUNK_MASK) * ROW_WORDS)
    return row
  }

  /** Gives a row that had none its parent. */
  setParent(row: number, parent: number): void {
    this.#chunk(row).words[(row & CHUNK_MASK) * ROW_WORDS + PARENT_WORD] = parent
  }

  /** Copies the header at `offset`; `work` is its own, without its ancestors'. Gives the new row. Not to be called when full. */
  add(headers: Uint8Array, offset: number, parent: number, work: WorkLimbs): number {
    const row = this.#take()
    const { bytes, words } = this.#chunk(row)
    const byteStart = (row & CHUNK_MASK) * HEADER_SIZE_BYTES
    for (let index = 0; index < HEADER_SIZE_BYTES; index += 1) bytes[byteStart + index] = headers[offset + index] ?? 0
    const wordStart = (row & CHUNK_MASK) * ROW_WORDS
    words[wordStart + PARENT_WORD] = parent
    words[wordStart + HEIGHT_WORD] = this.height(parent) + 1
    const parentWords = this.#chunk(parent).words
    const parentStart = (parent & CHUNK_MASK) * ROW_WORDS
    let carry = 0
    for (let limb = WORK_WORD; limb < WORK_WORD + WORK_LIMBS; limb += 1) {
      const sum = (parentWords[parentStart + limb] ?? 0) + (work[limb - WORK_WORD] ?? 0) + carry
      words[wordStart + limb] = sum
      carry = sum > 0xffffffff ? 1 : 0
    }
    return row
  }

  /** Lets a row go; nothing may name it any more. */
  remove(row: number): void {
    this.#free.push(row)
  }

  /** -1 for genesis, and for the first row above a gap. */
  parent(row: number): number {
    return (this.#chunk(row).words[(row & CHUNK_MASK) * ROW_WORDS + PARENT_WORD] ?? NO_PARENT) | 0
  }

  height(row: number): number {
    return this.#chunk(row).words[(row & CHUNK_MASK) * ROW_WORDS + HEIGHT_WORD] ?? 0
  }

  time(row: number): number {
    return readUint32(this.#chunk(row).bytes, this.byteOffset(row) + TIME_OFFSET)
  }

  bits(row: number): number {
    return readUint32(this.#chunk(row).bytes, this.byteOffset(row) + BITS_OFFSET)
  }

  work(row: number): bigint {
    let work = 0n
    for (let limb = WORK_LIMBS - 1; limb >= 0; limb -= 1) work = (work << 32n) | BigInt(this.#limb(row, limb))
    return work
  }

  /** Negative when `left` has less work than `right`, 0 when as much. */
  compareWork(left: number, right: number): number {
    for (let limb = WORK_LIMBS - 1; limb >= 0; limb -= 1) {
      const difference = this.#limb(left, limb) - this.#limb(right, limb)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** The chunk's bytes that hold the row's header at `byteOffset`. To be read at once, not to be kept or changed. */
  bytes(row: number): Uint8Array {
    return this.#chunk(row).bytes
  }

  byteOffset(row: number): number {
    return (row & CHUNK_MASK) * HEADER_SIZE_BYTES
  }

  /** Copies the headers of so many rows, one behind another, to `target` at `offset`. */
  copy(row: number, target: Uint8Array, offset: number, count = 1): void {
    for (let done = 0; done < count;) {
      const part = Math.min(count - done, CHUNK_ROWS - ((row + done) & CHUNK_MASK))
      const start = this.byteOffset(row + done)
      const headers = this.bytes(row + done).subarray(start, start + part * HEADER_SIZE_BYTES)
      target.set(headers, offset + done * HEADER_SIZE_BYTES)
      done += part
    }
  }

  #limb(row: number, limb: number): number {
    return this.#chunk(row).words[(row & CHUNK_MASK) * ROW_WORDS + WORK_WORD + limb] ?? 0
  }

  #take(): number {
    const row = this.#free.pop()
    if (row !== undefined) return row
    if ((this.#usedCount & CHUNK_MASK) === 0) {
      this.#chunks.push({
        bytes: new Uint8Array(CHUNK_ROWS * HEADER_SIZE_BYTES),
        words: new Uint32Array(CHUNK_ROWS * ROW_WORDS),
      })
    }
    this.#usedCount += 1
    return this.#usedCount - 1
  }

  #chunk(row: number): Chunk {
    const chunk = this.#chunks[row >>> CHUNK_SHIFT]
    if (chunk === undefined) throw new Error(`expected a row below ${this.#usedCount}, got ${row}`)
    return chunk
  }
}
