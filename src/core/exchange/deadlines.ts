import { Heap } from './heap.ts'

interface Entry<Key> {
  readonly key: Key
  /** Infinity once it is called off. */
  dueMs: number
  /** Where it stands in the heap: never later than `dueMs`. */
  heapMs: number
}

/** Entries called off that may stand in the heap beside as many that count. */
const CALLED_OFF_MIN = 64

/**
 * When each of these is due. To know the next one, to call one off and to put one off is cheap, however many there are:
 * one that was put off moves in the heap only when its old time has come to the top. Bounded by who sets them.
 */
export class Deadlines<Key> {
  readonly #entries = new Map<Key, Entry<Key>>()
  readonly #heap = new Heap<Entry<Key>>((entry, other) => entry.heapMs < other.heapMs)

  get size(): number {
    return this.#entries.size
  }

  keys(): Iterable<Key> {
    return this.#entries.keys()
  }

  has(key: Key): boolean {
    return this.#entries.has(key)
  }

  set(key: Key, dueMs: number): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined && dueMs >= entry.heapMs) {
      entry.dueMs = dueMs
      return
    }
    if (entry !== undefined) entry.dueMs = Infinity
    const added = { key, dueMs, heapMs: dueMs }
    this.#entries.set(key, added)
    this.#heap.push(added)
    this.#compact()
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.dueMs = Infinity
    this.#entries.delete(key)
    this.#compact()
  }

  /** Infinity when nothing is due. */
  next(): number {
    for (let top = this.#heap.top; top !== undefined; top = this.#heap.top) {
      if (top.dueMs === top.heapMs) return top.dueMs
      this.#heap.pop()
      if (top.dueMs === Infinity) continue
      top.heapMs = top.dueMs
      this.#heap.push(top)
    }
    return Infinity
  }

  /** One that is due, called off by that; undefined when none is. */
  take(nowMs: number): Key | undefined {
    if (this.next() > nowMs) return undefined
    const key = this.#heap.top?.key
    if (key !== undefined) this.delete(key)
    return key
  }

  shift(byMs: number): void {
    const entries = [...this.#entries.values()]
    this.clear()
    for (const { key, dueMs } of entries) this.set(key, dueMs + byMs)
  }

  clear(): void {
    this.#entries.clear()
    this.#heap.retain(() => false)
  }

  #compact(): void {
    if (this.#heap.size > 2 * this.#entries.size + CALLED_OFF_MIN) this.#heap.retain(({ dueMs }) => dueMs !== Infinity)
  }
}
