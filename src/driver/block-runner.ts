import type { WarningCode } from '../core/effect.ts'
import type { ExchangeStoreEffect, FindBlocks, LoadBlocks, LoadOutline } from '../core/exchange/exchange-effect.ts'
import type { ExchangeStoreEvent } from '../core/exchange/exchange-event.ts'
import type { BlockStore, BlockWrite } from '../store/block-store.ts'
import { StoreError } from '../store/store.ts'
import type { Clock } from './clock.ts'
import type { BlockPerformer } from './driver.ts'

/** Reads that the store carries out at once: enough to keep a disk busy, few enough that a newcomer's turn comes soon. */
const READS_AT_ONCE_MAX = 4
/** Sizes looked up, and blocks loaded and hashed, before it is the next owner's turn: a few milliseconds each. */
const SIZES_PER_TURN = 1_024
const BLOCKS_PER_TURN = 256
/** Received blocks that wait to be saved; beyond it they are not kept: they are only a cache. */
const WAITING_SAVE_BYTES_MAX: number = 8 * 1024 * 1024
/** Saved in one commit: some milliseconds of a loop that does other things too. */
const COMMIT_BYTES_MAX: number = 1024 * 1024

type ReadEffect = FindBlocks | LoadBlocks | LoadOutline
type Block = BlockWrite['blocks'][number]

interface Read {
  readonly effect: ReadEffect
  /** Found so far, by `find-blocks` and by `load-blocks`. */
  readonly sizes: (number | undefined)[]
  readonly blocks: (Uint8Array | undefined)[]
  readonly cancelDeadline: () => void
  isAnswered: boolean
}

type Write =
  | { readonly type: 'save'; readonly blocks: readonly Block[]; readonly sizeBytes: number }
  | {
      readonly type: 'put'
      readonly write: BlockWrite
      readonly resolve: () => void
      readonly reject: (error: unknown) => void
    }

export interface BlockRunnerOptions {
  readonly store: BlockStore
  readonly clock: Clock
  readonly post: (event: ExchangeStoreEvent) => void
  /** Saving failed; the light node goes on. One line. */
  readonly onWarning: (warning: {
    readonly code: Extract<WarningCode, 'block-store-failed' | 'quota-exceeded'>
    readonly detail: string
  }) => void
}

/**
 * Carries out the core's reads and writes of blocks.
 * 1. Every read is answered once, by its deadline at the latest.
 * 2. Owners of reads take turns, so that one who asks for much holds up nobody.
 * 3. Writes keep their order; saves that wait become one commit.
 */
export class BlockRunner implements BlockPerformer {
  readonly #options: BlockRunnerOptions
  /** By owner, the next one first; '' is the app. Bounded by the core: a few reads of each peer. */
  readonly #reads = new Map<string, Read[]>()
  readonly #reading = new Set<Promise<void>>()
  /** Saves are bounded by `WAITING_SAVE_BYTES_MAX`, puts by their callers, who wait for them. */
  readonly #writes: Write[] = []
  #waitingSaveBytes = 0
  #writing: Promise<void> | undefined
  /** Saves were given up since all that waited was written last; told once. */
  #isFlooded = false
  /** What the last save failed of; told once until one succeeds. */
  #problem: 'block-store-failed' | 'quota-exceeded' | undefined
  #isClosed = false

  constructor(options: BlockRunnerOptions) {
    this.#options = options
  }

  /** Rejects with `StoreError`. */
  open(): Promise<void> {
    return this.#options.store.open()
  }

