import type { Cid, LoadId } from '../ids.ts'
import { BLOCK_READ_TIMEOUT_MS } from '../limits.ts'
import type { Asking } from './asking.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { BlocksLoaded, BlocksStored } from './exchange-event.ts'

/** The app imports a block while it waits for it from peers: the want is settled from the store. */
export class StoredWants {
  readonly #context: ExchangeContext
  readonly #asking: Asking
  /** Bounded by the wants that were open when their block was stored. */
  readonly #loads = new Map<LoadId, readonly Cid[]>()

  constructor(options: { context: ExchangeContext; asking: Asking }) {
    this.#context = options.context
    this.#asking = options.asking
  }

  stored({ blocks }: BlocksStored): void {
    const wanted = blocks.filter(({ cid }) => this.#asking.wantOf(cid) !== undefined)
    if (wanted.length === 0) return
    const cids = wanted.map(({ cid }) => cid)
    const bytesMax = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const load = this.#context.nextLoad()
    this.#loads.set(load, cids)
    const timeoutMs = BLOCK_READ_TIMEOUT_MS
    this.#context.effects.push({ type: 'load-blocks', load, owner: undefined, cids, bytesMax, timeoutMs })
  }

  loaded({ load, blocks }: BlocksLoaded): void {
    const cids = this.#loads.get(load)
    if (cids === undefined) return
    this.#loads.delete(load)
    for (const [index, cid] of cids.entries()) {
      const want = this.#asking.wantOf(cid)
      const bytes = blocks[index]
      if (want !== undefined && bytes !== undefined) this.#asking.deliver(want, bytes, undefined)
    }
  }

  /** Peers are asked on as before. */
  failed(load: LoadId): void {
    this.#loads.delete(load)
  }
}
