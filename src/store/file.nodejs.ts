import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DataFolder } from './data-folder.nodejs.ts'
import { errorCode, openDataFolder } from './data-folder.nodejs.ts'
import { KeptFile } from './kept-file.nodejs.ts'
import type { HeaderStore, OpenedStore, StoreErrorCode, StoreOptions, StoreRead, StoreWrite } from './store.ts'
import { StoreError } from './store.ts'

/** A folder that the store opens, locks and gives back itself, or one that its caller holds and closes. */
export type FileStoreOptions = StoreOptions & ({ readonly directory: string } | { readonly folder: DataFolder })

/**
 * Keeps headers in `headers.log` of a data folder, and those above a gap in `headers-upper.log` as long as there is one; their
 * format is told in `header-log.nodejs.ts`.
 * A write appends one record and syncs it once, a reorganisation too, so there is no moment at which good headers are overwritten.
 */
export function createFileStore(options: FileStoreOptions): HeaderStore {
  return new FileStore(options)
}

class FileStore implements HeaderStore {
  readonly kind = 'files'
  readonly #options: FileStoreOptions
  #open: { readonly folder: DataFolder; readonly lower: KeptFile; readonly upper: KeptFile } | undefined
  /** Settles when all calls so far are done. Calls take turns, because compaction moves what a read looks for. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: FileStoreOptions) {
    this.#options = options
  }

  open(): Promise<OpenedStore> {
    return this.#inTurn('unavailable', async () => {
      if (this.#open !== undefined) throw new StoreError('unavailable', 'the store is open already')
      const folder = 'folder' in this.#options ? this.#options.folder : await openDataFolder(this.#options)
      const { startsAbove = '' } = this.#options
      const upperPath = join(folder.directory, 'headers-upper.log')
      const lower = new KeptFile(join(folder.directory, 'headers.log'), this.#options)
      const upper = new KeptFile(upperPath, { ...this.#options, genesis: startsAbove })
      this.#open = { folder, lower, upper }
      try {
        const warnings = await lower.load()
        await lower.create()
        if (startsAbove !== '') warnings.push(...(await loadUpper(upper, upperPath)))
        const { headerCount, work } = lower
        const content = { headerCount, work, upper: { headerCount: upper.headerCount, work: upper.work } }
        return { ...content, isWritable: true, reason: undefined, warnings }
      } catch (error) {
        await this.#release()
        throw toStoreError('unavailable', error, `cannot use data folder ${folder.directory}: `)
      }
    })
  }

  read({ fromHeight, count, isUpper }: StoreRead): Promise<Uint8Array> {
    return this.#inTurn('read-failed', () => this.#file(isUpper).read(fromHeight, count))
  }

  write(writes: readonly StoreWrite[]): Promise<void> {
    return this.#inTurn('write-failed', async () => {
      const isUpper = writes[0]?.isUpper
      const file = this.#file(isUpper)
      await file.write(writes)
      if (isUpper === true && file.headerCount === 0) await file.remove()
    })
  }

  onWritable(): void {
    // Writable from the start, or not opened at all.
  }

  get sizeBytes(): number {
    return (this.#open?.lower.sizeBytes ?? 0) + (this.#open?.upper.sizeBytes ?? 0)
  }

  close(): Promise<void> {
    return this.#inTurn('write-failed', () => this.#release())
  }

  /** Runs `work` after all calls so far; what it throws becomes a `StoreError`, but for the caller's own mistakes. */
  #inTurn<Value>(code: StoreErrorCode, work: () => Promise<Value>): Promise<Value> {
    const result = this.#turn.then(work).catch((error: unknown) => {
      throw error instanceof RangeError ? error : toStoreError(code, error)
    })
    this.#turn = result.catch(() => undefined) // its caller hears of it
    return result
  }

  #file(isUpper = false): KeptFile {
    if (this.#open === undefined) throw new Error('the store is closed')
    return isUpper ? this.#open.upper : this.#open.lower
  }

  async #release(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.lower.close()
    await open?.upper.close()
    if ('directory' in this.#options) await open?.folder.close()
  }
}

/** A file that follows another checkpoint, that of another version of Rushlight, is of no use any more: it is removed. */
async function loadUpper(upper: KeptFile, path: string): Promise<string[]> {
  try {
    return await upper.load()
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'wrong-chain') throw error
    await rm(path)
    return []
  }
}

function toStoreError(code: StoreErrorCode, error: unknown, prefix = ''): StoreError {
  if (error instanceof StoreError) return error
  const isFull = ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError(isFull ? 'quota-exceeded' : code, prefix + message, { cause: error })
}
