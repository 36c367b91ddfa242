import { hash } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Misbehaviour } from '../core/failure.ts'
import type { BitcoinMessage } from '../wire/bitcoin/message-frame.ts'
import { BitcoinMessageReader, encodeBitcoinMessage, WrongMagicError } from '../wire/bitcoin/message-frame.ts'
import type { BitcoinWireNetwork } from '../wire/bitcoin/network.ts'
import { BITCOIN_WIRE_NETWORKS } from '../wire/bitcoin/network.ts'
import { WireError } from '../wire/wire-error.ts'
import type { Traffic } from './host.ts'

/** What waits to be written: one block of the largest kind, and the answers to all requests that are read at once. */
const WRITE_QUEUE_BYTES_MAX: number = 5 * 1024 * 1024
/** A graceful close of an honest peer takes a round trip; a silent one is cut off after this. */
const CLOSE_TIMEOUT_MS = 2_000

export interface BitcoinSocketOptions {
  readonly socket: Socket
  readonly network: BitcoinWireNetwork
  readonly messageTimeoutMs: number
  readonly nowMs: () => number
  /** Asked when a message begins; what is not wanted comes without its payload. */
  readonly isWanted: (command: string) => boolean
  /** The next message is not read before this is done. A `WireError` is the peer's misbehaviour. */
  readonly onMessage: (message: BitcoinMessage) => Promise<void>
  /** Called once at most; the socket is gone by then, though not closed. */
  readonly onMisbehaved: (misbehaviour: Misbehaviour, detail: string) => void
  /** Called once, last. */
  readonly onClosed: () => void
}

/** SHA-256 twice. */
export function doubleSha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', hash('sha256', bytes, 'buffer'), 'buffer')
}

/** Bitcoin messages over a TCP socket, with back-pressure both ways: what was read is worked off before more is read. */
export class BitcoinSocket {
  readonly #options: BitcoinSocketOptions
  readonly #socket: Socket
  readonly #reader: BitcoinMessageReader
  /** When the message in work began to come; undefined when none has, and while we are the ones that keep it waiting. */
  #beganMs: number | undefined
  #closeByMs: number | undefined

  constructor(options: BitcoinSocketOptions) {
    this.#options = options
    this.#socket = options.socket
    const { network, isWanted } = options
    this.#reader = new BitcoinMessageReader({ magic: network.magic, isWanted, doubleSha256 })
    this.#socket.setNoDelay(true)
    // Every error is followed by `close`.
    this.#socket.on('error', () => {})
    this.#socket.once('close', () => options.onClosed())
    void this.#read()
  }

  get traffic(): Traffic {
    return { bytesIn: this.#socket.bytesRead, bytesOut: this.#socket.bytesWritten }
  }

  send(command: string, payload: Uint8Array): void {
    if (this.#closeByMs !== undefined || this.#socket.destroyed) return
    const { magic } = this.#options.network
    this.#socket.write(encodeBitcoinMessage({ magic, command, payload, doubleSha256 }))
    if (this.#socket.writableLength > WRITE_QUEUE_BYTES_MAX) this.#socket.destroy()
  }

  /** Resolves when what was sent has left for the peer, or never will; undefined when that is so already. */
  untilDrained(): Promise<void> | undefined {
    const socket = this.#socket
    if (!socket.writableNeedDrain) return undefined
    return new Promise((resolve) => {
      const onEnd = (): void => {
        socket.off('drain', onEnd)
        socket.off('close', onEnd)
        resolve()
      }
      socket.on('drain', onEnd)
      socket.on('close', onEnd)
    })
  }

  /** What was sent goes out; cut off after a while. Nothing is read any more. */
  close(): void {
    this.#closeByMs ??= this.#options.nowMs() + CLOSE_TIMEOUT_MS
    this.#socket.end()
  }

  destroy(): void {
    this.#closeByMs ??= this.#options.nowMs()
    this.#socket.destroy()
  }

  /** Deadlines, about once a second. */
  tick(nowMs: number): void {
    const isSlow = this.#beganMs !== undefined && nowMs >= this.#beganMs + this.#options.messageTimeoutMs
    // A slow network is no misbehaviour.
    if (isSlow || (this.#closeByMs !== undefined && nowMs >= this.#closeByMs)) this.destroy()
  }

  async #read(): Promise<void> {
    for await (const chunk of chunksOf(this.#socket)) {
      if (this.#closeByMs !== undefined) continue
      this.#reader.push(chunk)
      try {
        await this.#takeMessages()
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        return this.#misbehaved(error)
      }
      if (this.#reader.isInMessage) this.#beganMs ??= this.#options.nowMs()
    }
  }

  async #takeMessages(): Promise<void> {
    for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
      this.#beganMs = undefined
      await this.#options.onMessage(message)
      await this.untilDrained()
      if (this.#closeByMs !== undefined) return
    }
  }

  #misbehaved(error: WireError): void {
    if (this.#closeByMs !== undefined) return
    this.destroy()
    const { network, onMisbehaved } = this.#options
    const magic = error instanceof WrongMagicError ? error.magic : undefined
    const other = BITCOIN_WIRE_NETWORKS.find((candidate) => candidate.magic === magic)
    if (other === undefined) onMisbehaved('undecodable', error.message)
    else onMisbehaved('wrong-chain', `expected a peer on ${network.chain}, got one on ${other.chain}`)
  }
}

/** What comes until the connection ends, one way or another. */
async function* chunksOf(socket: Socket): AsyncGenerator<Uint8Array> {
  try {
    yield* socket as AsyncIterable<Uint8Array>
  } catch {
    // `close` follows, and says so.
  }
}
