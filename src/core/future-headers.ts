import type { PeerId, Root } from './ids.ts'
import { FUTURE_RUNS_MAX } from './limits.ts'

interface FutureRun {
  readonly peer: PeerId
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

  /** False when this peer's very run was kept before, or when there is no room. */
  add(run: FutureRun): boolean {
    const existing = this.#runs.get(run.peer)
    if (existing === undefined && this.#runs.size >= FUTURE_RUNS_MAX) return false
    this.#runs.set(run.peer, run)
    return existing?.last !== run.last
  }

  takeDue(nowMs: number): readonly FutureRun[] {
    const due = [...this.#runs.values()].filter(({ dueMs }) => nowMs >= dueMs)
    for (const { peer } of due) this.#runs.delete(peer)
    return due
  }

  dropOf(peer: PeerId): void {
    this.#runs.delete(peer)
  }

  clear(): void {
    this.#runs.clear()
  }
}
