import type { Stream } from '@libp2p/interface'
import type { PeerMisbehaved } from '../core/event.ts'
import type { IncomingExchange } from '../core/exchange/exchange-message.ts'
import type { ConnectionId } from '../core/ids.ts'
import { EXCHANGE_MESSAGE_BYTES_MAX, EXCHANGE_PACKED_BYTES_MAX } from '../core/limits.ts'
import { BitswapReader } from '../wire/bitswap-message.ts'
import { WireError } from '../wire/wire-error.ts'
import { PayloadPool } from '../wire/frame.ts'
import { FrameStream, type StreamEnd } from './frame-stream.ts'
import type { ExchangePart, UnreadExchange } from './host.ts'

/** boxo's server opens a stream for each of its 8 workers, Helia one a message. */
export const INBOUND_EXCHANGE_STREAMS_MAX = 32
/** Bytes of frames that are being read on one connection, in sum: one that is long, and others beside it. */
const READING_BYTES_MAX: number = 2 * EXCHANGE_MESSAGE_BYTES_MAX
/** Bytes that may wait unread in all streams of one connection: windows grow while a peer is read, and it may fill them after. */
export const UNREAD_BYTES_MAX: number = 16 * 1024 * 1024
/** A stream that says nothing for this many ticks of a second in the middle of a frame is reset. */
export const BROKEN_OFF_TICKS_MAX = 60
/** One that says nothing between frames for this long is idle; … */
export const IDLE_TICKS_MIN = 30
/** … so many of them may stay, for peers that keep theirs. */
export const IDLE_STREAMS_MAX = 4
/** A stream that both sides ended is gone at once; this is for one that is not. */
const ENDED_TICKS_MAX = 2
/** What one entry of a message takes to handle, beside its block's bytes. */
const ITEM_COST_BYTES = 128
/** Of all connections. */
const PAYLOADS: PayloadPool = new PayloadPool(EXCHANGE_PACKED_BYTES_MAX)

/**
 * Of messages without room, on all connections: beyond it whoever sends one is not read at all until it is handled, or a
 * thousand peers would fill a thousand windows. Up to it only their streams wait, and all else goes on.
 */
export const WITHOUT_ROOM_BYTES_MAX: number = 2 * EXCHANGE_MESSAGE_BYTES_MAX

let withoutRoomBytes = 0

interface Reading {
  readonly frames: FrameStream
  /** Of `READING_BYTES_MAX`. */
  heldBytes: number
  /** It waits for us: for room, or for others to be read. */
  isWaiting: boolean
  hasEnded: boolean
  isOver: boolean
  bytesSeen: number
  quietTicks: number
}

/**
 * What comes in from one peer, on as many streams as it likes up to `INBOUND_EXCHANGE_STREAMS_MAX`. Nothing is said on them.
 * Held at most: `READING_BYTES_MAX` of frames, and a window of the muxer for each stream.
 */
export class ExchangeInbound {
  readonly #id: ConnectionId
  readonly #post: (event: PeerMisbehaved) => void
  readonly #offer: (message: UnreadExchange, sizeBytes: number) => Promise<void>
  readonly #holdBack: (isHeldBack: boolean) => void
  #isAdmitted = false
  #isEnded = false
  /** Streams that came before the peer was admitted, unread. */
  readonly #held = new Set<Stream>()
  readonly #readings = new Set<Reading>()
  /** Set while there is no room for a message of this peer: none of its streams is read. */
  #room: Promise<void> | undefined
  #heldBytes = 0
  #onReleased: (() => void)[] = []
  #endedBytesIn = 0

  constructor(args: {
    readonly id: ConnectionId
    readonly post: (event: PeerMisbehaved) => void
    readonly offer: (message: UnreadExchange, sizeBytes: number) => Promise<void>
    /** Whether the connection is not read at all, as far as its transport can do without. */
    readonly holdBack: (isHeldBack: boolean) => void
  }) {
    this.#id = args.id
    this.#post = args.post
    this.#offer = args.offer
    this.#holdBack = args.holdBack
  }

