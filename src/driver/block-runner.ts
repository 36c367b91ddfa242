import type { ExchangeStoreEffect } from '../core/exchange/exchange-effect.ts'
import type { BlockStore, BlockWrite } from '../store/block-store.ts'
import type { BlockReadsOptions } from './block-reads.ts'
import { BlockReads } from './block-reads.ts'
import type { BlockWritesOptions } from './block-writes.ts'
import { BlockWrites } from './block-writes.ts'
import type { BlockPerformer } from './driver.ts'

export type BlockRunnerOptions = BlockReadsOptions & BlockWritesOptions

/** Carries out the core's reads and writes of blocks, and those writes that the app asks for. */
export class BlockRunner implements BlockPerformer {
  readonly #store: BlockStore
  readonly #reads: BlockReads
  readonly #writes: BlockWrites

  constructor(options: BlockRunnerOptions) {
    this.#store = options.store
    this.#reads = new BlockReads(options)
    this.#writes = new BlockWrites(options)
  }

  /** Rejects with `StoreError`. */
  open(): Promise<void> {
    return this.#store.open()
  }

  perform(effect: ExchangeStoreEffect): void {
    if (effect.type === 'save-blocks') this.#writes.save(effect.blocks)
    else this.#reads.perform(effect)
  }

  /** Behind the writes that wait; resolves when it is kept and the core is told of its blocks. Rejects with `StoreError`. */
  put(write: BlockWrite): Promise<void> {
    return this.#writes.put(write)
  }

  /** Writes what waits, lets the reads under way end, and closes the store. Reads that wait are not answered any more. */
  async close(): Promise<void> {
    await Promise.all([this.#writes.close(), this.#reads.close()])
    await this.#store.close()
  }
}
