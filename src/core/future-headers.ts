import type { PeerSource } from './batch-queue.ts'
import type { PeerId, Root } from './ids.ts'
import { FUTURE_RUNS_MAX } from './limits.ts'

export interface FutureRun {
  readonly source: PeerSource
  readonly headers: Uint8Array
  readonly last: Root
  readonly dueMs: number
}

/** Headers whose time has not come: kept, one run a peer, and tried again. Nobody is struck for them. */
export class FutureHeaders {
  /** Bounded by FUTURE_RUNS_MAX runs of one message each. */
  readonly #runs = new Map<PeerId, FutureRun>()

  get size(): number {
    return this.#runs.size
  }

  get nextDueMs(): number | undefined {
    let next: number | undefined
    for (const { dueMs } of this.#runs.values()) next = Math.min(next ?? Infinity, dueMs)
    return next
  }

  /** Keeps the newest run of each peer. `dropped` is what is not kept: an older run of that peer, or this one for want of room. */
  add(run: FutureRun): { readonly isNew: boolean; readonly dropped: FutureRun | undefined } {
    const { peer } = run.source
    const older = this.#runs.get(peer)
    if (older === undefined && this.#runs.size >= FUTURE_RUNS_MAX) return { isNew: false, dropped: run }
    this.#runs.set(peer, run)
    return { isNew: older?.last !== run.last, dropped: older }
  }

  holdsAncestorsOf(root: Root): boolean {
    for (const { source } of this.#runs.values())
      if (source.type === 'ancestors' && source.roots.includes(root)) return true
    return false
  }

  takeDue(nowMs: number): readonly FutureRun[] {
    const due = [...this.#runs.values()].filter(({ dueMs }) => nowMs >= dueMs)
    for (const { source } of due) this.#runs.delete(source.peer)
    return due
  }

  /** All are due: the clock that they were early by has changed. */
  retry(): void {
    for (const [peer, run] of this.#runs) this.#runs.set(peer, { ...run, dueMs: 0 })
  }

  dropOf(peer: PeerId): void {
    this.#runs.delete(peer)
  }

  clear(): void {
    this.#runs.clear()
  }
}
