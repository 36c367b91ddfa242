/** One computer's blocks: slow, failing, forgetting the one used least, and losing the last ones when it crashes. */
import type { ExchangeStoreEffect } from '../../src/core/exchange/exchange-effect.ts'
import type { ExchangeStoreEvent } from '../../src/core/exchange/exchange-event.ts'
import type { Cid, Root } from '../../src/core/ids.ts'
import type { Random } from './random.ts'
import type { ToyBlock } from './toy-content.ts'
import { toyOutline } from './toy-content.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Blocks that a power cut may take. */
const TORN_BLOCKS_MAX = 8

export type BlockStoreFault = 'none' | 'reads-fail' | 'writes-fail' | 'silent'

type ReadEffect = Exclude<ExchangeStoreEffect, { type: 'save-blocks' }>

export class SimulatedBlockStore {
  fault: BlockStoreFault = 'none'
  /** Added to every read and write. */
  delayMs = 0
  /** Blocks beyond this many go, those first that were used least recently. */
  capacity = Infinity
  /** Root by root; what they hold follows from the root. */
  readonly outlines: Set<Root> = new Set<Root>()
  /** Least recently used first. */
  private readonly blocks = new Map<Cid, Uint8Array>()
  private readonly time: VirtualTime
  private readonly random: Random
  /** Grows with every crash: what was asked before is never answered. */
  private run = 0

  constructor(options: { readonly time: VirtualTime; readonly random: Random }) {
    this.time = options.time
    this.random = options.random
  }

  has(cid: Cid): boolean {
    return this.blocks.has(cid)
  }

  get(cid: Cid): Uint8Array | undefined {
    return this.blocks.get(cid)
  }

  put({ cid, bytes }: ToyBlock): void {
    this.blocks.delete(cid)
    this.blocks.set(cid, bytes)
    this.evictTo(this.capacity)
  }

  evictTo(countMax: number): void {
    for (const cid of this.blocks.keys()) {
      if (this.blocks.size <= countMax) return
      this.blocks.delete(cid)
    }
  }

  crash(): void {
    this.run += 1
    const lostCount = this.random.below(TORN_BLOCKS_MAX)
    for (const cid of [...this.blocks.keys()].slice(this.blocks.size - lostCount)) this.blocks.delete(cid)
  }

  perform(effect: ExchangeStoreEffect, post: (event: ExchangeStoreEvent) => void): void {
    const run = this.run
    if (effect.type !== 'save-blocks') {
      this.read(effect, (event) => {
        if (run === this.run) post(event)
      })
      return
    }
    const { blocks } = effect
    this.time.after(this.delayMs + this.random.between(1, 40), () => {
      if (run !== this.run || this.fault === 'writes-fail') return
      for (const block of blocks) this.put(block)
      post({ type: 'blocks-stored', blocks: blocks.map(({ cid, bytes }) => ({ cid, sizeBytes: bytes.length })) })
    })
  }

  /** Answered by the deadline, whatever the disk does. */
  private read(effect: ReadEffect, post: (event: ExchangeStoreEvent) => void): void {
    const { load, timeoutMs } = effect
    const delayMs = this.fault === 'silent' ? Infinity : this.delayMs + this.random.between(0, 20)
    const fail = (reason: string): void => post({ type: 'blocks-load-failed', load, reason })
    if (delayMs >= timeoutMs) {
      this.time.after(timeoutMs, () => fail('the disk is too slow'))
      return
    }
    this.time.after(delayMs, () => {
      if (this.fault === 'reads-fail') fail('the disk does not answer')
      else post(this.answer(effect))
    })
  }

  private answer(effect: ReadEffect): ExchangeStoreEvent {
    const { load } = effect
    switch (effect.type) {
      case 'find-blocks':
        return { type: 'blocks-found', load, sizes: effect.cids.map((cid) => this.blocks.get(cid)?.length) }
      case 'load-blocks':
        return { type: 'blocks-loaded', load, blocks: this.load(effect.cids, effect.bytesMax) }
      case 'load-outline': {
        const outline = this.outlines.has(effect.root) ? toyOutline(effect.root) : undefined
        return { type: 'outline-loaded', load, outline }
      }
    }
  }

  private load(cids: readonly Cid[], bytesMax: number): readonly (Uint8Array | undefined)[] {
    const loaded: (Uint8Array | undefined)[] = []
    let sizeBytes = 0
    for (const cid of cids) {
      const bytes = this.blocks.get(cid)
      sizeBytes += bytes?.length ?? 0
      if (loaded.length > 0 && sizeBytes > bytesMax) break
      loaded.push(bytes)
      if (bytes !== undefined) this.put({ cid, bytes })
    }
    return loaded
  }
}
