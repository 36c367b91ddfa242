import type { Cid } from '../ids.ts'
import { SETTLED_ASKS_PER_GENERATION_MAX } from '../limits.ts'

/**
 * What one peer was asked for and need not send any more, and how often it may come all the same: late, not a lie.
 * Two generations; the older one is forgotten when the younger is full, at SETTLED_ASKS_PER_GENERATION_MAX.
 */
export class RecentCids {
  #young = new Map<Cid, number>()
  #old = new Map<Cid, number>()

  /** Nothing was ever asked of it, but for what it still owes. */
  get isEmpty(): boolean {
    return this.#young.size === 0
  }

  add(cid: Cid, count: number): void {
    if (this.#young.size >= SETTLED_ASKS_PER_GENERATION_MAX) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(cid, (this.#young.get(cid) ?? 0) + count)
  }

  /** It came; true when it was still to be expected. */
  take(cid: Cid): boolean {
    for (const counts of [this.#young, this.#old]) {
      const count = counts.get(cid) ?? 0
      if (count === 0) continue
      counts.set(cid, count - 1)
      return true
    }
    return false
  }
}
