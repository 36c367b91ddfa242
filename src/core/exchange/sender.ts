import { assert } from '../assert.ts'
import type { ConnectionId } from '../ids.ts'
import {
  ENVELOPE_BYTES_MIN,
  ENVELOPE_DRAINED_FAST_MS,
  ENVELOPE_DRAINED_SLOWLY_MS,
  EXCHANGE_PACKED_BYTES_MAX,
  SEND_BYTES_PER_MS_MIN,
  SEND_RETRY_MS_MAX,
  SEND_RETRY_MS_MIN,
  SEND_TIMEOUT_MS_MIN,
} from '../limits.ts'
import type { BlockServer } from './block-server.ts'
import { Deadlines } from './deadlines.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { ExchangePeer, Sending } from './exchange-peer.ts'
import { packMessage } from './outgoing.ts'

/**
 * One message a peer at a time (X2); what is to be said meanwhile goes into the next, so that the busier a peer is, the
 * larger its messages are.
 */
export class Sender {
  readonly #context: ExchangeContext
  readonly #server: BlockServer
  /** Peers to which a send failed, until they are sent to again. */
  readonly #resting = new Deadlines<ExchangePeer>()
  #nextSequence = 1

  constructor(options: { context: ExchangeContext; server: BlockServer }) {
    this.#context = options.context
    this.#server = options.server
  }

  /** At the end of a step: whatever can go, goes. */
  flush(nowMs: number): void {
    const { dirty } = this.#context
    for (const peer of dirty) {
      dirty.delete(peer)
      this.#server.advance(peer, nowMs)
      if (peer.sending === undefined && !peer.isResting) this.#send(peer, nowMs)
    }
  }

  #send(peer: ExchangePeer, nowMs: number): void {
    const packed = packMessage(peer, nowMs)
    if (packed === undefined) return
    const { message, ...carried } = packed
    for (const entry of packed.blocks) peer.ledger.move(entry, 'sending')
    const sequence = this.#nextSequence++
    const { connection } = peer
    const { dontHaves } = message
    peer.sending = { connection, sequence, startedMs: nowMs, ...carried, dontHaves, isReset: false }
    const timeoutMs = SEND_TIMEOUT_MS_MIN + Math.ceil(packed.sizeBytes / SEND_BYTES_PER_MS_MIN)
    this.#context.effects.push({ type: 'send-exchange', connection, sequence, message, timeoutMs })
    // The next envelope is loaded while this one is on its way.
    this.#server.advance(peer, nowMs)
  }

  sent(peer: ExchangePeer, sequence: number, nowMs: number): void {
    const sending = takeSending(peer, sequence)
    if (sending === undefined) return
    peer.failureCount = 0
    const { counts } = this.#context
    for (const each of [counts, peer.counts]) {
      each.blocksSent += sending.blocks.length
      each.bytesSent += sending.blockBytes
    }
    adaptEnvelope(peer, sending, nowMs)
    this.#server.sent(peer, sending, nowMs)
    this.#context.dirty.add(peer)
  }

  /** False for an answer to nothing. After a back-off our whole wantlist goes again: nobody knows what arrived. */
  failed(peer: ExchangePeer, sequence: number, nowMs: number): boolean {
    const sending = takeSending(peer, sequence)
    if (sending === undefined) return false
    peer.envelopeBytes = Math.max(ENVELOPE_BYTES_MIN, Math.floor(peer.envelopeBytes / 4))
    peer.isResting = true
    const retryMs = Math.min(SEND_RETRY_MS_MAX, SEND_RETRY_MS_MIN * 2 ** peer.failureCount)
    peer.failureCount = Math.min(peer.failureCount + 1, 16)
    this.#resting.set(peer, nowMs + retryMs)
    this.#server.failed(peer, sending, nowMs)
    this.#startAnew(peer)
    return true
  }

  /** One of its connections is no more: what went by it may have been lost, so all that it is to know goes again. */
  lost(peer: ExchangePeer, connection: ConnectionId, nowMs: number): void {
    const { sending } = peer
    if (sending?.connection === connection) {
      peer.sending = undefined
      this.#server.failed(peer, sending, nowMs)
    }
    this.#startAnew(peer)
  }

  /** An empty wantlist too: it takes back what a lost cancel did not. */
  #startAnew(peer: ExchangePeer): void {
    const { outbox } = peer
    outbox.isFullWantlist ||= peer.asks.size > 0 || !peer.settled.isEmpty
    outbox.wants = new Map(peer.asks)
    outbox.cancels.clear()
    this.#context.dirty.add(peer)
  }

  gone(peer: ExchangePeer): void {
    peer.sending = undefined
    this.#resting.delete(peer)
  }

  handleTimeout(nowMs: number): void {
    for (let peer = this.#resting.take(nowMs); peer !== undefined; peer = this.#resting.take(nowMs)) {
      peer.isResting = false
      this.#context.dirty.add(peer)
    }
    const { budget } = this.#server
    for (let peer = budget.takeStalled(nowMs); peer !== undefined; peer = budget.takeStalled(nowMs)) {
      if (peer.sending !== undefined && !peer.sending.isReset) this.#reset(peer.sending)
    }
  }

  #reset(sending: Sending): void {
    sending.isReset = true
    this.#context.effects.push({ type: 'reset-exchange', connection: sending.connection })
  }

  nextTimeout(): number {
    return Math.min(this.#resting.next(), this.#server.budget.nextTimeout())
  }

  shift(byMs: number): void {
    this.#resting.shift(byMs)
    this.#server.budget.shift(byMs)
  }
}

function takeSending(peer: ExchangePeer, sequence: number): Sending | undefined {
  const { sending } = peer
  if (sending?.sequence !== sequence) return undefined
  peer.sending = undefined
  assert(sending.blockBytes <= peer.outstandingBytes, 'what is on its way is counted')
  return sending
}

/** About as much as the peer drains in a second or two goes into one message: enough for speed, little to lose. */
function adaptEnvelope(peer: ExchangePeer, sending: Sending, nowMs: number): void {
  const tookMs = nowMs - sending.startedMs
  const isWorthMeasuring = sending.blockBytes >= peer.envelopeBytes / 2
  if (tookMs > ENVELOPE_DRAINED_SLOWLY_MS) {
    peer.envelopeBytes = Math.max(ENVELOPE_BYTES_MIN, Math.floor(peer.envelopeBytes / 2))
  } else if (isWorthMeasuring && tookMs < ENVELOPE_DRAINED_FAST_MS) {
    peer.envelopeBytes = Math.min(EXCHANGE_PACKED_BYTES_MAX, peer.envelopeBytes * 2)
  }
}
