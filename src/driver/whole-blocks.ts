import type { HeaderTree } from '../core/chain.ts'
import { ContentError, type BlockParts, type ChainContent } from '../core/content.ts'
import type { Root } from '../core/ids.ts'
import type { BlockWrite } from '../store/block-store.ts'
import { StoreError } from '../store/store.ts'
import type { Clock } from './clock.ts'

/** Two of 4 MB each are taken apart and written meanwhile; more would hold up the headers. */
const FETCHES_AT_ONCE_MAX = 2
/** Fetched or waiting for it. Whoever comes later is told no. */
const FETCHES_MAX = 64
/** Parts that have a peer to come from get this long before the whole block is asked for as well. */
const PATIENCE_MS = 3_000

/** Asks peers of another protocol for a whole block. True once `problemOf` found nothing wrong with one. Never rejects. */
export type FetchWholeBlock = (fetch: {
  readonly root: Root
  /** How far below our head it is; undefined where it is not on the best chain. */
  readonly depth: number | undefined
  readonly problemOf: (bytes: Uint8Array) => string | undefined
}) => Promise<boolean>

export interface WholeBlocksOptions {
  readonly tree: Pick<HeaderTree, 'has' | 'get' | 'tip'>
  readonly content: ChainContent
  readonly fetch: FetchWholeBlock
  readonly put: (write: BlockWrite) => Promise<void>
  readonly clock: Clock
}

/** A block that was fetched, in parts that were checked. */
export interface WholeBlock extends BlockParts {
  /** The parts are in the block store, for others to have. */
  readonly isKept: boolean
}

/**
 * Blocks from peers that do not speak block exchange and give a block whole or not at all.
 * 1. Only blocks whose header is verified are asked for: nobody makes us ask for what no miner has worked for.
 * 2. Each is fetched once at a time, whoever wants it, `FETCHES_AT_ONCE_MAX` at once.
 * 3. What comes is taken apart and checked, and kept unpinned, as anything that was fetched.
 */
export class WholeBlocks {
  readonly #options: WholeBlocksOptions
  /** Bounded by FETCHES_MAX. */
  readonly #running = new Map<Root, Promise<WholeBlock | undefined>>()
  readonly #waiting: (() => void)[] = []
  #activeCount = 0

  constructor(options: WholeBlocksOptions) {
    this.#options = options
  }

  /** Undefined where nobody has it, or too many are wanted. Never rejects for what a peer or the store does. */
  fetch(root: Root): Promise<WholeBlock | undefined> {
    const running = this.#running.get(root)
    if (running !== undefined) return running
    if (this.#running.size >= FETCHES_MAX || !this.#options.tree.has(root)) return Promise.resolve(undefined)
    const fetching = this.#inTurn(root).finally(() => this.#running.delete(root))
    this.#running.set(root, fetching)
    return fetching
  }

  /** For peers that ask for an outline: then they ask for the parts, so these must be here. */
  async fetchOutline(root: Root): Promise<Uint8Array | undefined> {
    const block = await this.fetch(root)
    return block?.isKept === true ? block.outline : undefined
  }

  /** Fetches it when what is returned was not called in time. What comes settles every want for its parts. */
  fetchLater(root: Root): () => void {
    return this.#options.clock.setTimer(PATIENCE_MS, () => void this.fetch(root))
  }

  async #inTurn(root: Root): Promise<WholeBlock | undefined> {
    if (this.#activeCount >= FETCHES_AT_ONCE_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#activeCount += 1
    try {
      return await this.#fetch(root)
    } finally {
      // Whoever waits takes over the place.
      const next = this.#waiting.shift()
      if (next === undefined) this.#activeCount -= 1
      else next()
    }
  }

  async #fetch(root: Root): Promise<WholeBlock | undefined> {
    const { fetch, content } = this.#options
    let parts: BlockParts | undefined
    const problemOf = (bytes: Uint8Array): string | undefined => {
      try {
        parts = content.takeApart(bytes)
      } catch (error) {
        if (!(error instanceof ContentError)) throw error
        return `block ${root}, ${error.step}: ${error.message}`
      }
      return parts.root === root ? undefined : `expected block ${root}, got ${parts.root}`
    }
    const isFetched = await fetch({ root, depth: this.#depthOf(root), problemOf })
    return isFetched && parts !== undefined ? { ...parts, isKept: await this.#keep(parts) } : undefined
  }

  #depthOf(root: Root): number | undefined {
    const { tree } = this.#options
    const record = tree.get(root)
    return record?.isOnBestChain === true ? tree.tip.height - record.height : undefined
  }

  async #keep({ root, outline, nodes }: BlockParts): Promise<boolean> {
    const headerCid = this.#options.content.headerCid(root)
    // The header is served from the tree.
    const blocks = nodes.filter(({ cid }) => cid !== headerCid)
    try {
      await this.#options.put({ blocks, outline: { root, bytes: outline }, isChecked: true })
      return true
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      return false
    }
  }
}
