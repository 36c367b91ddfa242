/** One computer's disk: slow, failing, and losing what it has not acknowledged when the computer crashes. */
import type { HeaderStoreEffect, LoadHeaders, Persist } from '../../src/core/effect.ts'
import type { StoreEvent, StoreOpened } from '../../src/core/event.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

export type StoreFault = 'none' | 'reads-fail' | 'writes-fail' | 'quota-exceeded'

export interface SimulatedStoreOptions {
  readonly time: VirtualTime
  readonly random: Random
  readonly headerSizeBytes: number
  readonly isWritable: boolean
  /** Whose disk it is, for messages. */
  readonly name: string
  /** True when these headers follow the last stored one, or begin with genesis where nothing is stored. */
  readonly continues: (last: Uint8Array | undefined, append: Uint8Array) => boolean
}

export class SimulatedStore {
  fault: StoreFault = 'none'
  /** Added to every read and write. */
  delayMs = 0
  isWritable: boolean
  private readonly options: SimulatedStoreOptions
  private bytes = new Uint8Array(0)
  private lengthBytes = 0
  private work = 0n
  /** A write from this height on failed: until it is made good, nothing may build on it. */
  private soundCount = Infinity
  private queue: Persist[] = []
  private underWay: readonly Persist[] = []
  /** Grows with every crash: what was asked before is never answered. */
  private run = 0

  constructor(options: SimulatedStoreOptions) {
    this.options = options
    this.isWritable = options.isWritable
  }

  get headerCount(): number {
    return this.lengthBytes / this.options.headerSizeBytes
  }

  open(): StoreOpened {
    return {
      type: 'store-opened',
      headerCount: this.headerCount,
      lastHeader: this.last(),
      work: this.work,
      isWritable: this.isWritable,
    }
  }

  /** A copy of the header stored at this height. */
  header(height: number): Uint8Array {
    const size = this.options.headerSizeBytes
    return this.bytes.slice(height * size, (height + 1) * size)
  }

  /** Another tab, which holds the lock, has written what is in that store. */
  copyFrom(other: SimulatedStore): void {
    this.bytes = other.bytes.slice(0, other.lengthBytes)
    this.lengthBytes = other.lengthBytes
    this.work = other.work
  }

  perform(effect: HeaderStoreEffect, post: (event: StoreEvent) => void): void {
    if (effect.type === 'load-headers') this.load(effect, post)
    else {
      if (!this.isWritable) throw new Error('the core wrote to a store that is not writable')
      this.queue.push(effect)
      if (this.underWay.length === 0) this.commit(post)
    }
  }

  /** The process is gone. Of what was not acknowledged some, none or all is there, cut anywhere. */
  crash(): void {
    this.run += 1
    for (const write of [...this.underWay, ...this.queue]) {
      if (this.options.random.chance(0.5)) break
      const countMax = write.append.length / this.options.headerSizeBytes
      const isTorn = this.options.random.chance(0.3)
      const count = isTorn ? this.options.random.between(0, countMax) : countMax
      if (!this.apply(write, count * this.options.headerSizeBytes) || isTorn) break
    }
    this.queue = []
    this.underWay = []
    this.soundCount = Infinity
  }

  private load({ fromHeight, count }: LoadHeaders, post: (event: StoreEvent) => void): void {
    const run = this.run
    const size = this.options.headerSizeBytes
    this.options.time.after(this.delayMs + this.options.random.between(0, 20), () => {
      if (run !== this.run) return
      if (this.fault === 'reads-fail') {
        post({ type: 'load-failed', fromHeight, reason: 'the disk does not answer' })
        return
      }
      const end = Math.min(this.lengthBytes, (fromHeight + count) * size)
      post({ type: 'headers-loaded', fromHeight, headers: this.bytes.slice(fromHeight * size, Math.max(end, 0)) })
    })
  }

  /** All that is queued, as one group. */
  private commit(post: (event: StoreEvent) => void): void {
    const run = this.run
    this.underWay = this.queue
    this.queue = []
    this.options.time.after(this.delayMs + this.options.random.between(1, 40), () => {
      if (run !== this.run) return
      const group = this.underWay
      this.underWay = []
      this.finish(group, post)
      if (this.queue.length > 0) this.commit(post)
    })
  }

  private finish(group: readonly Persist[], post: (event: StoreEvent) => void): void {
    let durable: number | undefined
    let hasFailed = this.fault === 'writes-fail' || this.fault === 'quota-exceeded'
    for (const write of group) {
      hasFailed ||= !this.apply(write, write.append.length)
      if (!hasFailed) durable = write.sequence
      else {
        this.soundCount = Math.min(this.soundCount, write.truncateTo)
        const reason = this.fault === 'quota-exceeded' ? 'quota-exceeded' : 'write-failed'
        post({ type: 'persist-failed', sequence: write.sequence, reason, detail: 'the disk said no' })
      }
    }
    if (durable !== undefined) post({ type: 'persisted', sequence: durable })
  }

  /** False when an earlier write that this one builds on failed. */
  private apply(write: Persist, appendBytes: number): boolean {
    const from = write.truncateTo * this.options.headerSizeBytes
    if (from > this.lengthBytes || write.truncateTo > this.soundCount) return false
    this.soundCount = Infinity
    this.lengthBytes = from
    const append = write.append.subarray(0, appendBytes)
    if (append.length > 0 && !this.options.continues(this.last(), append)) {
      const count = append.length / this.options.headerSizeBytes
      throw new Error(`S2: ${this.options.name} writes ${count} headers at ${write.truncateTo} that do not continue it`)
    }
    const length = from + append.length
    if (length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.bytes.length * 2))
      larger.set(this.bytes.subarray(0, from))
      this.bytes = larger
    }
    this.bytes.set(append, from)
    this.lengthBytes = length
    this.work = write.work
    return true
  }

  private last(): Uint8Array | undefined {
    return this.lengthBytes === 0 ? undefined : this.header(this.headerCount - 1)
  }
}
