import { freeBytes } from '../free-bytes.ts'
import type { Cid } from '../ids.ts'
import type { AbsentIndex } from './absent-index.ts'
import { CID_WORDS, lettersOf, textOf } from './cid-text.ts'
import type { WantEntry } from './exchange-message.ts'

/** The CID, then flags, then the priority. */
const FLAGS: number = CID_WORDS
const PRIORITY: number = CID_WORDS + 1
const RECORD_WORDS: number = CID_WORDS + 2
/** The low bits count the letters; none in a record that was taken. */
const LETTERS = 0x3f
const IS_BLOCK = 0x40
const SENDS_DONT_HAVE = 0x80
/** Slots: 0 is free, 1 was taken, more is a record. */
const GONE = 1
const FIRST = 2
const RECORDS_MIN = 16

/** The CID that is looked for; used by one call at a time. */
const key = new Int32Array(CID_WORDS)

/**
 * Wants of one peer, in the order they came, at 48 to 60 bytes and two slots or three each: a fifth of what an object with
 * its text and its places in maps takes. Bounded by the ledger. A CID of more letters than 60 has no place here.
 */
export class PackedWants<Owner> {
  readonly #index: AbsentIndex<Owner>
  readonly #number: number
  #records = new Int32Array(0)
  /** Open addressing; a power of two, half as many again as the records or more. LEDGER_WANTS_MAX fits 16 bits. */
  #slots = new Uint16Array(0)
  #recordCount = 0
  #size = 0
  /** Before it all were taken. */
  #first = 0

  constructor(options: { index: AbsentIndex<Owner>; owner: Owner }) {
    this.#index = options.index
    this.#number = options.index.join(options.owner)
  }

  get size(): number {
    return this.#size
  }

  /** Only what is not there yet; false when it has no place here. */
  add({ cid, priority, want, sendDontHave }: WantEntry): boolean {
    const letterCount = lettersOf(cid, key)
    if (letterCount === 0) return false
    if (this.#recordCount * RECORD_WORDS === this.#records.length) this.#rebuild()
    const at = this.#recordCount * RECORD_WORDS
    this.#records.set(key, at)
    this.#records[at + FLAGS] = letterCount | (want === 'block' ? IS_BLOCK : 0) | (sendDontHave ? SENDS_DONT_HAVE : 0)
    this.#records[at + PRIORITY] = priority
    const hash = this.#index.hash(key, 0)
    this.#place(this.#recordCount, hash)
    this.#index.add(hash, this.#number)
    this.#recordCount += 1
    this.#size += 1
    return true
  }

  has(cid: Cid): boolean {
    return this.#slotOf(cid) !== undefined
  }

  take(cid: Cid): WantEntry | undefined {
    const slot = this.#slotOf(cid)
    if (slot === undefined) return undefined
    const record = (this.#slots[slot] ?? FIRST) - FIRST
    const flags = this.#word(record, FLAGS)
    const priority = this.#word(record, PRIORITY)
    this.#slots[slot] = GONE
    this.#records[record * RECORD_WORDS + FLAGS] = 0
    this.#index.delete(this.#index.hash(key, 0), this.#number)
    this.#size -= 1
    if (this.#isSpare) this.#rebuild()
    const want = (flags & IS_BLOCK) === 0 ? 'have' : 'block'
    return { cid, priority, want, sendDontHave: (flags & SENDS_DONT_HAVE) !== 0 }
  }

  takeOldest(): WantEntry | undefined {
    for (const cid of this.cids()) return this.take(cid)
    return undefined
  }

  /** Oldest first. Nothing may be added or taken meanwhile. */
  *cids(): IterableIterator<Cid> {
    for (let record = this.#first; record < this.#recordCount; record += 1) {
      const letterCount = this.#word(record, FLAGS) & LETTERS
      if (letterCount > 0) yield textOf(this.#records, record * RECORD_WORDS, letterCount)
      else if (record === this.#first) this.#first += 1
    }
  }

  /** Once all are taken: its owner is gone. */
  end(): void {
    this.#index.leave(this.#number)
  }

  /** Whoever once wanted many keeps no memory for them. */
  get #isSpare(): boolean {
    return this.#records.length > 8 * RECORD_WORDS * Math.max(RECORDS_MIN, this.#size)
  }

  /** Leaves the CID in `key`. */
  #slotOf(cid: Cid): number | undefined {
    if (this.#size === 0) return undefined
    const letterCount = lettersOf(cid, key)
    if (letterCount === 0) return undefined
    const mask = this.#slots.length - 1
    for (let slot = this.#index.hash(key, 0) & mask; ; slot = (slot + 1) & mask) {
      const held = this.#slots[slot] ?? 0
      if (held === 0) return undefined
      if (held !== GONE && this.#isKey(held - FIRST, letterCount)) return slot
    }
  }

  #isKey(record: number, letterCount: number): boolean {
    const at = record * RECORD_WORDS
    for (let word = 0; word < CID_WORDS; word += 1) if (this.#records[at + word] !== key[word]) return false
    return (this.#word(record, FLAGS) & LETTERS) === letterCount
  }

  #word(record: number, offset: number): number {
    return this.#records[record * RECORD_WORDS + offset] ?? 0
  }

  #place(record: number, hash: number): void {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while ((this.#slots[slot] ?? 0) >= FIRST) slot = (slot + 1) & mask
    this.#slots[slot] = record + FIRST
  }

  /**
   * Without those that were taken: in the memory that it has where they leave room enough, else in one with room for a quarter
   * more. So a third of the slots stay free, or more.
   */
  #rebuild(): void {
    const [old, oldSlots] = [this.#records, this.#slots]
    const isNew = this.#isSpare || old.length <= 1.1 * RECORD_WORDS * this.#size
    if (isNew) {
      const capacity = Math.max(RECORDS_MIN, Math.ceil(this.#size * 1.25))
      this.#records = new Int32Array(capacity * RECORD_WORDS)
      this.#slots = new Uint16Array(2 ** Math.ceil(Math.log2(1.5 * capacity)))
    } else oldSlots.fill(0)
    let count = 0
    for (let at = this.#first * RECORD_WORDS; at < this.#recordCount * RECORD_WORDS; at += RECORD_WORDS) {
      if (((old[at + FLAGS] ?? 0) & LETTERS) === 0) continue
      const to = count * RECORD_WORDS
      for (let word = 0; word < RECORD_WORDS; word += 1) this.#records[to + word] = old[at + word] ?? 0
      this.#place(count, this.#index.hash(this.#records, to))
      count += 1
    }
    this.#recordCount = count
    this.#first = 0
    // At once: what waits for the collector would be more than what is in use.
    if (isNew) for (const array of [old, oldSlots]) freeBytes(array)
  }
}
