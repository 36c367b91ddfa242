import { rename, rm } from 'node:fs/promises'
import { toCommit } from './commit.ts'
import { replaceFile } from './data-folder.nodejs.ts'
import { HeaderFile } from './header-file.nodejs.ts'
import type { StoreOptions, StoreWrite } from './store.ts'

/** Some hundred KB of index, and a month of mainnet's blocks. */
const SEGMENTS_MAX = 4_096
/** One segment more for so many headers, so that a sync written in small groups is not rewritten over and over. */
const HEADERS_PER_SEGMENT_MIN = 64
/** Outdated bytes that are not worth a rewrite. */
const DEAD_BYTES_MAX: number = 16 * 1024 * 1024

/**
 * One part of a chain, in a file of headers that is made at the first write. Now and then its small and outdated records are
 * gathered into chunks of 2,016 headers, in a new file that replaces the old one, so that it is not much longer than it need be.
 * Calls must not overlap.
 */
export class KeptFile {
  readonly #path: string
  readonly #options: StoreOptions
  #file: HeaderFile | undefined
  /** Doubles when a compaction fails, so that a full disk is not tried again at every write. */
  #wasteFactor = 1
  #isClosed = false

  constructor(path: string, options: StoreOptions) {
    this.#path = path
    this.#options = options
  }

  get headerCount(): number {
    return this.#file?.headerCount ?? 0
  }

  get work(): bigint {
    return this.#file?.work ?? 0n
  }

  get sizeBytes(): number {
    return this.#file?.sizeBytes ?? 0
  }

  /** Opens the file where there is one, and cuts off or sets aside what is damaged; returns the warnings. */
  async load(): Promise<string[]> {
    const path = this.#path
    await rm(this.#newPath, { force: true }) // of a rewrite that was cut short
    const found = await HeaderFile.open(path, this.#options)
    if (found instanceof HeaderFile) {
      this.#file = found
      const cutBytes = await found.cutTail()
      await this.#compactIfWasteful(found)
      if (cutBytes === 0) return []
      return [`${path}: cut off ${cutBytes} torn or damaged bytes; ${found.headerCount} headers are left`]
    }
    if (found === 'missing') return []
    await rename(path, `${path}.unreadable`)
    return [`${path} is damaged or no file of headers; renamed to ${path}.unreadable, starting with none`]
  }

  async read(fromHeight: number, count: number): Promise<Uint8Array> {
    this.#assertOpen()
    return (await this.#file?.read(fromHeight, count)) ?? new Uint8Array(0)
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    this.#assertOpen()
    const { headerCount } = this
    const commit = toCommit({ writes, headerCount, headerSizeBytes: this.#options.headerSizeBytes })
    if (commit === undefined) return
    const file = this.#file ?? (await this.create())
    await file.append({ ...commit, isSynced: true })
    await this.#compactIfWasteful(file)
  }

  /** Makes an empty file where there is none. */
  async create(): Promise<HeaderFile> {
    if (this.#file !== undefined) return this.#file
    const file = await HeaderFile.create(this.#newPath, this.#options)
    try {
      await file.sync()
      await replaceFile(this.#newPath, this.#path)
    } catch (error) {
      await file.close()
      throw error
    }
    this.#file = file
    return file
  }

  async remove(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
    await rm(this.#path, { force: true })
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#isClosed = true
    await file?.close()
  }

  get #newPath(): string {
    return `${this.#path}.new`
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Error('the store is closed')
  }

  async #compactIfWasteful(old: HeaderFile): Promise<void> {
    if (!this.#isWasteful(old)) return
    let copy: HeaderFile
    try {
      copy = await old.copyTo(this.#newPath)
    } catch {
      // Nothing is lost: the old file is as good as before, only larger than it need be.
      this.#wasteFactor *= 2
      await rm(this.#newPath, { force: true }).catch(() => {}) // the next rewrite begins there anew
      return
    }
    // From here on the path may name either file, so only the copy may be written, and nothing when the renaming failed.
    this.#file = copy
    await old.close()
    try {
      await replaceFile(this.#newPath, this.#path)
    } catch (error) {
      await this.close()
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
