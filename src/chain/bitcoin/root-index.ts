/**
 * Finds a row by its root, at about fourteen bytes a row: open addressing on row numbers, with 24 bits of the root beside
 * each, so that neither a miss nor growing touches a row. The roots themselves stand in the rows. Split in parts by the root,
 * each of which grows at a time of its own, so that growing is never one long pause.
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
/** The first two bytes say where a root belongs in its part; in a longer part it belongs to every so many-th slot. */
const HOME_COUNT = 65_536

/** `slots`: 0 for empty, else the mark and the row number plus one. `homes`: the first two bytes of the root in each slot. */
interface Part {
  readonly slots: Uint32Array
  readonly homes: Uint16Array
}

/** What a part is before its first entry: one empty slot, which all of them share and none writes to. */
const NO_SLOTS: Part = partOfSize(1)

export class RootIndex {
  /** Whether the row's root is the 32 bytes at `offset`. */
  readonly #isRootOf: (row: number, roots: Uint8Array, offset: number) => boolean
  readonly #parts: Part[] = Array.from({ length: PART_COUNT }, () => NO_SLOTS)
  readonly #counts = new Uint32Array(PART_COUNT)

  constructor(isRootOf: (row: number, roots: Uint8Array, offset: number) => boolean) {
    this.#isRootOf = isRootOf
  }

  get sizeBytes(): number {
    return this.#parts.reduce((sum, { slots, homes }) => sum + slots.byteLength + homes.byteLength, 0)
  }

  /** The row with the root at `offset`; -1 when there is none. */
  find(roots: Uint8Array, offset: number): number {
    const { slots } = this.#part(partOf(roots, offset))
    const mark = markOf(roots, offset)
    for (let slot = homeSlot(homeOf(roots, offset), slots); ; slot = nextSlot(slot, slots)) {
      const entry = slots[slot] ?? 0
      if (entry === 0) return -1
      const row = (entry & ROW_MASK) - 1
      if (entry >>> MARK_SHIFT === mark && this.#isRootOf(row, roots, offset)) return row
    }
  }

  /** Adds a row that is not in yet, with its root at `offset`. */
  add(roots: Uint8Array, offset: number, row: number): void {
    const partIndex = partOf(roots, offset)
    const count = (this.#counts[partIndex] ?? 0) + 1
    if (count > this.#part(partIndex).slots.length * loadMax(partIndex)) this.#grow(partIndex)
    this.#counts[partIndex] = count
    const entry = ((markOf(roots, offset) << MARK_SHIFT) | (row + 1)) >>> 0
    place(this.#part(partIndex), homeOf(roots, offset), entry)
  }

  /** Takes out a row that is in, with its root at `offset`. */
  remove(roots: Uint8Array, offset: number, row: number): void {
    const partIndex = partOf(roots, offset)
    const { slots, homes } = this.#part(partIndex)
    let hole = homeSlot(homeOf(roots, offset), slots)
    while (((slots[hole] ?? 0) & ROW_MASK) - 1 !== row) {
      assert(slots[hole] !== 0, 'a row to be removed is in the index')
      hole = nextSlot(hole, slots)
    }
    // Knuth 6.4, algorithm R: entries behind the hole move up, unless they would stand before their home.
    for (let slot = nextSlot(hole, slots); ; slot = nextSlot(slot, slots)) {
      const entry = slots[slot] ?? 0
      if (entry === 0) break
      const home = homeSlot(homes[slot] ?? 0, slots)
      const isHomeBetween = hole < slot ? home > hole && home <= slot : home > hole || home <= slot
      if (isHomeBetween) continue
      slots[hole] = entry
      homes[hole] = homes[slot] ?? 0
      hole = slot
    }
    slots[hole] = 0
    this.#counts[partIndex] = (this.#counts[partIndex] ?? 0) - 1
  }

  #grow(partIndex: number): void {
    const { slots, homes } = this.#part(partIndex)
    const grown = partOfSize(Math.max(slots.length * 2, PART_SLOTS_MIN))
    slots.forEach((entry, slot) => {
      if (entry !== 0) place(grown, homes[slot] ?? 0, entry)
    })
    this.#parts[partIndex] = grown
  }

  #part(partIndex: number): Part {
    const part = this.#parts[partIndex]
    if (part === undefined) throw new Error(`expected a part below ${PART_COUNT}, got ${partIndex}`)
    return part
  }
}

function partOfSize(slotCount: number): Part {
  return { slots: new Uint32Array(slotCount), homes: new Uint16Array(slotCount) }
}

function place({ slots, homes }: Part, home: number, entry: number): void {
  let slot = homeSlot(home, slots)
  while (slots[slot] !== 0) slot = nextSlot(slot, slots)
  slots[slot] = entry
  homes[slot] = home
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

function homeOf(roots: Uint8Array, offset: number): number {
  return (roots[offset] ?? 0) | ((roots[offset + 1] ?? 0) << 8)
}

/** `slots.length` is a power of two. */
function homeSlot(home: number, slots: Uint32Array): number {
  return slots.length <= HOME_COUNT ? home & (slots.length - 1) : home * (slots.length / HOME_COUNT)
}

function nextSlot(slot: number, slots: Uint32Array): number {
  return (slot + 1) & (slots.length - 1)
}
