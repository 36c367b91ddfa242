import type { Root } from '../core/ids.ts'
import { BlockRecords } from './block-records.ts'
import type { BlockRow, BlockRows } from './block-rows.ts'
import { rowsByKey } from './block-rows.ts'
import { CheckedBlockStore } from './block-store-checked.ts'
import { MemoryBlockRows } from './block-store-memory.ts'
import type { BlockStore, BlockStoreOptions } from './block-store.ts'
import { toStoreError } from './chunk-database.ts'
import type { StoreErrorCode } from './store.ts'
import { StoreError } from './store.ts'
import { holdWebLock } from './web-lock.ts'

/** `name` of the database and of the Web Lock; `rushlight-blocks:<chain>` by default. */
export type IndexedDbBlockStoreOptions = BlockStoreOptions & { readonly name?: string }

/**
 * Keeps blocks in IndexedDB. A write is one transaction, so none can be torn.
 * The tab that holds the Web Lock writes. Others read what it keeps, and keep their own in memory, in a small space, until
 * the lock frees: then one of them writes what it has, and everything after it.
 */
export function createIndexedDbBlockStore(options: IndexedDbBlockStoreOptions): BlockStore {
  return new CheckedBlockStore(new IndexedDbBlockRows(options), options)
}

/** closed → reader or writer; reader → writer; either → lost; any → closed. */
type Access =
  | { readonly mode: 'closed' }
  | { readonly mode: 'reader'; readonly reason: string }
  | { readonly mode: 'writer'; readonly release: () => Promise<void> }
  | { readonly mode: 'lost'; readonly reason: string }

/** A tab that keeps nothing: enough for what a page shows, little beside the tab itself. */
const MEMORY_BYTES_MAX: number = 16 * 1024 * 1024

const NO_WEB_LOCKS = 'this page has no Web Locks (they need https or localhost), so few blocks are kept, in memory'
const OTHER_TAB = 'another tab of this page keeps the blocks; this one keeps few, in memory'
const DATABASE_GONE = 'the database of blocks was deleted or closed by the browser or another tab'
const LOCK_TAKEN = 'the Web Lock of the blocks was taken away'

class IndexedDbBlockRows implements BlockRows {
  readonly kind = 'indexeddb'
  readonly isInMemory = false
  readonly #options: BlockStoreOptions
  readonly #name: string
  #access: Access = { mode: 'closed' }
  #records: BlockRecords | undefined
  /** What came while another tab had the lock, until it is written. */
  #memory: MemoryBlockRows | undefined
  /** Aborted when the lock is no longer waited for. */
  #waiting = new AbortController()

  constructor(options: IndexedDbBlockStoreOptions) {
    this.#options = options
    this.#name = options.name ?? `rushlight-blocks:${options.chain}`
  }

  async open(): Promise<void> {
    if (this.#access.mode !== 'closed') throw new StoreError('unavailable', 'the block store is open already')
    if (typeof indexedDB === 'undefined') throw new StoreError('unavailable', 'this page has no IndexedDB')
    this.#waiting = new AbortController()
    const { signal } = this.#waiting
    // Absent on pages from plain http.
    const locks = (navigator as Partial<Navigator>).locks
    try {
      const release = locks === undefined ? undefined : await this.#hold(locks, false)
      if (release !== undefined) this.#access = { mode: 'writer', release }
      else await this.#becomeReader(locks === undefined ? NO_WEB_LOCKS : OTHER_TAB)
      const { chain, sizeBytesMax } = this.#options
      const onGone = (): void => void this.#end({ mode: 'lost', reason: DATABASE_GONE })
      const records = await BlockRecords.open({ name: this.#name, chain, sizeBytesMax, onGone })
      this.#records = records
      if (signal.aborted) throw new StoreError('unavailable', 'the block store was closed while it opened')
      if (this.#access.mode === 'writer') await records.trim()
      else if (locks !== undefined) void this.#takeOver(locks)
    } catch (error) {
      await this.close()
      throw toStoreError('unavailable', error)
    }
  }

  async sizes(keys: readonly string[]): Promise<readonly (number | undefined)[]> {
    return this.#try('read-failed', async (records) => {
      const inMemory = await this.#memory?.sizes(keys)
      const stored = await records.sizes(keys)
      return stored.map((sizeBytes, index) => inMemory?.[index] ?? sizeBytes)
    })
  }

  async read(args: {
    readonly keys: readonly string[]
    readonly bytesMax: number
  }): Promise<readonly (Uint8Array | undefined)[]> {
    const { keys, bytesMax } = args
    const isUse = this.#access.mode === 'writer'
    return this.#try('read-failed', async (records) => {
      if (this.#memory === undefined) return records.read({ keys, bytesMax, isUse })
      const inMemory = await this.#memory.read({ keys, bytesMax: Infinity })
      const others = keys.filter((_, index) => inMemory[index] === undefined)
      const stored = await records.read({ keys: others, bytesMax, isUse })
      return merged({ inMemory, stored, bytesMax })
    })
  }

  write({ rows, pin }: { readonly rows: readonly BlockRow[]; readonly pin: Root | undefined }): Promise<void> {
    return this.#try('write-failed', (records) =>
      this.#access.mode === 'reader' && this.#memory !== undefined
        ? this.#memory.write({ rows, pin })
        : records.write({ rows: rowsByKey(rows), pin }),
    )
  }

