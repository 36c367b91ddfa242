import type { NetworkFailure } from '../core/failure.ts'
import type { Root } from '../core/ids.ts'

/** Bitcoin Core net_processing.cpp, MAX_BLOCKS_IN_TRANSIT_PER_PEER. */
export const BLOCKS_IN_FLIGHT_MAX = 16

export type BlockAnswer =
  /** The whole block, with witnesses; its header has the root that was asked for, and nothing else of it was checked. */
  | { readonly type: 'block'; readonly bytes: Uint8Array }
  | { readonly type: 'not-found' }
  | { readonly type: 'failed'; readonly failure: NetworkFailure }

interface Pending {
  readonly deadlineMs: number
  readonly resolve: (answer: BlockAnswer) => void
}

/** Whole blocks asked of one peer. */
export class BitcoinBlockRequests {
  readonly #pending = new Map<Root, Pending>()
  /** Given up, and may still come; oldest forgotten first. */
  readonly #late = new Set<Root>()
  readonly #send: (root: Root) => void
  #missedCount = 0

  constructor(send: (root: Root) => void) {
    this.#send = send
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /** Blocks that did not come: not found, or too late. */
  get missedCount(): number {
    return this.#missedCount
  }

  /** A block may come. */
  get isWaiting(): boolean {
    return this.#pending.size > 0 || this.#late.size > 0
  }

  request(root: Root, deadlineMs: number): Promise<BlockAnswer> {
    if (this.#pending.has(root) || this.#pending.size >= BLOCKS_IN_FLIGHT_MAX) {
      return Promise.resolve({ type: 'failed', failure: 'refused' })
    }
    this.#send(root)
    return new Promise((resolve) => this.#pending.set(root, { deadlineMs, resolve }))
  }

  /** False when nobody asked for it. */
  blockCame(root: Root, bytes: Uint8Array): boolean {
    return this.#settle(root, { type: 'block', bytes }) || this.#late.delete(root)
  }

  notFound(root: Root): void {
    if (!this.#settle(root, { type: 'not-found' })) this.#late.delete(root)
  }

  tick(nowMs: number): void {
    for (const [root, { deadlineMs }] of this.#pending) {
      if (nowMs < deadlineMs) continue
      this.#settle(root, { type: 'failed', failure: 'timeout' })
      this.#late.add(root)
      for (const oldest of this.#late) {
        if (this.#late.size <= BLOCKS_IN_FLIGHT_MAX) break
        this.#late.delete(oldest)
      }
    }
  }

  /** The connection is gone. */
  end(): void {
    for (const root of this.#pending.keys()) this.#settle(root, { type: 'failed', failure: 'closed' })
    this.#late.clear()
  }

  #settle(root: Root, answer: BlockAnswer): boolean {
    const pending = this.#pending.get(root)
    this.#pending.delete(root)
    if (pending !== undefined && answer.type !== 'block') this.#missedCount += 1
    pending?.resolve(answer)
    return pending !== undefined
  }
}
