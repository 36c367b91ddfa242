import { freeBytes } from '../core/free-bytes.ts'
import { decodeVarint, encodeVarint } from './varint.ts'
import { undecodable, WireError } from './wire-error.ts'

/** A length prefix of more bytes than this is no length of ours: 4 bytes hold 2^28 - 1. */
const PREFIX_BYTES_MAX = 4
const NO_BYTES = new Uint8Array(0)

/** One that is read, one that is decoded, and those that wait in between. */
const POOLED_COUNT_MAX = 4

/**
 * Memory for long payloads, used again for later ones: new memory would be taken from the system and cleared each time. At most
 * `POOLED_COUNT_MAX` pieces wait in it; what else comes back, that of shorter payloads too, is freed at once.
 */
export class PayloadPool {
  readonly #pooledBytes: number
  readonly #free: ArrayBufferLike[] = []

  /** Each piece has `pooledBytes`: for payloads of half as much or more. */
  constructor(pooledBytes: number) {
    this.#pooledBytes = pooledBytes
  }

  /** Filled with whatever it held before. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes < this.#pooledBytes / 2 || sizeBytes > this.#pooledBytes) return new Uint8Array(sizeBytes)
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#pooledBytes), 0, sizeBytes)
  }

  /** Of a payload that was taken here: nobody looks at it, or at views of it, any more. */
  giveBack(payload: Uint8Array): void {
    const { buffer } = payload
    if (buffer.byteLength === this.#pooledBytes && this.#free.length < POOLED_COUNT_MAX) this.#free.push(buffer)
    else freeBytes(payload)
  }
}

/** The payload behind its length, an unsigned varint. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const prefix = encodeVarint(payload.length)
  const frame = new Uint8Array(prefix.length + payload.length)
  frame.set(prefix)
  frame.set(payload, prefix.length)
  return frame
}

/**
 * Cuts a byte stream, split anywhere, into frames.
 * Holds the chunk in work and one unfinished frame, which `payloadBytesMax` bounds.
 */
export class FrameReader {
  readonly #payloadBytesMax: number
  readonly #pool: PayloadPool | undefined
  #chunk: Uint8Array = NO_BYTES
  #offset = 0
  #prefix: number[] = []
  #sizeBytes: number | undefined
  #payload: Uint8Array | undefined
  #filledBytes = 0

  constructor(payloadBytesMax: number, pool?: PayloadPool) {
    this.#payloadBytesMax = payloadBytesMax
    this.#pool = pool
  }

  /** The chunk's bytes are copied as `next` takes them. Call only when `next` has returned undefined. */
  push(chunk: Uint8Array): void {
    if (this.#offset < this.#chunk.length) throw new Error('expected every frame taken before the next chunk')
    this.#chunk = chunk
    this.#offset = 0
  }

  /** Some bytes of a frame were taken, and not all of it. */
  get isInFrame(): boolean {
    return this.#prefix.length > 0 || this.#sizeBytes !== undefined
  }

  /** Reads the length of the next payload, which `next` allocates; undefined when more bytes are needed. Throws `WireError`. */
  begin(): number | undefined {
    this.#sizeBytes ??= this.#readPrefix()
    return this.#sizeBytes
  }

  /** The next whole payload, the caller's own until it is given back to the pool; undefined when more bytes are needed. Throws `WireError`. */
  next(): Uint8Array | undefined {
    const sizeBytes = this.begin()
    if (sizeBytes === undefined) return undefined
    this.#payload ??= this.#pool?.take(sizeBytes) ?? new Uint8Array(sizeBytes)
    const taken = this.#chunk.subarray(this.#offset, this.#offset + this.#payload.length - this.#filledBytes)
    this.#payload.set(taken, this.#filledBytes)
    this.#offset += taken.length
    this.#filledBytes += taken.length
    // It may be a view of 64 KiB that came together, and a quiet stream of a thousand would keep each its own.
    if (this.#offset === this.#chunk.length) this.push(NO_BYTES)
    if (this.#filledBytes < this.#payload.length) return undefined
    const payload = this.#payload
    this.#payload = undefined
    this.#sizeBytes = undefined
    this.#filledBytes = 0
    return payload
  }

  #readPrefix(): number | undefined {
    for (;;) {
      const byte = this.#chunk[this.#offset]
      if (byte === undefined) return undefined
      this.#offset++
      this.#prefix.push(byte)
      if (byte < 0x80) break
      if (this.#prefix.length === PREFIX_BYTES_MAX) {
        throw undecodable(`a frame length of at most ${PREFIX_BYTES_MAX} bytes`, 'a longer one')
      }
    }
    const sizeBytes = decodeVarint(Uint8Array.from(this.#prefix), 0)?.value ?? 0
    if (sizeBytes > this.#payloadBytesMax) {
      throw new WireError('oversize', `expected a frame of at most ${this.#payloadBytesMax} bytes, got ${sizeBytes}`)
    }
    this.#prefix = []
    return sizeBytes
  }
}
