import {
  HEADERS_PER_CHUNK,
  loadState,
  openChunkDatabase,
  readHeaders,
  toStoreError,
  writeHeaders,
} from './chunk-database.ts'
import type { HeaderStore, OpenedStore, StoreErrorCode, StoreOptions, StoreRead, StoreWrite } from './store.ts'
import { StoreError } from './store.ts'
import { holdWebLock } from './web-lock.ts'

/** `name` of the database and of the Web Lock; `rushlight:<chain>` by default. */
export type IndexedDbStoreOptions = StoreOptions & { readonly name?: string }

/**
 * Keeps headers in IndexedDB, 2,016 in a record. A write is one transaction, so none can be torn.
 * The tab that holds the Web Lock writes. Others read; when the lock frees, one of them becomes the writer (`onWritable`).
 * Every transaction reads the state record anew, so that what a reader sees is always one of the writer's commits.
 */
export function createIndexedDbStore(options: IndexedDbStoreOptions): HeaderStore {
  return new IndexedDbStore(options)
}

/** closed → reader or writer; reader → writer; either → lost; any → closed. */
type Access =
  | { readonly mode: 'closed' }
  | { readonly mode: 'reader'; readonly reason: string }
  | { readonly mode: 'writer'; readonly release: () => Promise<void> }
  | { readonly mode: 'lost'; readonly reason: string }

/**
 * A commit takes a millisecond or two of the main thread, whatever is in it: while a sync writes, so long passes between two
 * that what comes meanwhile is one. Neither a block or two nor as much as is written at once waits.
 */
const COMMIT_INTERVAL_MS = 80
const GATHERED_HEADERS_MIN = 256
const GATHERED_HEADERS_MAX: number = 8 * HEADERS_PER_CHUNK

const NO_WEB_LOCKS = 'this page has no Web Locks (they need https or localhost), so headers are read but not kept'
const OTHER_TAB = 'another tab of this page keeps the headers; this one follows in memory'
const DATABASE_GONE = 'the database was deleted or closed by the browser or another tab'
const LOCK_TAKEN = 'the Web Lock was taken away'

class IndexedDbStore implements HeaderStore {
  readonly kind = 'indexeddb'
  readonly #options: StoreOptions
  readonly #name: string
  #access: Access = { mode: 'closed' }
  #database: IDBDatabase | undefined
  /** Aborted when the lock is no longer waited for. */
  #waiting = new AbortController()
  #headerCount = 0
  #upperCount = 0
  #committedMs = -Infinity
  #onWritable: ((opened: OpenedStore) => void) | undefined
  /** Became writable before anybody asked to be told. */
  #untold: OpenedStore | undefined

  constructor(options: IndexedDbStoreOptions) {
    this.#options = options
    this.#name = options.name ?? `rushlight:${options.chain}`
  }