  get bytesIn(): number {
    return [...this.#readings].reduce((sum, { frames }) => sum + frames.bytesIn, this.#endedBytesIn)
  }

  /** The peer opened a stream. */
  accept(stream: Stream): void {
    if (this.#isEnded || this.#held.size + this.#readings.size >= INBOUND_EXCHANGE_STREAMS_MAX) {
      return stream.abort(new Error('too many streams'))
    }
    if (this.#isAdmitted) return this.#read(stream)
    if (stream.status !== 'open') return
    stream.pause()
    this.#held.add(stream)
    stream.addEventListener('close', () => this.#held.delete(stream))
  }

  admit(): void {
    this.#isAdmitted = true
    for (const stream of this.#held) this.#read(stream)
    this.#held.clear()
  }

  /** Once a second. */
  tick(): void {
    this.#dropUnread()
    for (const reading of [...this.#readings]) {
      const { frames, isWaiting, bytesSeen } = reading
      reading.quietTicks = isWaiting || frames.bytesIn !== bytesSeen ? 0 : reading.quietTicks + 1
      reading.bytesSeen = frames.bytesIn
      if (reading.hasEnded && reading.quietTicks >= ENDED_TICKS_MAX) frames.abort({ type: 'closed' })
      else if (frames.isInFrame && reading.quietTicks >= BROKEN_OFF_TICKS_MAX) frames.abort({ type: 'timeout' })
    }
    const idle = [...this.#readings].filter(
      ({ frames, quietTicks }) => !frames.isInFrame && quietTicks >= IDLE_TICKS_MIN,
    )
    idle.sort((a, b) => b.quietTicks - a.quietTicks)
    for (const { frames } of idle.slice(0, Math.max(0, idle.length - IDLE_STREAMS_MAX)))
      frames.abort({ type: 'closed' })
  }

  /** The connection is gone or going; nothing more is told. */
  end(): void {
    this.#isEnded = true
    for (const stream of [...this.#held]) stream.abort(new Error('the connection ends'))
    this.#held.clear()
    for (const { frames } of [...this.#readings]) frames.abort({ type: 'closed' })
  }

  /** The streams with the most go first. */
  #dropUnread(): void {
    const readings = [...this.#readings].sort((a, b) => b.frames.unreadBytes - a.frames.unreadBytes)
    let unreadBytes = readings.reduce((sum, { frames }) => sum + frames.unreadBytes, 0)
    for (const { frames } of readings) {
      if (unreadBytes <= UNREAD_BYTES_MAX) return
      unreadBytes -= frames.unreadBytes
      frames.abort({ type: 'overflow' })
    }
  }

  #read(stream: Stream): void {
    const frames = new FrameStream({
      stream,
      payloadBytesMax: EXCHANGE_MESSAGE_BYTES_MAX,
      pool: PAYLOADS,
      onFrameStart: (payloadBytes) => this.#hold(reading, payloadBytes),
      onFrame: (payload) => this.#take(reading, payload),
      onRemoteEnd: () => {
        reading.hasEnded = true
        frames.closeWrite()
      },
      onEnd: (end) => this.#onEnd(reading, end),
    })
    const reading: Reading = {
      frames,
      heldBytes: 0,
      isWaiting: false,
      hasEnded: false,
      isOver: false,
      bytesSeen: 0,
      quietTicks: 0,
    }
    this.#readings.add(reading)
  }

  /** Undefined when the frame may be read at once. */
  #hold(reading: Reading, payloadBytes: number): Promise<void> | undefined {
    if (this.#heldBytes + payloadBytes > READING_BYTES_MAX) return this.#waitToHold(reading, payloadBytes)
    reading.heldBytes = payloadBytes
    this.#heldBytes += payloadBytes
    return undefined
  }

  async #waitToHold(reading: Reading, payloadBytes: number): Promise<void> {
    reading.isWaiting = true
    while (!reading.isOver && this.#heldBytes + payloadBytes > READING_BYTES_MAX) {
      await new Promise<void>((resolve) => this.#onReleased.push(resolve))
    }
    reading.isWaiting = false
    if (!reading.isOver) void this.#hold(reading, payloadBytes)
  }

  #release(reading: Reading): void {
    this.#heldBytes -= reading.heldBytes
    reading.heldBytes = 0
    for (const resolve of this.#onReleased.splice(0)) resolve()
  }

  /** Whoever reads the message gives the payload back. */
  async #take(reading: Reading, payload: Uint8Array): Promise<void> {
    reading.isWaiting = true
    while (this.#room !== undefined) await this.#room
    if (reading.isOver) return
    const sizeBytes = payload.length
    const message = new BitswapReader(payload)
    const read = (entriesMax: number): ExchangePart | undefined => this.#readPart(reading, message, entriesMax)
    const unread: UnreadExchange = { type: 'exchange-unread', connection: this.#id, read }
    const offered = this.#offer(unread, sizeBytes)
    const room = offered.then(() => {
      this.#room = undefined
    })
    this.#room = room
    this.#release(reading)
    // By the next microtask it is known whether there was room.
    await Promise.resolve()
    if (this.#isWithoutRoom()) await this.#waitForRoom(room, sizeBytes)
    reading.isWaiting = false
  }

  async #waitForRoom(room: Promise<void>, sizeBytes: number): Promise<void> {
    withoutRoomBytes += sizeBytes
    const isHeldBack = withoutRoomBytes > WITHOUT_ROOM_BYTES_MAX
    if (isHeldBack) this.#holdBack(true)
    await room
    withoutRoomBytes -= sizeBytes
    if (isHeldBack) this.#holdBack(false)
  }

  /** Asked anew after each wait. */
  #isWithoutRoom(): boolean {
    return this.#room !== undefined
  }

  #readPart({ frames }: Reading, reader: BitswapReader, entriesMax: number): ExchangePart | undefined {
    if (reader.isOver) return undefined
    try {
      const message = reader.read(entriesMax)
      if (reader.isOver) PAYLOADS.giveBack(reader.bytes)
      const event = { type: 'exchange-received', connection: this.#id, message } as const
      return { event, costBytes: costBytesOf(message), isLast: reader.isOver }
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#tellUndecodable(error.message)
      frames.abort({ type: 'closed' })
      return undefined
    }
  }

  #onEnd(reading: Reading, end: StreamEnd): void {
    reading.isOver = true
    this.#readings.delete(reading)
    this.#endedBytesIn += reading.frames.bytesIn
    this.#release(reading)
    if (end.type === 'undecodable') this.#tellUndecodable(end.detail)
  }

  #tellUndecodable(reason: string): void {
    if (this.#isEnded) return
    const detail = `exchange: ${reason}`
    this.#post({ type: 'peer-misbehaved', connection: this.#id, misbehaviour: 'undecodable', detail })
  }
}

function costBytesOf({ wants, cancels, blocks, haves, dontHaves }: IncomingExchange): number {
  const itemCount = wants.length + cancels.length + blocks.length + haves.length + dontHaves.length
  return blocks.reduce((sum, { bytes }) => sum + bytes.length, itemCount * ITEM_COST_BYTES)
}
