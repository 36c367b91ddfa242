import type { Cid } from '../ids.ts'
import { SETTLED_ASKS_PER_GENERATION_MAX } from '../limits.ts'

/**
 * What one peer was asked for and need not send any more: what comes of it all the same is late, not a lie.
 * Two generations; the older one is forgotten when the younger is full, at SETTLED_ASKS_PER_GENERATION_MAX.
 */
export class RecentCids {
  #young = new Set<Cid>()
  #old = new Set<Cid>()

  /** Nothing was ever asked of it, but for what it still owes. */
  get isEmpty(): boolean {
    return this.#young.size === 0
  }

  add(cid: Cid): void {
    if (this.#young.size >= SETTLED_ASKS_PER_GENERATION_MAX) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(cid)
  }

  has(cid: Cid): boolean {
    return this.#young.has(cid) || this.#old.has(cid)
  }
}
