import { assert } from '../assert.ts'
import { LENT_BYTES_MAX, LENT_BYTES_RESERVED, LOAN_STALLED_MS, OWN_BYTES_PER_PEER, STARVED_MS } from '../limits.ts'
import type { ExchangePeer } from './exchange-peer.ts'
import { Heap } from './heap.ts'

/** Entries of the order that are over, beside as many that are not. */
const ORDER_GARBAGE_MIN = 64

interface Waiting {
  readonly peer: ExchangePeer
  readonly sinceMs: number
  readonly bytesSent: number
}

/**
 * Memory for blocks that are loaded or on their way. OWN_BYTES_PER_PEER are each peer's own, so that nobody can keep it from
 * being served; more is lent out of LENT_BYTES_MAX, in fair order: who waits for too long, then who was served least, and
 * last whoever has a loan or did not drain it.
 * A peer that holds a loan and drains nothing, while others wait for it, is to be reset.
 */
export class SendBudget {
  #lentBytes = 0
  /** In the order they began to wait. Bounded by the peers, as are the others. */
  readonly #waiting = new Map<ExchangePeer, Waiting>()
  /** Those that have a loan, or did not drain their last message: they get what nobody else waits for. */
  readonly #last = new Set<ExchangePeer>()
  readonly #order = new Heap<Waiting>(goesBefore)
  /** Peers with a loan, since when each has drained nothing; the earliest first. */
  readonly #borrowers = new Map<ExchangePeer, number>()

  take(peer: ExchangePeer, sizeBytes: number, nowMs: number): void {
    this.#set(peer, peer.outstandingBytes + sizeBytes)
    if (loanOf(peer) > 0 && !this.#borrowers.has(peer)) this.#borrowers.set(peer, nowMs)
  }

  free(peer: ExchangePeer, sizeBytes: number): void {
    assert(sizeBytes <= peer.outstandingBytes, 'no more is freed than was taken')
    this.#set(peer, peer.outstandingBytes - sizeBytes)
    if (loanOf(peer) === 0) this.#borrowers.delete(peer)
  }

  #set(peer: ExchangePeer, outstandingBytes: number): void {
    this.#lentBytes -= loanOf(peer)
    peer.outstandingBytes = outstandingBytes
    this.#lentBytes += loanOf(peer)
    assert(this.#lentBytes <= LENT_BYTES_MAX, 'no more is lent than there is')
  }

  /**
   * Bytes that may be loaded for it now, where the next block takes `neededBytes`. 0: not now; it waits for its turn
   * from now on.
   */
  roomFor(peer: ExchangePeer, neededBytes: number, nowMs: number): number {
    const ownBytes = Math.max(0, OWN_BYTES_PER_PEER - peer.outstandingBytes)
    this.#enrol(peer, nowMs)
    const isItsTurn = this.firstWaiting(nowMs) === peer
    const reservedBytes = this.#last.has(peer) ? LENT_BYTES_RESERVED : 0
    const lendableBytes = Math.max(0, LENT_BYTES_MAX - reservedBytes - this.#lentBytes)
    const roomBytes = isItsTurn ? ownBytes + lendableBytes : ownBytes
    if (neededBytes > roomBytes) return 0
    this.stopWaiting(peer)
    return roomBytes
  }

  #enrol(peer: ExchangePeer, nowMs: number): void {
    if (peer.failureCount > 0 || loanOf(peer) > 0) {
      if (this.#waiting.has(peer)) this.stopWaiting(peer)
      this.#last.add(peer)
      return
    }
    this.#last.delete(peer)
    if (this.#waiting.has(peer)) return
    const waiting = { peer, sinceMs: nowMs, bytesSent: peer.counts.bytesSent }
    this.#waiting.set(peer, waiting)
    this.#order.push(waiting)
  }

  /** Whose turn it is. */
  firstWaiting(nowMs: number): ExchangePeer | undefined {
    for (const longest of this.#waiting.values()) {
      if (nowMs - longest.sinceMs >= STARVED_MS) return longest.peer
      break
    }
    for (let top = this.#order.top; top !== undefined; top = this.#order.top) {
      if (this.#waiting.get(top.peer) === top) return top.peer
      this.#order.pop()
    }
    for (const peer of this.#last) return peer
    return undefined
  }

  /** It was served, is there no more, or wants nothing now. True when it waited: it is another's turn. */
  stopWaiting(peer: ExchangePeer): boolean {
    const wasLast = this.#last.delete(peer)
    if (!this.#waiting.delete(peer)) return wasLast
    if (this.#order.size > 2 * this.#waiting.size + ORDER_GARBAGE_MIN) {
      this.#order.retain((waiting) => this.#waiting.get(waiting.peer) === waiting)
    }
    return true
  }

  /** A message of its was drained. */
  drained(peer: ExchangePeer, nowMs: number): void {
    if (!this.#borrowers.delete(peer)) return
    this.#borrowers.set(peer, nowMs)
  }

  /** Infinity while nobody waits, or nobody has a loan. */
  nextTimeout(): number {
    if (this.#waiting.size + this.#last.size === 0) return Infinity
    for (const sinceMs of this.#borrowers.values()) return sinceMs + LOAN_STALLED_MS
    return Infinity
  }

  /** Who drained nothing for too long while others wait; told once for each such time. */
  takeStalled(nowMs: number): ExchangePeer | undefined {
    if (nowMs < this.nextTimeout()) return undefined
    for (const peer of this.#borrowers.keys()) {
      this.drained(peer, nowMs)
      return peer
    }
    return undefined
  }

  shift(byMs: number): void {
    for (const [peer, sinceMs] of this.#borrowers) this.#borrowers.set(peer, sinceMs + byMs)
    this.#order.retain(() => false)
    for (const [peer, waiting] of [...this.#waiting]) {
      const shifted = { ...waiting, sinceMs: waiting.sinceMs + byMs }
      this.#waiting.set(peer, shifted)
      this.#order.push(shifted)
    }
  }
}

function loanOf({ outstandingBytes }: ExchangePeer): number {
  return Math.max(0, outstandingBytes - OWN_BYTES_PER_PEER)
}

function goesBefore(waiting: Waiting, other: Waiting): boolean {
  if (waiting.bytesSent !== other.bytesSent) return waiting.bytesSent < other.bytesSent
  return waiting.peer.salt < other.peer.salt
}