  perform(effect: ExchangeStoreEffect): void {
    if (this.#isClosed) return
    if (effect.type === 'save-blocks') this.#save(effect.blocks)
    else this.#queue(effect)
  }

  /**
   * Carries out a write of the app's, behind those that wait; resolves when it is kept and the core is told of its blocks.
   * Rejects with `StoreError`.
   */
  put(write: BlockWrite): Promise<void> {
    if (this.#isClosed) return Promise.reject(new StoreError('write-failed', 'the block store is closed'))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#push({ type: 'put', write, resolve, reject })
    return promise
  }

  /** Writes what waits, lets the reads under way end, and closes the store. Reads that wait are not answered any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const reads of this.#reads.values()) for (const read of reads) read.cancelDeadline()
    this.#reads.clear()
    await this.#writing
    await Promise.all(this.#reading)
    await this.#options.store.close()
  }

  #queue(effect: ReadEffect): void {
    const read: Read = {
      effect,
      sizes: [],
      blocks: [],
      isAnswered: false,
      cancelDeadline: this.#options.clock.setTimer(effect.timeoutMs, () =>
        this.#fail(read, `no answer of the block store within ${effect.timeoutMs} ms`),
      ),
    }
    this.#enqueue(read)
    this.#startReads()
  }

  #enqueue(read: Read): void {
    if (this.#isClosed) return
    const owner = read.effect.owner ?? ''
    const reads = this.#reads.get(owner)
    if (reads === undefined) this.#reads.set(owner, [read])
    else reads.push(read)
  }

  #startReads(): void {
    while (this.#reading.size < READS_AT_ONCE_MAX) {
      const read = this.#nextRead()
      if (read === undefined) return
      const work = this.#carryOut(read).finally(() => {
        this.#reading.delete(work)
        this.#startReads()
      })
      this.#reading.add(work)
    }
  }

  /** Of the owner whose turn it is, who then goes behind all others. */
  #nextRead(): Read | undefined {
    for (const [owner, reads] of this.#reads) {
      this.#reads.delete(owner)
      const read = reads.shift()
      if (reads.length > 0) this.#reads.set(owner, reads)
      if (read?.isAnswered === false) return read
    }
    return undefined
  }

  async #carryOut(read: Read): Promise<void> {
    const { effect } = read
    const { store } = this.#options
    try {
      switch (effect.type) {
        case 'find-blocks':
          if (!(await this.#find(read, effect))) this.#enqueue(read)
          else this.#answer(read, { type: 'blocks-found', load: effect.load, sizes: read.sizes })
          return
        case 'load-blocks':
          if (!(await this.#load(read, effect))) this.#enqueue(read)
          else this.#answer(read, { type: 'blocks-loaded', load: effect.load, blocks: read.blocks })
          return
        case 'load-outline': {
          const outline = await store.readOutline(effect.root)
          this.#answer(read, { type: 'outline-loaded', load: effect.load, outline })
        }
      }
    } catch (error) {
      this.#fail(read, messageOf(error))
    }
  }

  /** One turn's part; true when it was the last. */
  async #find({ sizes }: Read, { cids }: FindBlocks): Promise<boolean> {
    sizes.push(...(await this.#options.store.sizes(cids.slice(sizes.length, sizes.length + SIZES_PER_TURN))))
    return sizes.length >= cids.length
  }

  /** One turn's part; true when it was the last. */
  async #load({ blocks }: Read, { cids, bytesMax }: LoadBlocks): Promise<boolean> {
    const asked = cids.slice(blocks.length, blocks.length + BLOCKS_PER_TURN)
    const loadedBytes = blocks.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0)
    const found = await this.#options.store.read({ cids: asked, bytesMax: bytesMax - loadedBytes })
    // The store gives the first one of a part in any case, but it need not fit behind what came before.
    const isTooMuch = blocks.length > 0 && loadedBytes + (found[0]?.length ?? 0) > bytesMax
    if (isTooMuch) return true
    blocks.push(...found)
    return found.length < asked.length || blocks.length >= cids.length
  }

  #fail(read: Read, reason: string): void {
    this.#answer(read, { type: 'blocks-load-failed', load: read.effect.load, reason })
  }

  #answer(read: Read, event: ExchangeStoreEvent): void {
    if (read.isAnswered) return
    read.isAnswered = true
    read.cancelDeadline()
    this.#options.post(event)
  }

  #save(blocks: readonly Block[]): void {
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

  #push(write: Write): void {
    this.#writes.push(write)
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    // What else comes in this turn joins the first commit.
    await Promise.resolve()
    for (let write = this.#writes.shift(); write !== undefined; write = this.#writes.shift()) {
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
    for (let next = this.#writes[0]; next?.type === 'save'; next = this.#writes[0]) {
      if (sizeBytes + next.sizeBytes > COMMIT_BYTES_MAX) break
      this.#writes.shift()
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
