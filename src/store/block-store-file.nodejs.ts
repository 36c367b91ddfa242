import { chmodSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Root } from '../core/ids.ts'
import { BlockDatabase } from './block-database.nodejs.ts'
import type { BlockRow, BlockRows } from './block-rows.ts'
import { rowsByKey } from './block-rows.ts'
import { CheckedBlockStore } from './block-store-checked.ts'
import type { BlockStore, BlockStoreOptions } from './block-store.ts'
import { importSqlite } from './folder-lock.nodejs.ts'
import type { StoreErrorCode } from './store.ts'
import { StoreError } from './store.ts'

/** A data folder that the caller holds: see `openDataFolder`. */
export type FileBlockStoreOptions = BlockStoreOptions & { readonly directory: string }

/**
 * Keeps blocks in `blocks.sqlite` of a data folder. A write is one transaction, so none can be torn, and a pinned one is
 * on the disk when it resolves. The file grows up to the cap and does not shrink; what gives way leaves room in it.
 * A file that SQLite calls damaged is set aside, and an empty one takes its place: blocks are fetched again.
 */
export function createFileBlockStore(options: FileBlockStoreOptions): BlockStore {
  return new CheckedBlockStore(new FileBlockRows(options), options)
}

class FileBlockRows implements BlockRows {
  readonly kind = 'files'
  readonly isInMemory = false
  readonly reason = undefined
  readonly #options: FileBlockStoreOptions
  readonly #path: string
  #sqlite: typeof import('node:sqlite') | undefined
  #database: BlockDatabase | undefined

  constructor(options: FileBlockStoreOptions) {
    this.#options = options
    this.#path = join(options.directory, 'blocks.sqlite')
  }

  async open(): Promise<void> {
    if (this.#database !== undefined) throw new StoreError('unavailable', 'the block store is open already')
    const sqlite = await importSqlite()
    try {
      try {
        this.#database = this.#openDatabase(sqlite)
      } catch (error) {
        this.#database = this.#startAnew(sqlite, error)
      }
    } catch (error) {
      throw toStoreError('unavailable', error, `cannot use ${this.#path}: `)
    }
    this.#sqlite = sqlite
  }

  sizes(keys: readonly string[]): Promise<readonly (number | undefined)[]> {
    return this.#inTurn('read-failed', (database) => keys.map((key) => database.sizeOf(key)))
  }

  read(args: {
    readonly keys: readonly string[]
    readonly bytesMax: number
  }): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#inTurn('read-failed', (database) => database.read(args))
  }

  write({ rows, pin }: { readonly rows: readonly BlockRow[]; readonly pin: Root | undefined }): Promise<void> {
    return this.#inTurn('write-failed', (database) => database.write({ rows: rowsByKey(rows), pin }))
  }

  drop(keys: readonly string[]): Promise<void> {
    return this.#inTurn('write-failed', (database) => database.drop(keys))
  }

  unpin(root: Root): Promise<void> {
    return this.#inTurn('write-failed', (database) => database.unpin(root))
  }

  get sizeBytes(): number {
    return this.#database?.sizeBytes ?? 0
  }

  get blockCount(): number {
    return this.#database?.blockCount ?? 0
  }

  async close(): Promise<void> {
    await nextTurn()
    const database = this.#database
    this.#database = undefined
    try {
      database?.close()
    } catch (error) {
      throw toStoreError('write-failed', error)
    }
  }

  /** In a turn of its own: SQLite holds up whoever calls it, and everything else wants to go on in between. */
  async #inTurn<Value>(code: StoreErrorCode, work: (database: BlockDatabase) => Value): Promise<Value> {
    await nextTurn()
    const [sqlite, database] = [this.#sqlite, this.#database]
    if (sqlite === undefined || database === undefined) throw new StoreError(code, 'the block store is closed')
    try {
      try {
        return work(database)
      } catch (error) {
        if (!isDamage(error)) throw error
        this.#database = undefined
        database.close()
        this.#database = this.#startAnew(sqlite, error)
        return work(this.#database)
      }
    } catch (error) {
      throw toStoreError(code, error)
    }
  }

  #openDatabase({ DatabaseSync }: typeof import('node:sqlite')): BlockDatabase {
    const database = new DatabaseSync(this.#path, { timeout: 0 })
    try {
      // Before anything is in it; SQLite gives the files that it makes beside it the same mode.
      chmodSync(this.#path, 0o600)
      return new BlockDatabase({ database, chain: this.#options.chain, sizeBytesMax: this.#options.sizeBytesMax })
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Where the file is damaged; another error is thrown again. */
  #startAnew(sqlite: typeof import('node:sqlite'), error: unknown): BlockDatabase {
    if (!isDamage(error)) throw error
    const aside = `${this.#path}.unreadable`
    renameSync(this.#path, aside)
    // They belong to the file that was there: with another one they would be nonsense.
    for (const ending of ['-wal', '-shm', '-journal']) rmSync(`${this.#path}${ending}`, { force: true })
    this.#options.onWarning(`${this.#path} is damaged or no file of blocks; renamed to ${aside}, starting with none`)
    return this.#openDatabase(sqlite)
  }
}

// SQLite, "Result and Error Codes".
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
const SQLITE_NOTADB = 26

function isDamage(error: unknown): boolean {
  const result = resultCode(error)
  return result === SQLITE_CORRUPT || result === SQLITE_NOTADB
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function toStoreError(code: StoreErrorCode, error: unknown, prefix = ''): StoreError {
  if (error instanceof StoreError) return error
  const result = resultCode(error)
  if (result === SQLITE_BUSY) {
    return new StoreError('locked', `${prefix}another process has it open`, { cause: error })
  }
  if (result === SQLITE_FULL) return new StoreError('quota-exceeded', `${prefix}the disk is full`, { cause: error })
  // SQLite speaks of a database, of which whoever chose the folder knows nothing.
  const isUnwritable = result === SQLITE_CANTOPEN
  const message = isUnwritable ? 'no file can be written there' : error instanceof Error ? error.message : String(error)
  return new StoreError(code, prefix + message, { cause: error })
}

/** Undefined when the error is not SQLite's. Extended codes are the plain ones with more above the lowest byte. */
function resultCode(error: unknown): number | undefined {
  const isSqlite = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
  return isSqlite ? (error.errcode as number) & 0xff : undefined
}
