import { assert } from '../assert.ts'
import { SILENCE_MS_MAX, SILENCE_MS_MIN } from '../limits.ts'
import { Deadlines } from './deadlines.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { Ask, ExchangePeer, Want } from './exchange-peer.ts'
import { isOwed } from './exchange-peer.ts'
import { takeBack } from './outgoing.ts'

/** Who was asked for what, who owes it, and since when nothing came. */
export class Debts {
  readonly #context: ExchangeContext
  /** Peers that owe something, by when they are silent. */
  readonly silence: Deadlines<ExchangePeer> = new Deadlines()
  /** Somebody owes less than before, or is new: a queued want may find its place. */
  hasNewRoom = false

  constructor(context: ExchangeContext) {
    this.#context = context
  }

  /** The peer owes the block from now on. */
  owe(want: Want, peer: ExchangePeer, nowMs: number): void {
    assert(want.owed === undefined, 'a want is owed by one peer at a time')
    want.owed = this.put(want, peer, 'block')
    peer.owedCount += 1
    if (peer.owedCount > 1) return
    peer.progressMs = nowMs
    this.silence.set(peer, nowMs + silenceMs(peer))
  }

  /** The peer is told of the want, with the next message. */
  put(want: Want, peer: ExchangePeer, kind: Ask['kind']): Ask {
    const known = want.asks.get(peer)
    const ask: Ask = known ?? { want, peer, kind, answer: 'none', round: want.round, sentCount: 0, askedMs: 0 }
    if (known === undefined) {
      want.asks.set(peer, ask)
      peer.asks.set(want.cid, ask)
    } else {
      known.kind = kind
      known.answer = 'none'
      known.round = want.round
    }
    peer.outbox.cancels.delete(want.cid)
    peer.outbox.wants.set(want.cid, ask)
    this.#context.dirty.add(peer)
    return ask
  }

  /** Its peer owes it no longer; whether it still holds our want is another matter. */
  release(ask: Ask): void {
    assert(isOwed(ask), 'only what is owed is released')
    ask.want.owed = undefined
    ask.peer.owedCount -= 1
    this.hasNewRoom = true
    if (ask.peer.owedCount === 0) this.silence.delete(ask.peer)
  }

  /** The peer is to forget the want; `hasSent`: it has done so by sending the block. */
  takeBack(ask: Ask, hasSent: boolean): void {
    const { want, peer, sentCount } = ask
    peer.asks.delete(want.cid)
    // As often as it was asked, and once more: a message that failed on its way may have come all the same.
    peer.settled.add(want.cid, hasSent ? sentCount : sentCount + 1)
    takeBack(peer, want.cid, sentCount > 0 && !hasSent)
    if (!hasSent) this.#context.dirty.add(peer)
  }

  /** It delivered, or said no: it is not silent. */
  progressed(peer: ExchangePeer, args: { last: Ask | undefined; blockCount: number; nowMs: number }): void {
    const { last, blockCount, nowMs } = args
    const tookMs = workedMs(peer, last, nowMs)
    if (last !== undefined) measure(last, nowMs)
    if (blockCount > 0) {
      const msPerBlock = Math.max(MS_PER_BLOCK_MIN, tookMs / blockCount)
      const before = peer.msPerBlock ?? msPerBlock
      peer.msPerBlock = before + (msPerBlock - before) / 4
    }
    peer.isSilent = false
    peer.progressMs = nowMs
    if (peer.owedCount > 0) this.silence.set(peer, nowMs + silenceMs(peer))
  }
}

/**
 * Since its last progress; but the way there and back, which is no work of the peer's, does not count, once it is known from
 * earlier answers.
 */
function workedMs({ progressMs, fastestMs = 0 }: ExchangePeer, last: Ask | undefined, nowMs: number): number {
  const sinceMs = nowMs - progressMs
  return last !== undefined && last.sentCount > 0 ? Math.min(sinceMs, nowMs - last.askedMs - fastestMs) : sinceMs
}

/** Many blocks come in one message, within one tick of the clock. */
const MS_PER_BLOCK_MIN = 0.01

/**
 * The response time, smoothed: it rises fast, for a link that turns out to be slow, and falls slowly.
 * A clock that jumped must not make it useless.
 */
export function measure({ peer, askedMs, sentCount }: Ask, nowMs: number): void {
  if (sentCount === 0) return
  const tookMs = Math.min(SILENCE_MS_MAX, nowMs - askedMs)
  const beforeMs = peer.responseMs ?? tookMs
  peer.responseMs = beforeMs + (tookMs - beforeMs) / (tookMs > beforeMs ? 2 : 8)
  peer.fastestMs = Math.min(peer.fastestMs ?? tookMs, tookMs)
}

function silenceMs({ responseMs }: ExchangePeer): number {
  return Math.min(SILENCE_MS_MAX, Math.max(SILENCE_MS_MIN, 4 * (responseMs ?? 0)))
}
