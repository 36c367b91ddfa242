import type { FileHandle } from 'node:fs/promises'
import { StoreError } from './store.ts'

/** Enough for full speed from a disk, little enough to hold while reading. */
const WINDOW_SIZE_BYTES: number = 1024 * 1024
/** Smaller than the window, so that small records share one read. */
const PART_SIZE_BYTES: number = WINDOW_SIZE_BYTES / 16

/** Reads a file's bytes between two offsets from front to back, a window at a time. */
export class WindowReader {
  readonly #file: FileHandle
  readonly #endOffset: number
  readonly #window: Uint8Array
  #windowOffset = 0
  #windowLength = 0

  constructor(args: { readonly file: FileHandle; readonly fromOffset: number; readonly endOffset: number }) {
    this.#file = args.file
    this.#endOffset = args.endOffset
    this.#window = new Uint8Array(Math.min(args.endOffset - args.fromOffset, WINDOW_SIZE_BYTES))
  }

  /** At most a window long; good until the next call. Throws `StoreError` when the file ends before. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.#windowOffset || offset + length > this.#windowOffset + this.#windowLength) {
      const wanted = Math.min(this.#window.length, this.#endOffset - offset)
      const { bytesRead } = await this.#file.read(this.#window, 0, wanted, offset)
      this.#windowOffset = offset
      this.#windowLength = bytesRead
      if (bytesRead < length)
        throw new StoreError('read-failed', `expected ${length} bytes at ${offset}, got ${bytesRead}`)
    }
    const start = offset - this.#windowOffset
    return this.#window.subarray(start, start + length)
  }

  /** All bytes from `offset` to `endOffset`, each part good until the next one. */
  async *parts(offset: number, endOffset: number): AsyncGenerator<Uint8Array> {
    for (let at = offset; at < endOffset;) {
      const part = await this.bytes(at, Math.min(endOffset - at, PART_SIZE_BYTES))
      yield part
      at += part.length
    }
  }
}
