import type { Cid } from '../ids.ts'
import { CID_WORDS, lettersOf } from './cid-text.ts'

/** Slots hold a hash and an owner: 0 is free, 1 was taken. */
const GONE = 1
const FIRST = 2
const SLOTS_MIN = 64

/** Used by one call at a time. */
const key = new Int32Array(CID_WORDS)

/**
 * Who wants what hash: owners by number, found by a hash of what they want, at 11 to 21 bytes each. Two things may have one
 * hash: whoever is found looks for itself. Bounded by the ledgers, whose wants it finds.
 */
export class AbsentIndex<Owner> {
  readonly #seed: number
  readonly #owners: (Owner | undefined)[] = []
  readonly #freeNumbers: number[] = []
  #hashes = new Int32Array(SLOTS_MIN)
  #numbers = new Int32Array(SLOTS_MIN)
  #size = 0
  /** Slots that are not free. */
  #usedCount = 0

  /** 32 bits that peers do not know, so that nobody can choose what falls on one slot. */
  constructor(seed: number) {
    this.#seed = seed
  }

  /** Of the CID whose words are at `start`: 32 bits, signed. */
  hash(words: Int32Array, start: number): number {
    let hash = this.#seed | 0
    for (let at = start; at < start + CID_WORDS; at += 1) {
      hash = Math.imul(hash ^ (words[at] ?? 0), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    return hash
  }

  /** The owner's number, until `leave`. */
  join(owner: Owner): number {
    const number = this.#freeNumbers.pop() ?? this.#owners.length
    this.#owners[number] = owner
    return number
  }

  /** Once nothing of its is left in here. */
  leave(number: number): void {
    this.#owners[number] = undefined
    this.#freeNumbers.push(number)
  }

  add(hash: number, number: number): void {
    if (4 * this.#usedCount >= 3 * this.#numbers.length) this.#rebuild()
    this.#put(hash, number + FIRST)
    this.#size += 1
  }

  delete(hash: number, number: number): void {
    const mask = this.#numbers.length - 1
    for (let slot = hash & mask; this.#numbers[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.#hashes[slot] !== hash || this.#numbers[slot] !== number + FIRST) continue
      this.#numbers[slot] = GONE
      this.#size -= 1
      return
    }
  }

  /** A copy; nobody twice, and perhaps somebody who does not want it. */
  of(cid: Cid): ReadonlySet<Owner> {
    const found = new Set<Owner>()
    if (this.#size === 0 || lettersOf(cid, key) === 0) return found
    const hash = this.hash(key, 0)
    const mask = this.#numbers.length - 1
    for (let slot = hash & mask; this.#numbers[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.#hashes[slot] !== hash) continue
      const owner = this.#owners[(this.#numbers[slot] ?? 0) - FIRST]
      if (owner !== undefined) found.add(owner)
    }
    return found
  }

  #put(hash: number, held: number): void {
    const mask = this.#numbers.length - 1
    let slot = hash & mask
    while ((this.#numbers[slot] ?? 0) >= FIRST) slot = (slot + 1) & mask
    if (this.#numbers[slot] === 0) this.#usedCount += 1
    this.#hashes[slot] = hash
    this.#numbers[slot] = held
  }

  /** Half of the slots are free then, or more. */
  #rebuild(): void {
    const [hashes, numbers] = [this.#hashes, this.#numbers]
    const slotCount = Math.max(SLOTS_MIN, 2 ** Math.ceil(Math.log2(2 * (this.#size + 1))))
    this.#hashes = new Int32Array(slotCount)
    this.#numbers = new Int32Array(slotCount)
    this.#usedCount = 0
    for (let slot = 0; slot < numbers.length; slot += 1) {
      const held = numbers[slot] ?? 0
      if (held >= FIRST) this.#put(hashes[slot] ?? 0, held)
    }
  }
}
