import type { Cid } from '../ids.ts'

/** Entries of all ledgers whose block is not known to be here, by CID. Bounded as the ledgers are. */
export class AwaitedBlocks<Entry extends { readonly cid: Cid }> {
  /** One entry stands for itself; most blocks are wanted by one peer. */
  readonly #entries = new Map<Cid, Entry | Set<Entry>>()

  add(entry: Entry): void {
    const held = this.#entries.get(entry.cid)
    if (held === undefined) this.#entries.set(entry.cid, entry)
    else if (held instanceof Set) held.add(entry)
    else if (held !== entry) this.#entries.set(entry.cid, new Set([held, entry]))
  }

  delete(entry: Entry): void {
    const held = this.#entries.get(entry.cid)
    if (held === entry) this.#entries.delete(entry.cid)
    else if (held instanceof Set && held.delete(entry) && held.size === 0) this.#entries.delete(entry.cid)
  }

  /** A copy. */
  of(cid: Cid): readonly Entry[] {
    const held = this.#entries.get(cid)
    if (held === undefined) return []
    return held instanceof Set ? [...held] : [held]
  }
}