  async open(): Promise<OpenedStore> {
    if (this.#access.mode !== 'closed') throw new StoreError('unavailable', 'the store is open already')
    if (typeof indexedDB === 'undefined') throw new StoreError('unavailable', 'this page has no IndexedDB')
    this.#waiting = new AbortController()
    const { signal } = this.#waiting
    // Absent on pages from plain http.
    const locks = (navigator as Partial<Navigator>).locks
    try {
      const release = locks === undefined ? undefined : await this.#hold(locks, false)
      if (release !== undefined) this.#access = { mode: 'writer', release }
      else this.#access = { mode: 'reader', reason: locks === undefined ? NO_WEB_LOCKS : OTHER_TAB }
      const database = await openChunkDatabase(
        this.#name,
        () => void this.#end({ mode: 'lost', reason: DATABASE_GONE }),
      )
      this.#database = database
      if (signal.aborted) throw new StoreError('unavailable', 'the store was closed while it opened')
      const opened = await this.#load()
      if (this.#access.mode === 'reader' && locks !== undefined) void this.#takeOver(locks)
      return opened
    } catch (error) {
      await this.close()
      throw toStoreError('unavailable', error)
    }
  }

  async read(args: StoreRead): Promise<Uint8Array> {
    const database = this.#openDatabase('read-failed')
    try {
      return await readHeaders({ ...args, database, options: this.#options })
    } catch (error) {
      throw toStoreError('read-failed', error)
    }
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    await this.#gather(writes)
    const database = this.#openDatabase('write-failed')
    if (this.#access.mode === 'reader') throw new StoreError('locked', this.#access.reason)
    try {
      const isUpper = writes[0]?.isUpper ?? false
      const headerCount = await writeHeaders({ database, options: this.#options, writes, isUpper })
      if (isUpper) this.#upperCount = headerCount
      else this.#headerCount = headerCount
      this.#committedMs = performance.now()
    } catch (error) {
      throw error instanceof RangeError ? error : toStoreError('write-failed', error)
    }
  }

  /** A hidden tab's timers are held back for a second and more: there nothing waits. */
  async #gather(writes: readonly StoreWrite[]): Promise<void> {
    const headerCount = writes.reduce((sum, { append }) => sum + append.length, 0) / this.#options.headerSizeBytes
    const waitMs = this.#committedMs + COMMIT_INTERVAL_MS - performance.now()
    const isHidden = typeof document !== 'undefined' && document.hidden
    if (headerCount < GATHERED_HEADERS_MIN || headerCount >= GATHERED_HEADERS_MAX || waitMs <= 0 || isHidden) return
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }

  onWritable(callback: (opened: OpenedStore) => void): void {
    this.#onWritable = callback
    const untold = this.#untold
    this.#untold = undefined
    if (untold !== undefined) queueMicrotask(() => callback(untold))
  }

  get sizeBytes(): number {
    return (this.#headerCount + this.#upperCount) * this.#options.headerSizeBytes
  }

  close(): Promise<void> {
    return this.#end({ mode: 'closed' })
  }

  /** Transactions under way still finish, before those of the next writer. Resolves when the lock is free. */
  async #end(access: Access): Promise<void> {
    const before = this.#access
    this.#access = access
    this.#waiting.abort()
    this.#database?.close()
    this.#database = undefined
    if (before.mode === 'writer') await before.release()
  }

  #hold(locks: LockManager, isWaiting: boolean): Promise<(() => Promise<void>) | undefined> {
    const onLost = (): void => void this.#end({ mode: 'lost', reason: LOCK_TAKEN })
    return holdWebLock({ locks, name: this.#name, isWaiting, signal: this.#waiting.signal, onLost })
  }

  /** reader → writer, once the lock is free */
  async #takeOver(locks: LockManager): Promise<void> {
    const { signal } = this.#waiting
    try {
      const release = await this.#hold(locks, true)
      if (release === undefined) return
      if (signal.aborted) return await release()
      this.#access = { mode: 'writer', release }
      const opened = await this.#load()
      if (this.#onWritable === undefined) this.#untold = opened
      else this.#onWritable(opened)
    } catch (error) {
      if (signal.aborted) return // given up by `close`, or the database has gone, which `write` will tell
      await this.#end({ mode: 'lost', reason: toStoreError('lost-lock', error).message })
    }
  }

  #openDatabase(code: StoreErrorCode): IDBDatabase {
    if (this.#database !== undefined) return this.#database
    if (this.#access.mode === 'lost') throw new StoreError('lost-lock', this.#access.reason)
    throw new StoreError(code, 'the store is closed')
  }

  async #load(): Promise<OpenedStore> {
    const access = this.#access
    const isWritable = access.mode === 'writer'
    const reason = access.mode === 'reader' ? access.reason : undefined
    const args = { database: this.#openDatabase('unavailable'), options: this.#options, isWritable }
    const lower = await loadState({ ...args, isUpper: false })
    const { warnings, ...upper } = await loadState({ ...args, isUpper: true })
    this.#headerCount = lower.headerCount
    this.#upperCount = upper.headerCount
    return { ...lower, upper, isWritable, reason, warnings: [...lower.warnings, ...warnings] }
  }
}
