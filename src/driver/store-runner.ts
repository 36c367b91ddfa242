import type { HeaderStoreEffect } from '../core/effect.ts'
import type { StoreEvent } from '../core/event.ts'
import type { HeaderStore, OpenedStore, StoreWrite } from '../store/store.ts'
import { StoreError } from '../store/store.ts'

type PersistEffect = Extract<HeaderStoreEffect, { type: 'persist' }>

/** The store's heights whose headers tell where its chain and ours part: the tip, ten below it, then doubling steps. */
const DENSE_SAMPLE_COUNT = 10

/**
 * Carries out the core's reads and writes: writes in order, all that wait in one commit.
 * After a write that failed none that builds on it is carried out: none, until one reaches down to where it began.
 */
export class StoreRunner {
  readonly #store: HeaderStore
  readonly #headerSizeBytes: number
  readonly #post: (event: StoreEvent) => void
  readonly #onWritable: ((opened: OpenedStore) => void) | undefined
  #waiting: PersistEffect[] = []
  /** The store may be wrong from this height on, because a write that began there failed. */
  #failedFromHeight: number | undefined
  #writing: Promise<void> | undefined
  readonly #reading = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: {
    store: HeaderStore
    headerSizeBytes: number
    post: (event: StoreEvent) => void
    onWritable: ((opened: OpenedStore) => void) | undefined
  }) {
    this.#store = options.store
    this.#headerSizeBytes = options.headerSizeBytes
    this.#post = options.post
    this.#onWritable = options.onWritable
  }

  /** Opens the store and tells the core what is in it. Rejects with `StoreError`; then the store is closed. */
  async open(): Promise<OpenedStore> {
    const opened = await this.#store.open()
    const { headerCount, work, isWritable } = opened
    let lastHeader: Uint8Array | undefined
    try {
      lastHeader = headerCount > 0 ? await this.#headerAt(headerCount - 1) : undefined
    } catch (error) {
      await this.#store.close()
      throw error
    }
    this.#post({
      type: 'store-opened',
      headerCount: lastHeader === undefined ? 0 : headerCount,
      lastHeader,
      work,
      isWritable,
    })
    this.#store.onWritable((now) => {
      this.#onWritable?.(now)
      this.#track(this.#becameWritable(now))
    })
    return opened
  }

  perform(effect: HeaderStoreEffect): void {
    if (this.#isClosed) return
    if (effect.type === 'load-headers') this.#track(this.#load(effect))
    else if (this.#buildsOnFailure(effect)) {
      const detail = 'a write that this one builds on has failed'
      this.#post({ type: 'persist-failed', sequence: effect.sequence, reason: 'write-failed', detail })
    } else {
      this.#failedFromHeight = undefined
      this.#waiting.push(effect)
      this.#writing ??= this.#writeAll()
    }
  }

  /** The core may have asked for it before it heard of the failure. */
  #buildsOnFailure({ truncateTo }: PersistEffect): boolean {
    return this.#failedFromHeight !== undefined && truncateTo > this.#failedFromHeight
  }

  /** Resolves when what was asked for is written, and the store is closed. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing
    await Promise.all(this.#reading)
    await this.#store.close()
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const effects = this.#waiting.splice(0)
      const first = effects[0]
      const last = effects.at(-1)
      if (first === undefined || last === undefined) break
      const writes: StoreWrite[] = effects.map(({ truncateTo, append, work }) => ({ truncateTo, append, work }))
      try {
        await this.#store.write(writes)
        this.#post({ type: 'persisted', sequence: last.sequence })
      } catch (error) {
        const lost = [...effects, ...this.#waiting.splice(0)]
        this.#failedFromHeight = Math.min(...lost.map(({ truncateTo }) => truncateTo))
        this.#post({ type: 'persist-failed', sequence: first.sequence, ...reasonOf(error) })
      }
    }
    this.#writing = undefined
  }

  async #load({ fromHeight, count }: Extract<HeaderStoreEffect, { type: 'load-headers' }>): Promise<void> {
    try {
      const headers = await this.#store.read({ fromHeight, count })
      this.#post({ type: 'headers-loaded', fromHeight, headers })
    } catch (error) {
      this.#post({ type: 'load-failed', fromHeight, reason: messageOf(error) })
    }
  }

  async #becameWritable({ headerCount }: OpenedStore): Promise<void> {
    try {
      const samples: { height: number; header: Uint8Array }[] = []
      for (const height of sampleHeights(headerCount)) {
        const header = await this.#headerAt(height)
        if (header !== undefined) samples.push({ height, header })
      }
      this.#post({ type: 'store-became-writable', headerCount, samples })
    } catch (error) {
      this.#post({ type: 'load-failed', fromHeight: 0, reason: messageOf(error) })
    }
  }

  async #headerAt(height: number): Promise<Uint8Array | undefined> {
    const header = await this.#store.read({ fromHeight: height, count: 1 })
    return header.length === this.#headerSizeBytes ? header : undefined
  }

  #track(work: Promise<void>): void {
    this.#reading.add(work)
    void work.finally(() => this.#reading.delete(work))
  }
}

function sampleHeights(headerCount: number): readonly number[] {
  const heights: number[] = []
  let step = 1
  for (let height = headerCount - 1; height > 0; height -= step) {
    heights.push(height)
    if (heights.length >= DENSE_SAMPLE_COUNT) step *= 2
  }
  if (headerCount > 0) heights.push(0)
  return heights
}

function reasonOf(error: unknown): { reason: 'quota-exceeded' | 'write-failed' | 'lost-lock'; detail: string } {
  const code = error instanceof StoreError ? error.code : 'write-failed'
  const reason = code === 'quota-exceeded' || code === 'lost-lock' ? code : 'write-failed'
  return { reason, detail: messageOf(error) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
