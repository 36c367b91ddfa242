import { type FileHandle, open } from 'node:fs/promises'
import { errorCode } from './data-folder.nodejs.ts'
import type { ScannedLog } from './header-log.nodejs.ts'
import { encodePrefix, encodeRecord, scanLog } from './header-log.nodejs.ts'
import type { Segment, Segments } from './segments.ts'
import type { StoreOptions } from './store.ts'
import { WindowReader } from './window-reader.nodejs.ts'

/** One retarget period: what a rewrite gathers into one record. */
const HEADERS_PER_CHUNK = 2_016

/** An open file of headers. Calls must not overlap. */
export class HeaderFile {
  readonly #file: FileHandle
  readonly #options: StoreOptions
  readonly #segments: Segments
  #work: bigint
  #endOffset: number
  #checksum: number

  /** What is at `path`, checked from front to back. A damaged tail is left out, and in the file until `cutTail`. */
  static async open(path: string, options: StoreOptions): Promise<HeaderFile | 'missing' | 'unreadable'> {
    const file = await openIfThere(path)
    if (file === undefined) return 'missing'
    try {
      const scanned = await scanLog({ file, path, options })
      if (scanned !== undefined) return new HeaderFile(file, options, scanned)
    } catch (error) {
      await file.close()
      throw error
    }
    await file.close()
    return 'unreadable'
  }

  /** An empty one, over whatever is at `path`. */
  static async create(path: string, options: StoreOptions): Promise<HeaderFile> {
    const file = await open(path, 'w', 0o600)
    try {
      await writeAll(file, encodePrefix(options), 0)
    } finally {
      await file.close()
    }
    const created = await HeaderFile.open(path, options)
    if (!(created instanceof HeaderFile)) throw new Error(`cannot read back ${path}: it is ${created}`)
    return created
  }

  private constructor(file: FileHandle, options: StoreOptions, scanned: ScannedLog) {
    this.#file = file
    this.#options = options
    this.#segments = scanned.segments
    this.#work = scanned.work
    this.#endOffset = scanned.endOffset
    this.#checksum = scanned.checksum
  }

  get headerCount(): number {
    return this.#segments.headerCount
  }

  get segmentCount(): number {
    return this.#segments.count
  }

  get work(): bigint {
    return this.#work
  }

  get sizeBytes(): number {
    return this.#endOffset
  }

  async read(fromHeight: number, count: number): Promise<Uint8Array> {
    const size = this.#options.headerSizeBytes
    const endHeight = Math.min(fromHeight + count, this.headerCount)
    const segments = [...this.#segments.between(fromHeight, count)]
    const [first, last] = [segments[0], segments.at(-1)]
    if (first === undefined || last === undefined) return new Uint8Array(0)
    const offsetOf = (segment: Segment, height: number): number => segment.offset + (height - segment.fromHeight) * size
    const headers = new Uint8Array((endHeight - fromHeight) * size)
    const span = { fromOffset: offsetOf(first, fromHeight), endOffset: offsetOf(last, endHeight) }
    const reader = new WindowReader({ file: this.#file, ...span })
    let filledBytes = 0
    for (const segment of segments) {
      const from = Math.max(fromHeight, segment.fromHeight)
      const end = Math.min(endHeight, segment.fromHeight + segment.count)
      for await (const part of reader.parts(offsetOf(segment, from), offsetOf(segment, end))) {
        headers.set(part, filledBytes)
        filledBytes += part.length
      }
    }
    return headers
  }

  /** Durable when it resolves, but for `isSynced: false`. When it rejects nothing has changed. */
  async append(commit: {
    readonly truncateTo: number
    readonly pieces: readonly Uint8Array[]
    readonly appendCount: number
    readonly work: bigint
    readonly isSynced: boolean
  }): Promise<void> {
    const { truncateTo, appendCount: count, work } = commit
    const { bytes, checksum } = encodeRecord(commit, this.#checksum)
    try {
      await writeAll(this.#file, bytes, this.#endOffset)
      if (commit.isSynced) await this.#file.datasync() // covers the new length too
    } catch (error) {
      // Frees a full disk. Where this fails as well nothing is wrong: the next record overwrites these bytes,
      // and what is left of them behind it does not go on from its checksum.
      await this.#file.truncate(this.#endOffset).catch(() => undefined)
      throw error
    }
    const endOffset = this.#endOffset + bytes.length
    this.#segments.apply({ truncateTo, count, work, offset: endOffset - count * this.#options.headerSizeBytes })
    this.#work = work
    this.#checksum = checksum
    this.#endOffset = endOffset
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  /** Ends the file after its last good record; resolves to the bytes cut off. */
  async cutTail(): Promise<number> {
    const cutBytes = (await this.#file.stat()).size - this.#endOffset
    if (cutBytes === 0) return 0
    await this.#file.truncate(this.#endOffset)
    await this.#file.sync()
    return cutBytes
  }

  /** A synced copy at `path` without what is outdated, in records of a chunk each where the known work allows. */
  async copyTo(path: string): Promise<HeaderFile> {
    const copy = await HeaderFile.create(path, this.#options)
    try {
      for (const { fromHeight, count, work } of chunksOf(this.#segments.between(0, this.headerCount))) {
        const chunk = await this.read(fromHeight, count)
        await copy.append({ truncateTo: fromHeight, pieces: [chunk], appendCount: count, work, isSynced: false })
      }
      await copy.sync()
      return copy
    } catch (error) {
      await copy.close()
      throw error
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Neighbours gathered until they make a chunk; a chunk ends only where the work is known, as it always is at the end. */
function* chunksOf(segments: Iterable<Segment>): Generator<{ fromHeight: number; count: number; work: bigint }> {
  let fromHeight = 0
  let known: { fromHeight: number; count: number; work: bigint } | undefined
  for (const segment of segments) {
    if (segment.work === undefined) continue
    known = { fromHeight, count: segment.fromHeight + segment.count - fromHeight, work: segment.work }
    if (known.count < HEADERS_PER_CHUNK) continue
    yield known
    fromHeight += known.count
    known = undefined
  }
  if (known !== undefined) yield known
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, offset + written)
    written += bytesWritten
  }
}
