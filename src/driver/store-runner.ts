import type { HeaderStoreEffect } from '../core/effect.ts'
import type { StoredPart, StoreEvent } from '../core/event.ts'
import { freeBytes } from '../core/free-bytes.ts'
import type { HeaderStore, OpenedStore } from '../store/store.ts'
import { StoreError } from '../store/store.ts'

type PersistEffect = Extract<HeaderStoreEffect, { type: 'persist' }>

/** The store's heights whose headers tell where its chain and ours part: the tip, ten below it, then doubling steps. */
const DENSE_SAMPLE_COUNT = 10

/**
 * Carries out the core's reads and writes: writes in order, all that wait for one part of the store in one commit.
 * After a write that failed none that builds on it is carried out: none, until one reaches down to where it began.
 */
export class StoreRunner {
  readonly #store: HeaderStore
  readonly #headerSizeBytes: number
  readonly #post: (event: StoreEvent) => void
  readonly #onWritable: ((opened: OpenedStore) => void) | undefined
  #waiting: PersistEffect[] = []
  /** By `isUpper`: that part of the store may be wrong from this height on, because a write that began there failed. */
  readonly #failedFromHeight = new Map<boolean | undefined, number>()
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
    const { isWritable, upper } = opened
    try {
      const lower = await this.#part(opened, false)
      this.#post({ type: 'store-opened', ...lower, upper: await this.#part(upper, true), isWritable })
    } catch (error) {
      await this.#store.close()
      throw error
    }
    this.#store.onWritable((now) => {
      this.#onWritable?.(now)
      this.#track(this.#becameWritable(now))
    })
    return opened
  }

  async #part({ headerCount, work }: OpenedStore['upper'], isUpper: boolean): Promise<StoredPart> {
    const lastHeader = headerCount > 0 ? await this.#headerAt(headerCount - 1, isUpper) : undefined
    return { headerCount: lastHeader === undefined ? 0 : headerCount, lastHeader, work }
  }

  perform(effect: HeaderStoreEffect): void {
    if (this.#isClosed) return
    if (effect.type === 'load-headers') this.#track(this.#load(effect))
    else if (this.#buildsOnFailure(effect)) {
      const detail = 'a write that this one builds on has failed'
      this.#post({ type: 'persist-failed', sequence: effect.sequence, reason: 'write-failed', detail })
    } else {
      this.#failedFromHeight.delete(effect.isUpper)
      this.#waiting.push(effect)
      this.#writing ??= this.#writeAll()
    }
  }

  /** The core may have asked for it before it heard of the failure. */
  #buildsOnFailure({ truncateTo, isUpper }: PersistEffect): boolean {
    return truncateTo > (this.#failedFromHeight.get(isUpper) ?? Infinity)
  }

  /** Resolves when what was asked for is written, and the store is closed. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing
    await Promise.all(this.#reading)
    await this.#store.close()
  }

  async #writeAll(): Promise<void> {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { isUpper, sequence } = first
      const otherIndex = this.#waiting.findIndex((effect) => effect.isUpper !== isUpper)
      const effects = this.#waiting.splice(0, otherIndex === -1 ? Infinity : otherIndex)
      try {
        await this.#store.write(effects)
        for (const { append } of effects) freeBytes(append)
        this.#post({ type: 'persisted', sequence: sequence + effects.length - 1 })
      } catch (error) {
        const lost = [...effects, ...this.#waiting.splice(0)]
        for (const { isUpper: part, truncateTo } of lost) {
          this.#failedFromHeight.set(part, Math.min(truncateTo, this.#failedFromHeight.get(part) ?? Infinity))
        }
        this.#post({ type: 'persist-failed', sequence, ...reasonOf(error) })
      }
    }
    this.#writing = undefined
  }

  async #load(effect: Extract<HeaderStoreEffect, { type: 'load-headers' }>): Promise<void> {
    try {
      this.#post({ ...effect, type: 'headers-loaded', headers: await this.#store.read(effect) })
    } catch (error) {
      this.#post({ ...effect, type: 'load-failed', reason: messageOf(error) })
    }
  }

  async #becameWritable({ headerCount, upper }: OpenedStore): Promise<void> {
    try {
      const samples: { height: number; header: Uint8Array }[] = []
      for (const height of sampleHeights(headerCount)) {
        const header = await this.#headerAt(height)
        if (header !== undefined) samples.push({ height, header })
      }
      this.#post({ type: 'store-became-writable', headerCount, samples, hasUpper: upper.headerCount > 0 })
    } catch (error) {
      this.#post({ type: 'load-failed', fromHeight: 0, reason: messageOf(error) })
    }
  }

  async #headerAt(height: number, isUpper = false): Promise<Uint8Array | undefined> {
    const header = await this.#store.read({ fromHeight: height, count: 1, isUpper })
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
