import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { toCommit } from './commit.ts'
import type { DataFolder } from './data-folder.nodejs.ts'
import { errorCode, openDataFolder, replaceFile } from './data-folder.nodejs.ts'
import { HeaderFile } from './header-file.nodejs.ts'
import type { HeaderStore, OpenedStore, StoreErrorCode, StoreOptions, StoreWrite } from './store.ts'
import { StoreError } from './store.ts'

/** A folder that the store opens, locks and gives back itself, or one that its caller holds and closes. */
export type FileStoreOptions = StoreOptions & ({ readonly directory: string } | { readonly folder: DataFolder })

/**
 * Keeps headers in `headers.log` of a data folder; its format is told in `header-log.nodejs.ts`.
 * A write appends one record and syncs it once, a reorganisation too, so there is no moment at which good headers are overwritten.
 * Small and outdated records are now and then gathered into chunks of 2,016 headers, in a new file that replaces the old one.
 */
export function createFileStore(options: FileStoreOptions): HeaderStore {
  return new FileStore(options)
}

/** Some hundred KB of index, and a month of mainnet's blocks. */
const SEGMENTS_MAX = 4_096
/** One segment more for so many headers, so that a sync written in small groups is not rewritten over and over. */
const HEADERS_PER_SEGMENT_MIN = 64
/** Outdated bytes that are not worth a rewrite. */
const DEAD_BYTES_MAX: number = 16 * 1024 * 1024

class FileStore implements HeaderStore {
  readonly kind = 'files'
  readonly #options: FileStoreOptions
  #folder: DataFolder | undefined
  #file: HeaderFile | undefined
  /** Doubles when a compaction fails, so that a full disk is not tried again at every write. */
  #wasteFactor = 1
  /** Settles when all calls so far are done. Calls take turns, because compaction moves what a read looks for. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: FileStoreOptions) {
    this.#options = options
  }

  open(): Promise<OpenedStore> {
    return this.#inTurn('unavailable', async () => {
      if (this.#file !== undefined) throw new StoreError('unavailable', 'the store is open already')
      const folder = 'folder' in this.#options ? this.#options.folder : await openDataFolder(this.#options)
      this.#folder = folder
      try {
        const warnings = await this.#load(logPath(folder))
        const { headerCount, work } = this.#openFile()
        return { headerCount, work, isWritable: true, reason: undefined, warnings }
      } catch (error) {
        await this.#release()
        throw toStoreError('unavailable', error, `cannot use data folder ${folder.directory}: `)
      }
    })
  }

  read({ fromHeight, count }: { readonly fromHeight: number; readonly count: number }): Promise<Uint8Array> {
    return this.#inTurn('read-failed', () => this.#openFile().read(fromHeight, count))
  }

  write(writes: readonly StoreWrite[]): Promise<void> {
    return this.#inTurn('write-failed', async () => {
      const file = this.#openFile()
      const { headerSizeBytes } = this.#options
      const commit = toCommit({ writes, headerCount: file.headerCount, headerSizeBytes })
      if (commit === undefined) return
      await file.append({ ...commit, isSynced: true })
      await this.#compactIfWasteful()
    })
  }

  onWritable(): void {
    // Writable from the start, or not opened at all.
  }

  get sizeBytes(): number {
    return this.#file?.sizeBytes ?? 0
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

  #openFile(): HeaderFile {
    if (this.#file === undefined) throw new Error('the store is closed')
    return this.#file
  }

  async #release(): Promise<void> {
    const [file, folder] = [this.#file, this.#folder]
    this.#file = undefined
    this.#folder = undefined
    await file?.close()
    if ('directory' in this.#options) await folder?.close()
  }

  /** Opens or creates the file and puts right what is not; returns what there is to tell. */
  async #load(path: string): Promise<string[]> {
    const warnings: string[] = []
    await rm(newPath(path), { force: true }) // of a rewrite that was cut short
    const found = await HeaderFile.open(path, this.#options)
    if (found instanceof HeaderFile) {
      this.#file = found
      const cutBytes = await found.cutTail()
      if (cutBytes > 0) {
        warnings.push(`${path}: cut off ${cutBytes} torn or damaged bytes; ${found.headerCount} headers are left`)
      }
      await this.#compactIfWasteful()
      return warnings
    }
    if (found === 'unreadable') {
      await rename(path, `${path}.unreadable`)
      warnings.push(`${path} is damaged or no file of headers; renamed to ${path}.unreadable, starting with none`)
    }
    this.#file = await HeaderFile.create(newPath(path), this.#options)
    await this.#file.sync()
    await replaceFile(newPath(path), path)
    return warnings
  }

  async #compactIfWasteful(): Promise<void> {
    const old = this.#openFile()
    if (this.#folder === undefined || !this.#isWasteful(old)) return
    const path = logPath(this.#folder)
    let copy: HeaderFile
    try {
      copy = await old.copyTo(newPath(path))
    } catch {
      // Nothing is lost: the old file is as good as before, only larger than it need be.
      this.#wasteFactor *= 2
      await rm(newPath(path), { force: true })
      return
    }
    // From here on `path` may name either file, so only the copy may be written, and nothing when the renaming failed.
    this.#file = copy
    await old.close()
    try {
      await replaceFile(newPath(path), path)
    } catch (error) {
      await this.#release()
      throw error
    }
  }

  #isWasteful(file: HeaderFile): boolean {
    const liveBytes = file.headerCount * this.#options.headerSizeBytes
    const segmentsMax = SEGMENTS_MAX + file.headerCount / HEADERS_PER_SEGMENT_MIN
    return (
      file.segmentCount > segmentsMax * this.#wasteFactor ||
      file.sizeBytes > 2 * liveBytes + DEAD_BYTES_MAX * this.#wasteFactor
    )
  }
}

function logPath(folder: DataFolder): string {
  return join(folder.directory, 'headers.log')
}

function newPath(path: string): string {
  return `${path}.new`
}

function toStoreError(code: StoreErrorCode, error: unknown, prefix = ''): StoreError {
  if (error instanceof StoreError) return error
  const isFull = ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError(isFull ? 'quota-exceeded' : code, prefix + message, { cause: error })
}
