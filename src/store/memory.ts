import { toCommit } from './commit.ts'
import type { HeaderStore, OpenedStore, StoredPart, StoreOptions, StoreRead, StoreWrite } from './store.ts'
import { StoreError } from './store.ts'

/** One retarget period; a chunk never moves, so growing copies nothing. */
const HEADERS_PER_CHUNK = 2_016

/** Keeps headers as long as the object lives, also over `close` and `open`. Takes 80 bytes of memory a header. */
export function createMemoryStore(options: StoreOptions): HeaderStore {
  return new MemoryStore(options)
}

class MemoryStore implements HeaderStore {
  readonly kind = 'memory'
  readonly #lower: MemoryPart
  readonly #upper: MemoryPart
  #isOpen = false

  constructor({ headerSizeBytes }: StoreOptions) {
    this.#lower = new MemoryPart(headerSizeBytes)
    this.#upper = new MemoryPart(headerSizeBytes)
  }

  open(): Promise<OpenedStore> {
    this.#isOpen = true
    const content = { ...this.#lower.content, upper: this.#upper.content }
    return Promise.resolve({ ...content, isWritable: true, reason: undefined, warnings: [] })
  }

  async read(args: StoreRead): Promise<Uint8Array> {
    if (!this.#isOpen) throw new StoreError('read-failed', 'the store is closed')
    return this.#part(args.isUpper).read(args)
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    if (!this.#isOpen) throw new StoreError('write-failed', 'the store is closed')
    this.#part(writes[0]?.isUpper).write(writes)
  }

  #part(isUpper = false): MemoryPart {
    return isUpper ? this.#upper : this.#lower
  }

  onWritable(): void {
    // Writable from the start.
  }

  get sizeBytes(): number {
    return this.#lower.sizeBytes + this.#upper.sizeBytes
  }

  close(): Promise<void> {
    this.#isOpen = false
    return Promise.resolve()
  }
}

class MemoryPart {
  readonly #headerSizeBytes: number
  readonly #chunks: Uint8Array[] = []
  /** Replaced by every write. */
  content: StoredPart = { headerCount: 0, work: 0n }

  constructor(headerSizeBytes: number) {
    this.#headerSizeBytes = headerSizeBytes
  }

  get sizeBytes(): number {
    return this.content.headerCount * this.#headerSizeBytes
  }

  read({ fromHeight, count }: StoreRead): Uint8Array {
    const readCount = Math.max(0, Math.min(count, this.content.headerCount - fromHeight))
    const headers = new Uint8Array(readCount * this.#headerSizeBytes)
    let fromByte = fromHeight * this.#headerSizeBytes
    for (let filledBytes = 0; filledBytes < headers.length;) {
      const part = this.#chunkFrom(fromByte).subarray(0, headers.length - filledBytes)
      headers.set(part, filledBytes)
      filledBytes += part.length
      fromByte += part.length
    }
    return headers
  }

  write(writes: readonly StoreWrite[]): void {
    const commit = toCommit({ writes, ...this.content, headerSizeBytes: this.#headerSizeBytes })
    if (commit === undefined) return
    const { headerCount, work } = commit
    let toByte = commit.truncateTo * this.#headerSizeBytes
    for (const piece of commit.pieces) {
      for (let takenBytes = 0; takenBytes < piece.length;) {
        const space = this.#chunkFrom(toByte)
        const part = piece.subarray(takenBytes, takenBytes + space.length)
        space.set(part)
        takenBytes += part.length
        toByte += part.length
      }
    }
    this.content = { headerCount, work }
    this.#chunks.length = Math.ceil(headerCount / HEADERS_PER_CHUNK)
  }

  /** From this byte of the part to the end of its chunk; the chunk is made when it is the next one. */
  #chunkFrom(byte: number): Uint8Array {
    const chunkSizeBytes = HEADERS_PER_CHUNK * this.#headerSizeBytes
    const chunkIndex = Math.floor(byte / chunkSizeBytes)
    const chunk = (this.#chunks[chunkIndex] ??= new Uint8Array(chunkSizeBytes))
    return chunk.subarray(byte % chunkSizeBytes)
  }
}
