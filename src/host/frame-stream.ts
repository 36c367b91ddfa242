import type { Stream } from '@libp2p/interface'
import { encodeFrame, FrameReader, type PayloadPool } from '../wire/frame.ts'
import { WireError } from '../wire/wire-error.ts'
import { freeSpent, handOver } from './spent-bytes.ts'

/** Answers that wait in one stream: eight full batches of headers, with room to spare. */
export const STREAM_QUEUE_BYTES_MAX: number = 2 * 1024 * 1024
/** A stream that takes nothing for this many ticks of a second is given up: no honest reader sleeps for so long. */
export const STALLED_TICKS_MAX = 30

/** Why a stream ended. `undecodable`: the peer's bytes prove it. */
export type StreamEnd =
  | { readonly type: 'closed' }
  | { readonly type: 'timeout' }
  | { readonly type: 'overflow' }
  | { readonly type: 'undecodable'; readonly detail: string }

export interface FrameStreamOptions {
  readonly stream: Stream
  readonly payloadBytesMax: number
  /** Where payloads are taken from; whoever is done with one gives it back. */
  readonly pool?: PayloadPool
  /** The frame that comes has this many bytes, and is not read before this is done. */
  readonly onFrameStart?: (payloadBytes: number) => void | Promise<void>
  /** The next frame is not read before this is done. A `WireError` ends the stream as undecodable. */
  readonly onFrame: (payload: Uint8Array) => void | Promise<void>
  /** Called once. */
  readonly onEnd: (end: StreamEnd) => void
  /** Bytes went on their way: there may be room for more. */
  readonly onProgress?: () => void
  /** The remote says no more and has been read to the end; without this the stream ends. */
  readonly onRemoteEnd?: () => void
}

/**
 * Frames over a libp2p stream, with back-pressure both ways.
 * Held at most: going out `STREAM_QUEUE_BYTES_MAX`, coming in one window of the muxer and one frame.
 */
export class FrameStream {
  readonly #options: FrameStreamOptions
  readonly #stream: Stream
  readonly #reader: FrameReader
  readonly #listeners = new AbortController()
  #chunks: Uint8Array[] = []
  #isReading = false
  /** The length of a frame is known, and not all of its bytes have come. */
  #isInFrame = false
  #hasRemoteEnded = false
  #end: StreamEnd | undefined
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #closeWhenSent = false
  #settledBytes = 0
  #stalledTicks = 0
  bytesIn = 0
  bytesOut = 0

