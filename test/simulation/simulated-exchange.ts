/**
 * Block exchange of one process on the simulated network: messages take their time by size, and whoever does not read is
 * sent no more than a window holds. A message is drained once it is on the wire and fits that window.
 */
import type { ExchangeHostEffect, SendExchange } from '../../src/core/exchange/exchange-effect.ts'
import type { ExchangeHostEvent } from '../../src/core/exchange/exchange-event.ts'
import type { IncomingExchange, OutgoingExchange } from '../../src/core/exchange/exchange-message.ts'
import type { NetworkFailure } from '../../src/core/failure.ts'
import type { ConnectionId } from '../../src/core/ids.ts'
import { asReceived } from '../exchange/blocks.ts'
import type { LinkEnd } from './link.ts'
import { exchangeSizeBytes } from './machine.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What the two sides of a stream hold for a reader that does not read. */
const WINDOW_BYTES = 256 * 1024
const LOOK_AGAIN_MS = 100
/** A liar sends without being asked how it goes, by numbers below this. */
const LIES_BELOW = 0

/** What a liar sends holds blocks that nobody can read, too. */
export interface LyingMessage extends OutgoingExchange {
  readonly unreadableBlockCount: number
}

/** How a process behaves on the bitswap streams that others open to it. */
export type ExchangeManners =
  | 'reads'
  /** Never answers the negotiation: nothing ever leaves. */
  | 'takes-no-stream'
  /** Takes what a window holds, and no more. */
  | 'reads-nothing'
  /** Does not speak bitswap, and says so. */
  | 'unsupported'

export interface ExchangeHostOptions {
  readonly time: VirtualTime
  readonly random: Random
  readonly manners: ExchangeManners
  readonly bytesPerMs: number
  readonly post: (event: ExchangeHostEvent) => void
  readonly sentIntoTheVoid: (end: LinkEnd) => void
  readonly endOf: (connection: ConnectionId) => LinkEnd | undefined
}

interface Sending {
  readonly end: LinkEnd
  readonly effect: SendExchange
}

export class SimulatedExchange {
  readonly manners: ExchangeManners
  private readonly options: ExchangeHostOptions
  private readonly admitted = new Set<ConnectionId>()
  private readonly sending = new Map<ConnectionId, Sending>()

  constructor(options: ExchangeHostOptions) {
    this.options = options
    this.manners = options.manners
  }

  perform(effect: ExchangeHostEffect, remote: SimulatedExchange | undefined): void {
    const end = this.options.endOf(effect.connection)
    // Its connection-closed is in the inbox already.
    if (end === undefined) return
    if (effect.type === 'send-exchange') this.send(end, effect, remote)
    else if (effect.type === 'reset-exchange') this.fail(effect.connection, 'cancelled')
    else {
      this.admitted.add(effect.connection)
      end.link.resume(end)
    }
  }

  /** Nothing is read before the peer is admitted. */
  reads(end: LinkEnd): boolean {
    return this.manners === 'reads' && this.admitted.has(end.connection)
  }

  private send(end: LinkEnd, effect: SendExchange, remote: SimulatedExchange | undefined): void {
    const { time, random } = this.options
    const { connection, sequence, message, timeoutMs } = effect
    if (!end.other.owner.isAlive) this.options.sentIntoTheVoid(end)
    if (sequence < LIES_BELOW) {
      this.put(end, message)
      return
    }
    if (this.sending.has(connection)) throw new Error(`X2: two messages at once on ${connection}`)
    const sending = { end, effect }
    this.sending.set(connection, sending)
    time.after(timeoutMs, () => this.finish(sending, 'timeout'))
    if (remote?.manners === 'unsupported') {
      time.after(random.between(5, 300), () => this.finish(sending, 'unsupported'))
      return
    }
    if (remote?.manners === 'takes-no-stream') return
    const onWireMs = this.put(end, message)
    time.after(onWireMs - time.nowMs, () => this.drain(sending))
  }

  /** Returns when its last byte is on the wire. */
  private put(end: LinkEnd, message: OutgoingExchange): number {
    const { time, bytesPerMs } = this.options
    const sizeBytes = exchangeSizeBytes(message)
    const { other } = end
    end.exchangeFreeMs = Math.max(time.nowMs, end.exchangeFreeMs) + Math.ceil(sizeBytes / bytesPerMs)
    const event = { type: 'exchange-received', connection: other.connection, message: received(message) } as const
    end.link.send(other, 'exchange', event, sizeBytes, end.exchangeFreeMs - time.nowMs)
    return end.exchangeFreeMs
  }

  private drain(sending: Sending): void {
    if (this.sending.get(sending.effect.connection) !== sending) return
    if (sending.end.other.arriving.exchange.bytes <= WINDOW_BYTES) this.finish(sending, 'sent')
    else this.options.time.after(LOOK_AGAIN_MS, () => this.drain(sending))
  }

  private finish(sending: Sending, outcome: 'sent' | NetworkFailure): void {
    const { connection, sequence } = sending.effect
    if (this.sending.get(connection) !== sending) return
    this.sending.delete(connection)
    if (outcome === 'sent') {
      this.options.post({ type: 'exchange-sent', connection, sequence })
      return
    }
    // Its stream is reset: what the other side has not read is lost, and what was drained before with it.
    const { end } = sending
    end.link.drop(end.other, 'exchange')
    end.exchangeFreeMs = 0
    this.options.post({ type: 'exchange-send-failed', connection, sequence, failure: outcome })
  }

  fail(connection: ConnectionId, failure: NetworkFailure): void {
    const sending = this.sending.get(connection)
    if (sending !== undefined) this.finish(sending, failure)
  }

  /** Our stream on this connection breaks; where nothing was on its way nobody is told. */
  resetStream(end: LinkEnd): void {
    end.link.drop(end.other, 'exchange')
    this.fail(end.connection, 'closed')
  }

  /** The connection goes: a host says so of a message on its way, or says only that the connection is closed. */
  closed(connection: ConnectionId): void {
    this.admitted.delete(connection)
    if (this.options.random.chance(0.5)) this.fail(connection, 'closed')
    this.sending.delete(connection)
  }
}

function received(message: OutgoingExchange): IncomingExchange {
  const { unreadableBlockCount = 0 } = message as Partial<LyingMessage>
  return { ...asReceived(message), unreadableBlockCount }
}
