import type { WarningCode } from '../core/effect.ts'
import type { BlocksStored } from '../core/exchange/exchange-event.ts'
import type { BlockStore, BlockWrite } from '../store/block-store.ts'
import { StoreError } from '../store/store.ts'

/** Received blocks that wait to be saved; beyond it they are not kept: they are only a cache. */
const WAITING_SAVE_BYTES_MAX: number = 8 * 1024 * 1024
/** Saved in one commit: some milliseconds of a loop that does other things too. */
const COMMIT_BYTES_MAX: number = 1024 * 1024

type Block = BlockWrite['blocks'][number]

type Write =
  | { readonly type: 'save'; readonly blocks: readonly Block[]; readonly sizeBytes: number }
  | {
      readonly type: 'put'
      readonly write: BlockWrite
      readonly resolve: () => void
      readonly reject: (error: unknown) => void
    }

export interface BlockWritesOptions {
  readonly store: BlockStore
  readonly post: (event: BlocksStored) => void
  /** Saving failed; the light node goes on. One line. */
  readonly onWarning: (warning: {
    readonly code: Extract<WarningCode, 'block-store-failed' | 'quota-exceeded'>
    readonly detail: string
  }) => void
}

/** Writes of blocks, in order: what was received, of which all that waits becomes one commit, and what the app puts. */
export class BlockWrites {
  readonly #options: BlockWritesOptions
  /** Saves are bounded by `WAITING_SAVE_BYTES_MAX`, puts by their callers, who wait for them. */
  readonly #waiting: Write[] = []
  #waitingSaveBytes = 0
  #writing: Promise<void> | undefined
  /** Saves were given up since all that waited was written last; told once. */
  #isFlooded = false
  /** What the last save failed of; told once until one succeeds. */
  #problem: 'block-store-failed' | 'quota-exceeded' | undefined
  #isClosed = false

  constructor(options: BlockWritesOptions) {
    this.#options = options
  }

  /** Blocks that were hashed already. */
  save(blocks: readonly Block[]): void {
    if (this.#isClosed) return
    const sizeBytes = sizeOf(blocks)
    if (this.#waitingSaveBytes + sizeBytes > WAITING_SAVE_BYTES_MAX) {
      if (this.#isFlooded) return
      this.#isFlooded = true
      const detail = `blocks come faster than they are kept: more than ${WAITING_SAVE_BYTES_MAX} bytes wait, some are not kept`
      this.#options.onWarning({ code: 'block-store-failed', detail })
      return
    }
    this.#waitingSaveBytes += sizeBytes
    this.#push({ type: 'save', blocks, sizeBytes })
  }

  /** Resolves when it is kept and the core is told of its blocks. Rejects with `StoreError`. */
  put(write: BlockWrite): Promise<void> {
    if (this.#isClosed) return Promise.reject(new StoreError('write-failed', 'the block store is closed'))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#push({ type: 'put', write, resolve, reject })
    return promise
  }

  /** Resolves when what waits is written. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing
  }

  #push(write: Write): void {
    this.#waiting.push(write)
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    for (let write = this.#waiting.shift(); write !== undefined; write = this.#waiting.shift()) {
      if (write.type === 'put') await this.#carryOutPut(write)
      else await this.#carryOutSaves(write)
    }
    this.#isFlooded = false
    this.#writing = undefined
  }

  async #carryOutPut({ write, resolve, reject }: Extract<Write, { type: 'put' }>): Promise<void> {
    try {
      await this.#options.store.write(write)
    } catch (error) {
      reject(error)
      return
    }
    this.#tellStored(write.blocks)
    resolve()
  }

  async #carryOutSaves(first: Extract<Write, { type: 'save' }>): Promise<void> {
    const blocks = [...first.blocks]
    let { sizeBytes } = first
    for (let next = this.#waiting[0]; next?.type === 'save'; next = this.#waiting[0]) {
      if (sizeBytes + next.sizeBytes > COMMIT_BYTES_MAX) break
      this.#waiting.shift()
      blocks.push(...next.blocks)
      sizeBytes += next.sizeBytes
    }
    try {
      await this.#options.store.write({ blocks, isChecked: true })
      this.#problem = undefined
      this.#tellStored(blocks)
    } catch (error) {
      const isFull = error instanceof StoreError && error.code === 'quota-exceeded'
      const code = isFull ? 'quota-exceeded' : 'block-store-failed'
      if (this.#problem === code) return
      this.#problem = code
      this.#options.onWarning({ code, detail: `${blocks.length} blocks are not kept: ${messageOf(error)}` })
    } finally {
      this.#waitingSaveBytes -= sizeBytes
    }
  }

  #tellStored(blocks: readonly Block[]): void {
    const stored = blocks.map(({ cid, bytes }) => ({ cid, sizeBytes: bytes.length }))
    this.#options.post({ type: 'blocks-stored', blocks: stored })
  }
}

function sizeOf(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
