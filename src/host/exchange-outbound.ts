import type { Connection, Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { SendExchange } from '../core/exchange/exchange-effect.ts'
import type { ExchangeSendFailed, ExchangeSent } from '../core/exchange/exchange-event.ts'
import type { NetworkFailure } from '../core/failure.ts'
import type { ConnectionId } from '../core/ids.ts'
import { encodeBitswapMessage } from '../wire/bitswap-message.ts'
import { encodeVarint } from '../wire/varint.ts'
import { failureOf } from './stream-failure.ts'

export const BITSWAP_PROTOCOL = '/ipfs/bitswap/1.2.0'
/** The one in use, one that closes, and the one whose opening was given up and has not ended. */
export const OUTBOUND_EXCHANGE_STREAMS_MAX = 3
/**
 * A stream that nothing was sent on for this many ticks of a second is closed, and opened again when needed: Helia resets
 * one that was quiet for 10 s, and a message on its way at that moment would be lost.
 */
export const IDLE_TICKS_MAX = 8
/** An honest peer lets a stream go within a round trip; another one's is cut off after this. */
const CLOSE_TIMEOUT_MS = 2_000

interface Write {
  readonly sequence: number
  readonly opening: AbortController
  readonly timer: ReturnType<typeof setTimeout>
}

/**
 * What goes out to one peer: one long-lived stream, one message at a time.
 * Nobody waits for the peer here: a write has a deadline, a close is in the background, one at most and cut off in time.
 */
export class ExchangeOutbound {
  readonly #connection: Connection
  readonly #id: ConnectionId
  readonly #post: (event: ExchangeSent | ExchangeSendFailed) => void
  #write: Write | undefined
  #stream: Stream | undefined
  /** Resolves when the opening under way has ended, whoever still wants it. */
  #opening: Promise<void> | undefined
  /** Ends the close under way at once. */
  #cutOffClosing: () => void = () => {}
  #idleTicks = 0
  #isEnded = false
  bytesOut = 0

  constructor(args: {
    readonly connection: Connection
    readonly id: ConnectionId
    readonly post: (event: ExchangeSent | ExchangeSendFailed) => void
  }) {
    this.#connection = args.connection
    this.#id = args.id
    this.#post = args.post
  }

  /** Answered once: by `exchange-sent` when the stream's buffers are empty again, or by `exchange-send-failed`. */
  send({ sequence, message, timeoutMs }: SendExchange): void {
    if (this.#isEnded) return this.#fail(sequence, 'closed')
    if (this.#write !== undefined) throw new Error(`expected one message at a time, got ${sequence} in between`)
    const parts = encodeBitswapMessage(message)
    const frame = new Uint8ArrayList(...parts)
    frame.prepend(encodeVarint(frame.byteLength))
    const timer = setTimeout(() => this.#giveUp('timeout'), timeoutMs)
    const write: Write = { sequence, opening: new AbortController(), timer }
    this.#write = write
    this.#idleTicks = 0
    if (this.#stream === undefined) void this.#openFor(write, frame)
    else this.#put(this.#stream, frame)
  }

  /** The message under way, if there is one, fails as `cancelled`. */
  reset(): void {
    this.#giveUp('cancelled')
  }

  /** Once a second. */
  tick(): void {
    if (this.#stream === undefined || this.#write !== undefined) return
    this.#idleTicks++
    if (this.#idleTicks >= IDLE_TICKS_MAX) this.#close(this.#stream)
  }

  /** The connection is gone or going: what is under way fails, and what is still asked for fails at once. */
  end(): void {
    this.#giveUp('closed')
    this.#isEnded = true
    this.#cutOffClosing()
    this.#stream?.abort(new Error('the connection ends'))
  }

  async #openFor(write: Write, frame: Uint8ArrayList): Promise<void> {
    // One that was given up may not have ended yet, and there is never more than one (X2).
    while (this.#opening !== undefined) await this.#opening
    if (this.#write !== write) return
    const settled = Promise.withResolvers<void>()
    this.#opening = settled.promise
    try {
      const { signal } = write.opening
      const stream = await this.#connection.newStream(BITSWAP_PROTOCOL, { signal })
      if (this.#write !== write) return stream.abort(new Error('given up'))
      this.#adopt(stream)
      this.#put(stream, frame)
    } catch (error) {
      if (this.#write === write) this.#settle(failureOf(error))
    } finally {
      this.#opening = undefined
      settled.resolve()
    }
  }

  #adopt(stream: Stream): void {
    this.#stream = stream
    // Nothing comes back on this stream; what does is dropped.
    stream.addEventListener('message', () => {})
    // libp2p moves its own buffer on in a microtask after `drain`; we look after that.
    stream.addEventListener('drain', () => queueMicrotask(() => queueMicrotask(() => this.#look(stream))))
    stream.addEventListener('idle', () => queueMicrotask(() => this.#look(stream)))
    stream.addEventListener('close', () => this.#onClosed(stream))
  }

  #put(stream: Stream, frame: Uint8ArrayList): void {
    this.bytesOut += frame.byteLength
    try {
      // In one go: parts sent one by one would each be a frame of the muxer and packets of their own.
      stream.send(frame)
    } catch {
      return this.#giveUp('closed')
    }
    this.#look(stream)
  }

  /** Every byte has left for the socket, and that takes more. */
  #look(stream: Stream): void {
    if (stream !== this.#stream || stream.writeBufferLength > 0 || stream.writableNeedsDrain) return
    if (stream.status === 'open') this.#settle('sent')
    else this.#giveUp('closed')
  }

  #onClosed(stream: Stream): void {
    if (stream !== this.#stream) return
    this.#stream = undefined
    this.#settle('closed')
  }

  /** Whatever the stream holds of the message under way goes with it. */
  #giveUp(failure: NetworkFailure): void {
    if (this.#write === undefined) return
    const stream = this.#stream
    this.#stream = undefined
    this.#write.opening.abort()
    this.#settle(failure)
    stream?.abort(new Error(failure))
  }

  #settle(outcome: 'sent' | NetworkFailure): void {
    if (this.#write === undefined) return
    const { sequence, timer } = this.#write
    clearTimeout(timer)
    this.#write = undefined
    if (outcome === 'sent') this.#post({ type: 'exchange-sent', connection: this.#id, sequence })
    else this.#fail(sequence, outcome)
  }

  #fail(sequence: number, failure: NetworkFailure): void {
    this.#post({ type: 'exchange-send-failed', connection: this.#id, sequence, failure })
  }

  /** In the background. One that still closes is cut off, so that there is one at most. */
  #close(stream: Stream): void {
    this.#stream = undefined
    this.#cutOffClosing()
    const cutOff = (): void => {
      clearTimeout(timer)
      stream.abort(new Error('the peer did not let go of the stream'))
    }
    const timer = setTimeout(cutOff, CLOSE_TIMEOUT_MS)
    this.#cutOffClosing = cutOff
    stream.addEventListener('close', () => clearTimeout(timer))
    try {
      stream.close().catch(cutOff)
    } catch {
      cutOff()
    }
  }
}