  drop(keys: readonly string[]): Promise<void> {
    return this.#try('write-failed', async (records) => {
      await this.#memory?.drop(keys)
      if (this.#access.mode === 'writer') await records.drop(keys)
    })
  }

  unpin(root: Root): Promise<void> {
    return this.#try('write-failed', async (records) => {
      await this.#memory?.unpin(root)
      if (this.#access.mode === 'writer') await records.unpin(root)
    })
  }

  get sizeBytes(): number {
    return (this.#records?.sizeBytes ?? 0) + (this.#memory?.sizeBytes ?? 0)
  }

  get blockCount(): number {
    return (this.#records?.blockCount ?? 0) + (this.#memory?.blockCount ?? 0)
  }

  get reason(): string | undefined {
    return 'reason' in this.#access ? this.#access.reason : undefined
  }

  close(): Promise<void> {
    return this.#end({ mode: 'closed' })
  }

  /** Transactions under way still finish, before those of the next writer. Resolves when the lock is free. */
  async #end(access: Access): Promise<void> {
    const [before, records] = [this.#access, this.#records]
    this.#access = access
    this.#waiting.abort()
    this.#records = undefined
    this.#memory = undefined
    await records?.close()
    if (before.mode === 'writer') await before.release()
  }

  #hold(locks: LockManager, isWaiting: boolean): Promise<(() => Promise<void>) | undefined> {
    const onLost = (): void => void this.#end({ mode: 'lost', reason: LOCK_TAKEN })
    return holdWebLock({ locks, name: this.#name, isWaiting, signal: this.#waiting.signal, onLost })
  }

  async #becomeReader(reason: string): Promise<void> {
    this.#access = { mode: 'reader', reason }
    this.#memory = new MemoryBlockRows({ sizeBytesMax: Math.min(MEMORY_BYTES_MAX, this.#options.sizeBytesMax) })
    await this.#memory.open()
  }

  /** reader → writer, once the lock is free */
  async #takeOver(locks: LockManager): Promise<void> {
    const { signal } = this.#waiting
    try {
      const release = await this.#hold(locks, true)
      if (release === undefined) return
      if (signal.aborted) return await release()
      this.#access = { mode: 'writer', release }
      await this.#writeMemory()
    } catch (error) {
      if (signal.aborted) return // given up by `close`, or the database has gone, which `write` will tell
      await this.#end({ mode: 'lost', reason: toStoreError('lost-lock', error).message })
    }
  }

  /** What does not fit is not kept: it is only what was fetched, and can be fetched again. */
  async #writeMemory(): Promise<void> {
    for (const { rows, pin } of this.#memory?.groups() ?? []) {
      try {
        await this.#records?.write({ rows: rowsByKey(rows), pin })
      } catch (error) {
        this.#options.onWarning(
          `blocks that waited in memory are not kept: ${toStoreError('write-failed', error).message}`,
        )
      }
    }
    this.#memory = undefined
  }

  async #try<Value>(code: StoreErrorCode, work: (records: BlockRecords) => Promise<Value>): Promise<Value> {
    if (this.#access.mode === 'lost') throw new StoreError('lost-lock', this.#access.reason)
    if (this.#records === undefined) throw new StoreError(code, 'the block store is closed')
    try {
      return await work(this.#records)
    } catch (error) {
      throw toStoreError(code, error)
    }
  }
}

/** What is not in memory comes from `stored`, in order, which may end early. */
function merged(args: {
  readonly inMemory: readonly (Uint8Array | undefined)[]
  readonly stored: readonly (Uint8Array | undefined)[]
  readonly bytesMax: number
}): (Uint8Array | undefined)[] {
  const found: (Uint8Array | undefined)[] = []
  let sizeBytes = 0
  let nextStored = 0
  for (const bytes of args.inMemory) {
    if (bytes === undefined && nextStored === args.stored.length) break
    const block = bytes ?? args.stored[nextStored++]
    sizeBytes += block?.length ?? 0
    if (sizeBytes > args.bytesMax && found.length > 0) break
    found.push(block)
  }
  return found
}
