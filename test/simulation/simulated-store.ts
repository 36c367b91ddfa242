/** One computer's disk: slow, failing, and losing what it has not acknowledged when the computer crashes. */
import type { HeaderStoreEffect, LoadHeaders, Persist } from '../../src/core/effect.ts'
import type { StoredPart, StoreEvent, StoreOpened } from '../../src/core/event.ts'
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
  /**
   * True when these headers follow the last stored one; where nothing is stored, when they begin with genesis, or in the upper part
   * follow the last checkpoint.
   */
  readonly continues: (last: Uint8Array | undefined, append: Uint8Array, isUpper: boolean) => boolean
}

/** Headers that follow one another. */
class Part {
  private readonly size: number
  private bytes = new Uint8Array(0)
  private lengthBytes = 0
  work = 0n
  /** A write from this height on failed: until it is made good, nothing may build on it. */
  soundCount = Infinity

  constructor(headerSizeBytes: number) {
    this.size = headerSizeBytes
  }

  get headerCount(): number {
    return this.lengthBytes / this.size
  }

  /** A copy; fewer than `count` at the end. */
  slice(fromHeight: number, count: number): Uint8Array {
    const end = Math.min(this.lengthBytes, (fromHeight + count) * this.size)
    return this.bytes.slice(fromHeight * this.size, Math.max(end, 0))
  }

  stored(): StoredPart {
    const { headerCount, work } = this
    return { headerCount, lastHeader: headerCount === 0 ? undefined : this.slice(headerCount - 1, 1), work }
  }

  replace(truncateTo: number, append: Uint8Array, work: bigint): void {
    const from = truncateTo * this.size
    const length = from + append.length
    if (length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.bytes.length * 2))
      larger.set(this.bytes.subarray(0, from))
      this.bytes = larger
    }
    this.bytes.set(append, from)
    this.lengthBytes = length
    this.work = work
  }
}

export class SimulatedStore {
  fault: StoreFault = 'none'
  /** Added to every read and write. */
  delayMs = 0
  isWritable: boolean
  private readonly options: SimulatedStoreOptions
  private readonly lower: Part
  private readonly upper: Part
  private queue: Persist[] = []
  private underWay: readonly Persist[] = []
  /** Grows with every crash: what was asked before is never answered. */
  private run = 0

  constructor(options: SimulatedStoreOptions) {
    this.options = options
    this.isWritable = options.isWritable
    this.lower = new Part(options.headerSizeBytes)
    this.upper = new Part(options.headerSizeBytes)
  }

  get headerCount(): number {
    return this.lower.headerCount
  }

  get hasUpper(): boolean {
    return this.upper.headerCount > 0
  }

  open(): StoreOpened {
    return {
      type: 'store-opened',
      ...this.lower.stored(),
      upper: this.upper.stored(),
      isWritable: this.isWritable,
    }
  }

  /** A copy of the header stored at this height. */
  header(height: number): Uint8Array {
    return this.lower.slice(height, 1)
  }

  /** Another tab, which holds the lock, has written what is in that store. */
  copyFrom(other: SimulatedStore): void {
    this.lower.replace(0, other.lower.slice(0, Infinity), other.lower.work)
    this.upper.replace(0, other.upper.slice(0, Infinity), other.upper.work)
  }

  private part(isUpper = false): Part {
    return isUpper ? this.upper : this.lower
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
    this.lower.soundCount = Infinity
    this.upper.soundCount = Infinity
  }

  private load({ fromHeight, count, isUpper = false }: LoadHeaders, post: (event: StoreEvent) => void): void {
    const run = this.run
    this.options.time.after(this.delayMs + this.options.random.between(0, 20), () => {
      if (run !== this.run) return
      if (this.fault === 'reads-fail') {
        post({ type: 'load-failed', isUpper, fromHeight, reason: 'the disk does not answer' })
        return
      }
      post({ type: 'headers-loaded', isUpper, fromHeight, headers: this.part(isUpper).slice(fromHeight, count) })
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
        const part = this.part(write.isUpper)
        part.soundCount = Math.min(part.soundCount, write.truncateTo)
        const reason = this.fault === 'quota-exceeded' ? 'quota-exceeded' : 'write-failed'
        post({ type: 'persist-failed', sequence: write.sequence, reason, detail: 'the disk said no' })
      }
    }
    if (durable !== undefined) post({ type: 'persisted', sequence: durable })
  }

  /** False when an earlier write that this one builds on failed. */
  private apply({ isUpper = false, truncateTo, append, work }: Persist, appendBytes: number): boolean {
    const part = this.part(isUpper)
    if (truncateTo > part.headerCount || truncateTo > part.soundCount) return false
    part.soundCount = Infinity
    const kept = append.subarray(0, appendBytes)
    const last = truncateTo === 0 ? undefined : part.slice(truncateTo - 1, 1)
    if (kept.length > 0 && !this.options.continues(last, kept, isUpper)) {
      const count = kept.length / this.options.headerSizeBytes
      const where = isUpper ? 'above the checkpoint' : 'from genesis on'
      throw new Error(
        `S2: ${this.options.name} writes ${count} headers at ${truncateTo} ${where} that do not continue it`,
      )
    }
    part.replace(truncateTo, kept, work)
    return true
  }
}
