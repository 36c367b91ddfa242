/**
 * Finds a row by its root, at about ten bytes a row: open addressing on row numbers, with 8 bits of the root beside each,
 * so that a miss touches no row. The roots themselves stand in the rows. Split in parts by the root, each of which grows
 * at a time of its own, so that growing is never one long pause.
 */

import { assert } from '../../core/assert.ts'

const PART_COUNT = 256
const PART_SLOTS_MIN = 8
/** A part grows at a share of used slots between these, so that parts take turns; linear probing stays short up to the second. */
const LOAD_MAX_FIRST = 0.5
const LOAD_MAX_LAST = 0.8

// A root's bytes are as good as random from its first one on (the last ones are zeros), and each has one use here.
const PART_BYTE = 5
const MARK_BYTE = 4
const MARK_SHIFT = 24
const ROW_MASK = 0xffffff

/** What a part is before its first entry: one empty slot, which all of them share and none writes to. */
const NO_SLOTS: Uint32Array = new Uint32Array(1)

/** Says what the rows hold. */
export interface RowRoots {
  /** Whether the row's root is the 32 bytes at `offset`. */
  isRootOf(row: number, roots: Uint8Array, offset: number): boolean
  /** Writes the row's root to the start of `target`. */
  readRoot(row: number, target: Uint8Array): void
}

export class RootIndex {
  readonly #rows: RowRoots
  /** Slots: 0 for empty, else the mark and the row number plus one. */
  readonly #parts: Uint32Array[] = Array.from({ length: PART_COUNT }, () => NO_SLOTS)
  readonly #counts = new Uint32Array(PART_COUNT)
  readonly #scratch = new Uint8Array(32)

  constructor(rows: RowRoots) {
    this.#rows = rows
  }

  get sizeBytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.byteLength, 0)
  }

  /** The row with the root at `offset`; -1 when there is none. */
  find(roots: Uint8Array, offset: number): number {
    const part = this.#part(partOf(roots, offset))
    const mark = markOf(roots, offset)
    for (let slot = homeSlot(roots, offset, part); ; slot = nextSlot(slot, part)) {
      const entry = part[slot] ?? 0
      if (entry === 0) return -1
      const row = (entry & ROW_MASK) - 1
      if (entry >>> MARK_SHIFT === mark && this.#rows.isRootOf(row, roots, offset)) return row
    }
  }

  /** Adds a row that is not in yet, with its root at `offset`. */
  add(roots: Uint8Array, offset: number, row: number): void {
    const partIndex = partOf(roots, offset)
    const count = (this.#counts[partIndex] ?? 0) + 1
    if (count > this.#part(partIndex).length * loadMax(partIndex)) this.#grow(partIndex)
    this.#counts[partIndex] = count
    place(this.#part(partIndex), roots, offset, ((markOf(roots, offset) << MARK_SHIFT) | (row + 1)) >>> 0)
  }

  /** Takes out a row that is in, with its root at `offset`; the rows' roots must still be readable. */
  remove(roots: Uint8Array, offset: number, row: number): void {
    const partIndex = partOf(roots, offset)
    const part = this.#part(partIndex)
    let hole = homeSlot(roots, offset, part)
    while (((part[hole] ?? 0) & ROW_MASK) - 1 !== row) {
      assert(part[hole] !== 0, 'a row to be removed is in the index')
      hole = nextSlot(hole, part)
    }
    // Knuth 6.4, algorithm R: entries behind the hole move up, unless they would stand before their home.
    for (let slot = nextSlot(hole, part); ; slot = nextSlot(slot, part)) {
      const entry = part[slot] ?? 0
      if (entry === 0) break
      this.#rows.readRoot((entry & ROW_MASK) - 1, this.#scratch)
      const home = homeSlot(this.#scratch, 0, part)
      const isHomeBetween = hole < slot ? home > hole && home <= slot : home > hole || home <= slot
      if (isHomeBetween) continue
      part[hole] = entry
      hole = slot
    }
    part[hole] = 0
    this.#counts[partIndex] = (this.#counts[partIndex] ?? 0) - 1
  }

  #grow(partIndex: number): void {
    const old = this.#part(partIndex)
    const grown = new Uint32Array(Math.max(old.length * 2, PART_SLOTS_MIN))
    for (const entry of old) {
      if (entry === 0) continue
      this.#rows.readRoot((entry & ROW_MASK) - 1, this.#scratch)
      place(grown, this.#scratch, 0, entry)
    }
    this.#parts[partIndex] = grown
  }

  #part(partIndex: number): Uint32Array {
    const part = this.#parts[partIndex]
    if (part === undefined) throw new Error(`expected a part below ${PART_COUNT}, got ${partIndex}`)
    return part
  }
}

function place(part: Uint32Array, roots: Uint8Array, offset: number, entry: number): void {
  let slot = homeSlot(roots, offset, part)
  while (part[slot] !== 0) slot = nextSlot(slot, part)
  part[slot] = entry
}

function loadMax(partIndex: number): number {
  return LOAD_MAX_FIRST + ((LOAD_MAX_LAST - LOAD_MAX_FIRST) * partIndex) / PART_COUNT
}

function partOf(roots: Uint8Array, offset: number): number {
  return roots[offset + PART_BYTE] ?? 0
}

function markOf(roots: Uint8Array, offset: number): number {
  return roots[offset + MARK_BYTE] ?? 0
}

/** `part.length` is a power of two. */
function homeSlot(roots: Uint8Array, offset: number, part: Uint32Array): number {
  const low = (roots[offset] ?? 0) | ((roots[offset + 1] ?? 0) << 8) | ((roots[offset + 2] ?? 0) << 16)
  return low & (part.length - 1)
}

function nextSlot(slot: number, part: Uint32Array): number {
  return (slot + 1) & (part.length - 1)
}
