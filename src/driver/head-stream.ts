import type { Head } from '../core/chain.ts'

type Waiter = {
  readonly resolve: (result: IteratorResult<Head, undefined>) => void
  readonly reject: (reason: unknown) => void
}

/** The current head, then always the newest: a slow reader misses those between, and nothing piles up. */
export class HeadStream implements AsyncIterableIterator<Head> {
  readonly #onEnd: () => void
  readonly #signal: AbortSignal | undefined
  #newest: Head | undefined
  #waiters: Waiter[] = []
  #isEnded = false

  constructor(options: { first: Head; signal: AbortSignal | undefined; onEnd: () => void }) {
    this.#newest = options.first
    this.#onEnd = options.onEnd
    this.#signal = options.signal
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  readonly #onAbort = (): void => {
    for (const { reject } of this.#waiters.splice(0)) reject(this.#signal?.reason)
    this.end()
  }

  push(head: Head): void {
    if (this.#isEnded) return
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#newest = head
    else waiter.resolve({ value: head, done: false })
  }

  /** The reader's loop ends; a head that waits is still read. */
  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    for (const { resolve } of this.#waiters.splice(0)) resolve({ value: undefined, done: true })
    this.#onEnd()
  }

  next(): Promise<IteratorResult<Head, undefined>> {
    if (this.#signal?.aborted === true) return Promise.reject(this.#signal.reason as Error)
    const value = this.#newest
    this.#newest = undefined
    if (value !== undefined) return Promise.resolve({ value, done: false })
    if (this.#isEnded) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<Head, undefined>> {
    this.#newest = undefined
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
