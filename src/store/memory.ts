import { toCommit } from './commit.ts'
import type { HeaderStore, OpenedStore, StoreOptions, StoreWrite } from './store.ts'
import { StoreError } from './store.ts'

/** One retarget period; a chunk never moves, so growing copies nothing. */
const HEADERS_PER_CHUNK = 2_016

/** Keeps headers as long as the object lives, also over `close` and `open`. Takes 80 bytes of memory a header. */
export function createMemoryStore(options: StoreOptions): HeaderStore {
  return new MemoryStore(options)
}

class MemoryStore implements HeaderStore {
  readonly kind = 'memory'
  readonly #headerSizeBytes: number
  readonly #chunks: Uint8Array[] = []
  #headerCount = 0
  #work = 0n
  #isOpen = false

  constructor(options: StoreOptions) {
    this.#headerSizeBytes = options.headerSizeBytes
  }

  open(): Promise<OpenedStore> {
    this.#isOpen = true
    const content = { headerCount: this.#headerCount, work: this.#work }
    return Promise.resolve({ ...content, isWritable: true, reason: undefined, warnings: [] })
  }

  async read({ fromHeight, count }: { readonly fromHeight: number; readonly count: number }): Promise<Uint8Array> {
    if (!this.#isOpen) throw new StoreError('read-failed', 'the store is closed')
    const readCount = Math.max(0, Math.min(count, this.#headerCount - fromHeight))
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

  async write(writes: readonly StoreWrite[]): Promise<void> {
    if (!this.#isOpen) throw new StoreError('write-failed', 'the store is closed')
    const commit = toCommit({ writes, headerCount: this.#headerCount, headerSizeBytes: this.#headerSizeBytes })
    if (commit === undefined) return
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
    this.#headerCount = commit.headerCount
    this.#work = commit.work
    this.#chunks.length = Math.ceil(this.#headerCount / HEADERS_PER_CHUNK)
  }

  onWritable(): void {
    // Writable from the start.
  }

  get sizeBytes(): number {
    return this.#headerCount * this.#headerSizeBytes
  }

  close(): Promise<void> {
    this.#isOpen = false
    return Promise.resolve()
  }

  /** From this byte of the chain to the end of its chunk; the chunk is made when it is the next one. */
  #chunkFrom(byte: number): Uint8Array {
    const chunkSizeBytes = HEADERS_PER_CHUNK * this.#headerSizeBytes
    const chunkIndex = Math.floor(byte / chunkSizeBytes)
    const chunk = (this.#chunks[chunkIndex] ??= new Uint8Array(chunkSizeBytes))
    return chunk.subarray(byte % chunkSizeBytes)
  }
}
