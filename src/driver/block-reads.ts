import type { FindBlocks, LoadBlocks, LoadOutline } from '../core/exchange/exchange-effect.ts'
import type { ExchangeStoreEvent } from '../core/exchange/exchange-event.ts'
import type { Root } from '../core/ids.ts'
import type { BlockStore } from '../store/block-store.ts'
import type { Clock } from './clock.ts'

/** Reads that the store carries out at once: enough to keep a disk busy, few enough that a newcomer's turn comes soon. */
const READS_AT_ONCE_MAX = 4
/** Sizes looked up, and blocks loaded and hashed, before it is the next owner's turn: a few milliseconds each. */
const SIZES_PER_TURN = 1_024
const BLOCKS_PER_TURN = 256

type ReadEffect = FindBlocks | LoadBlocks | LoadOutline

interface Read {
  readonly effect: ReadEffect
  /** Found so far, by `find-blocks` and by `load-blocks`. */
  readonly sizes: (number | undefined)[]
  readonly blocks: (Uint8Array | undefined)[]
  readonly cancelDeadline: () => void
  isAnswered: boolean
}

export interface BlockReadsOptions {
  readonly store: BlockStore
  readonly clock: Clock
  readonly post: (event: ExchangeStoreEvent) => void
  /** Finds the outline of a block that is not here, with all of its parts. Never rejects. */
  readonly fetchOutline?: ((root: Root) => Promise<Uint8Array | undefined>) | undefined
}

/** The core's reads of blocks: each is answered once, by its deadline at the latest, and owners take turns. */
export class BlockReads {
  readonly #options: BlockReadsOptions
  /** By owner, the next one first; '' is the app. Bounded by the core: a few reads of each peer. */
  readonly #waiting = new Map<string, Read[]>()
  readonly #reading = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: BlockReadsOptions) {
    this.#options = options
  }

  perform(effect: ReadEffect): void {
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

  /** Lets the reads under way end; those that wait are not answered any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const reads of this.#waiting.values()) for (const read of reads) read.cancelDeadline()
    this.#waiting.clear()
    await Promise.all(this.#reading)
  }

  #enqueue(read: Read): void {
    if (this.#isClosed) {
      read.cancelDeadline()
      return
    }
    const owner = read.effect.owner ?? ''
    const reads = this.#waiting.get(owner)
    if (reads === undefined) this.#waiting.set(owner, [read])
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
    for (const [owner, reads] of this.#waiting) {
      this.#waiting.delete(owner)
      const read = reads.shift()
      if (reads.length > 0) this.#waiting.set(owner, reads)
      if (read?.isAnswered === false) return read
    }
    return undefined
  }

  async #carryOut(read: Read): Promise<void> {
    const { effect } = read
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
          const { load, root } = effect
          const outline = await this.#options.store.readOutline(root)
          // What takes longer than a read holds no read's place.
          if (outline === undefined && this.#options.fetchOutline !== undefined) void this.#fetchOutline(read, effect)
          else this.#answer(read, { type: 'outline-loaded', load, outline })
        }
      }
    } catch (error) {
      this.#fail(read, messageOf(error))
    }
  }

  async #fetchOutline(read: Read, { load, root }: LoadOutline): Promise<void> {
    const outline = await this.#options.fetchOutline?.(root)
    this.#answer(read, { type: 'outline-loaded', load, outline })
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
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