  constructor(options: FrameStreamOptions) {
    this.#options = options
    this.#stream = options.stream
    this.#reader = new FrameReader(options.payloadBytesMax, options.pool)
    const { signal } = this.#listeners
    const stream = this.#stream
    stream.addEventListener('message', ({ data }) => this.#take(data), { signal })
    stream.addEventListener('end', () => this.#onEnd(), { signal })
    stream.addEventListener('close', () => this.#finish({ type: 'closed' }), { signal })
    // libp2p moves its own buffer on in a microtask after `drain`; ours follows it.
    stream.addEventListener('drain', () => queueMicrotask(() => queueMicrotask(() => this.#pump())), { signal })
    stream.addEventListener('idle', () => queueMicrotask(() => this.#pump()), { signal })
    // Its reader was held back until now.
    if (stream.readStatus === 'paused') queueMicrotask(() => this.#resume())
    // A stream that was reset before anyone listened says nothing more.
    queueMicrotask(() => {
      if (stream.status !== 'open') this.#finish({ type: 'closed' })
    })
  }

  /** Bytes that were sent and have not left this machine's buffers for the muxer's window. */
  get undrainedBytes(): number {
    return this.#queuedBytes + this.#stream.writeBufferLength
  }

  /** The remote began a frame and has not ended it. */
  get isInFrame(): boolean {
    return this.#reader.isInFrame
  }

  /** Bytes that came and were not taken yet, because the stream is paused. */
  get unreadBytes(): number {
    return this.#stream.readBufferLength
  }

  /** The stream ends with `overflow` when more waits than its bound. */
  send(payload: Uint8Array): void {
    if (this.#end !== undefined) return
    const frame = encodeFrame(payload)
    handOver(frame)
    this.#queue.push(frame)
    this.#queuedBytes += frame.length
    this.bytesOut += frame.length
    this.#pump()
    if (this.undrainedBytes > STREAM_QUEUE_BYTES_MAX) this.abort({ type: 'overflow' })
  }

  /** Half-closes once all is sent; the owner's deadline bounds it. */
  closeWrite(): void {
    this.#closeWhenSent = true
    this.#pump()
  }

  /** Resets the stream; `onEnd` is told. */
  abort(end: StreamEnd): void {
    this.#finish(end)
  }

  /** Once a second: ends a stream whose reader takes nothing. */
  tick(): void {
    const settledBytes = this.bytesOut - this.undrainedBytes
    this.#stalledTicks = this.undrainedBytes === 0 || settledBytes !== this.#settledBytes ? 0 : this.#stalledTicks + 1
    this.#settledBytes = settledBytes
    if (this.#stalledTicks > STALLED_TICKS_MAX) this.abort({ type: 'timeout' })
  }

  #finish(end: StreamEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#listeners.abort()
    this.#queue = []
    this.#queuedBytes = 0
    this.#chunks = []
    this.#stream.abort(new Error(end.type === 'undecodable' ? end.detail : end.type))
    this.#options.onEnd(end)
  }

  /** One frame at a time, so that what waits is ours to count. */
  #pump(): void {
    const stream = this.#stream
    const before = this.#queuedBytes
    while (this.#end === undefined && !stream.writableNeedsDrain && stream.writeBufferLength === 0) {
      const frame = this.#queue.shift()
      if (frame === undefined) break
      this.#queuedBytes -= frame.length
      try {
        stream.send(frame)
      } catch {
        return this.#finish({ type: 'closed' })
      }
    }
    if (this.#end !== undefined) return
    if (this.#closeWhenSent && this.#queue.length === 0) stream.close().catch(() => {})
    if (before === 0 || this.#queuedBytes < before) this.#options.onProgress?.()
  }

  #take(data: Uint8Array | Iterable<Uint8Array>): void {
    // A list of chunks made one would be one more copy of every byte.
    for (const chunk of data instanceof Uint8Array ? [data] : data) {
      this.bytesIn += chunk.length
      this.#chunks.push(chunk)
    }
    if (!this.#isReading) void this.#read()
  }

  #onEnd(): void {
    this.#hasRemoteEnded = true
    if (!this.#isReading) this.#settleRemoteEnd()
  }

  #settleRemoteEnd(): void {
    if (this.#end !== undefined) return
    if (this.#options.onRemoteEnd === undefined) this.#finish({ type: 'closed' })
    else this.#options.onRemoteEnd()
  }

  /**
   * While a chunk is worked on the stream is paused, so the muxer's window fills up and the remote waits.
   * `resume` hands out what came meanwhile before it re-opens the window: pausing again inside of it would be undone,
   * so further chunks are only noted there and taken in the next round.
   */
  async #read(): Promise<void> {
    this.#isReading = true
    while (this.#end === undefined && this.#chunks.length > 0) {
      if (this.#stream.readStatus === 'readable') this.#stream.pause()
      for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) {
        this.#reader.push(chunk)
        try {
          // A round without a whole frame waits for nothing: an end that follows at once must find all of it read.
          for (;;) {
            const start = this.#startFrame()
            if (start !== undefined) await start
            if (this.#isOver()) return
            const payload = this.#reader.next()
            if (payload === undefined) break
            this.#isInFrame = false
            const done = this.#options.onFrame(payload)
            if (done !== undefined) await done
            if (this.#isOver()) return
          }
          freeSpent(chunk)
        } catch (error) {
          if (!(error instanceof WireError)) throw error
          return this.#finish({ type: 'undecodable', detail: error.message })
        }
      }
      this.#resume()
    }
    this.#isReading = false
    if (this.#hasRemoteEnded) this.#settleRemoteEnd()
  }

  #resume(): void {
    if (this.#stream.status === 'open' && this.#stream.readStatus === 'paused') this.#stream.resume()
  }

  #startFrame(): void | Promise<void> {
    const payloadBytes = this.#isInFrame ? undefined : this.#reader.begin()
    if (payloadBytes === undefined) return
    this.#isInFrame = true
    return this.#options.onFrameStart?.(payloadBytes)
  }

  /** Asked anew after each wait. */
  #isOver(): boolean {
    return this.#end !== undefined
  }
}
