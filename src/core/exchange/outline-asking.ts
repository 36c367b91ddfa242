import { assert } from '../assert.ts'
import type { ChainContent } from '../content.ts'
import type { Effect } from '../effect.ts'
import type { Misbehaviour } from '../failure.ts'
import type { ConnectionId, PeerId, RequestId, Root, WantToken } from '../ids.ts'
import { joinBytes } from '../join-bytes.ts'
import {
  ABANDONED_REQUESTS_PER_PEER_MAX,
  OUTLINE_BYTES_MAX,
  OUTLINE_BYTES_PER_MESSAGE_MAX,
  OUTLINE_HEDGE_MS,
  OUTLINE_REQUEST_FIRST,
  OUTLINE_TIMEOUT_MS,
  OUTLINES_PER_PEER_MAX,
  OUTLINES_WANTED_MAX,
} from '../limits.ts'
import type { BlockOutline } from '../message.ts'
import { Deadlines } from './deadlines.ts'
import type { OutlineSettled } from './exchange-effect.ts'
import type { OutlineRequested } from './exchange-event.ts'

type Failure = Extract<OutlineSettled['outcome'], { type: 'failed' }>['code']

export interface OutlineAskingOptions {
  readonly content: ChainContent | undefined
  readonly effects: Effect[]
  /** The connection that messages to this ready peer go by. */
  readonly connectionOf: (peer: PeerId) => ConnectionId | undefined
  readonly latencyOf: (peer: PeerId) => number | undefined
  readonly misbehaved: (args: { peer: PeerId; misbehaviour: Misbehaviour; detail: string; nowMs: number }) => void
}

/** An outline that the app waits for. */
interface Wanted {
  readonly token: WantToken
  readonly root: Root
  /** Bounded by the ready peers. */
  readonly asked: Set<PeerId>
  /** Of those, whose connection failed while it was asked. */
  readonly failed: Set<PeerId>
  absentCount: number
  /** Under way: one, and one more for each that is slow. */
  readonly asks: Set<OutlineAsk>
}

interface OutlineAsk {
  readonly wanted: Wanted
  readonly peer: OutlinePeer
  connection: ConnectionId
  request: RequestId
  /** For the first part. */
  askedMs: number
  /** What came so far, in order; bounded by OUTLINE_BYTES_MAX. */
  readonly parts: Uint8Array[]
  receivedBytes: number
  totalBytes: number | undefined
}

interface OutlinePeer {
  readonly id: PeerId
  /** Bounded by OUTLINES_PER_PEER_MAX. */
  readonly asks: Map<RequestId, OutlineAsk>
  /** Requests that we no longer wait for and that may still be answered. */
  abandonedCount: number
}

/** Asks ready peers that serve outlines, nearest first, one at a time and one more beside each that is slow. */
export class OutlineAsking {
  readonly #options: OutlineAskingOptions
  /** Ready peers that serve outlines. */
  readonly #peers = new Map<PeerId, OutlinePeer>()
  /** Bounded by OUTLINES_WANTED_MAX. */
  readonly #wanted = new Map<WantToken, Wanted>()
  /** Everybody left to ask is busy with others of these. */
  readonly #waiting = new Set<Wanted>()
  readonly #slow = new Deadlines<Wanted>()
  readonly #late = new Deadlines<OutlineAsk>()
  #nextRequest = OUTLINE_REQUEST_FIRST

  constructor(options: OutlineAskingOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#wanted.size
  }

  request({ token, root }: OutlineRequested, nowMs: number): void {
    if (this.#wanted.has(token)) return
    const wanted: Wanted = { token, root, asked: new Set(), failed: new Set(), absentCount: 0, asks: new Set() }
    if (this.#options.content === undefined) {
      this.#fail(wanted, 'not-served', 'this chain has no outlines')
    } else if (this.#wanted.size >= OUTLINES_WANTED_MAX) {
      this.#fail(wanted, 'not-served', `expected at most ${OUTLINES_WANTED_MAX} outlines at once`)
    } else {
      this.#wanted.set(token, wanted)
      this.#askNext(wanted, nowMs)
    }
  }

  cancel(token: WantToken): void {
    const wanted = this.#wanted.get(token)
    if (wanted !== undefined) this.#fail(wanted, 'cancelled', this.#describe(wanted))
  }

  stop(): void {
    for (const wanted of [...this.#wanted.values()]) this.#fail(wanted, 'stopped', this.#describe(wanted))
    this.#peers.clear()
  }

  #describe({ asked, absentCount }: Wanted): string {
    if (asked.size === 0) return 'no ready peer serves outlines'
    return `${absentCount} of ${asked.size} peers that serve outlines do not have it`
  }

  #fail(wanted: Wanted, code: Failure, detail: string): void {
    const progress = { askedCount: wanted.asked.size, absentCount: wanted.absentCount }
    this.#settle(wanted, { type: 'failed', code, detail, progress })
  }

  #settle(wanted: Wanted, outcome: OutlineSettled['outcome']): void {
    for (const ask of [...wanted.asks]) this.#drop(ask, 'abandoned')
    this.#wanted.delete(wanted.token)
    this.#waiting.delete(wanted)
    this.#slow.delete(wanted)
    this.#options.effects.push({ type: 'outline-settled', token: wanted.token, outcome })
  }

  #drop(ask: OutlineAsk, how: 'answered' | 'abandoned'): void {
    const { wanted, peer } = ask
    wanted.asks.delete(ask)
    peer.asks.delete(ask.request)
    this.#late.delete(ask)
    if (how === 'abandoned') peer.abandonedCount = Math.min(peer.abandonedCount + 1, ABANDONED_REQUESTS_PER_PEER_MAX)
  }

  #askNext(wanted: Wanted, nowMs: number): void {
    this.#waiting.delete(wanted)
    const next = this.#nearest(wanted)
    if (next === 'busy') this.#waiting.add(wanted)
    else if (next !== undefined) this.#ask(wanted, next, nowMs)
    else if (wanted.asks.size === 0) this.#fail(wanted, 'not-served', this.#describe(wanted))
  }

  #nearest(wanted: Wanted): OutlinePeer | 'busy' | undefined {
    let nearest: OutlinePeer | undefined
    let latencyMs = Infinity
    let isAnyBusy = false
    for (const peer of this.#peers.values()) {
      if (wanted.asked.has(peer.id) || this.#options.connectionOf(peer.id) === undefined) continue
      if (peer.asks.size >= OUTLINES_PER_PEER_MAX) {
        isAnyBusy = true
        continue
      }
      const itsLatencyMs = this.#options.latencyOf(peer.id) ?? Infinity
      if (nearest !== undefined && itsLatencyMs >= latencyMs) continue
      nearest = peer
      latencyMs = itsLatencyMs
    }
    return nearest ?? (isAnyBusy ? 'busy' : undefined)
  }

  #ask(wanted: Wanted, peer: OutlinePeer, nowMs: number): void {
    const connection = this.#options.connectionOf(peer.id)
    assert(connection !== undefined, 'only ready peers are asked')
    const request = this.#nextRequest as RequestId
    const nothing = { parts: [], receivedBytes: 0, totalBytes: undefined }
    const ask: OutlineAsk = { wanted, peer, connection, request, askedMs: nowMs, ...nothing }
    wanted.asked.add(peer.id)
    wanted.asks.add(ask)
    this.#late.set(ask, nowMs + OUTLINE_TIMEOUT_MS)
    // Not for each part: who sends part after part does not keep the others from being asked.
    this.#slow.set(wanted, nowMs + OUTLINE_HEDGE_MS)
    this.#send(ask)
  }

  /** The first part, or the next. */
  #send(ask: OutlineAsk): void {
    ask.request = this.#nextRequest++ as RequestId
    ask.peer.asks.set(ask.request, ask)
    const { connection, request, receivedBytes: fromByte } = ask
    const message = { type: 'get-block-outline', request, root: ask.wanted.root, fromByte } as const
    this.#options.effects.push({ type: 'send-message', connection, message })
  }

  answered(peerId: PeerId, message: BlockOutline, nowMs: number): void {
    const ask = this.#take(peerId, message.request, nowMs)
    if (ask === undefined) return
    const { totalBytes, bytes } = message
    if (totalBytes === 0) {
      this.#saidNo(ask, nowMs)
      return
    }
    const isConsistent = totalBytes <= OUTLINE_BYTES_MAX && totalBytes === (ask.totalBytes ?? totalBytes)
    // Nothing less, so that an outline comes in a few parts.
    const partBytes = Math.min(OUTLINE_BYTES_PER_MESSAGE_MAX, totalBytes - ask.receivedBytes)
    if (!isConsistent || bytes.length !== partBytes) {
      const expected = `expected ${partBytes} bytes of ${ask.totalBytes ?? `at most ${OUTLINE_BYTES_MAX}`}`
      this.#lied(ask, `${expected}, got ${bytes.length} of ${totalBytes}`, nowMs)
      return
    }
    if (ask.totalBytes === undefined) {
      const partCount = Math.ceil(totalBytes / OUTLINE_BYTES_PER_MESSAGE_MAX)
      this.#late.set(ask, ask.askedMs + partCount * OUTLINE_TIMEOUT_MS)
    }
    ask.parts.push(bytes)
    ask.receivedBytes += bytes.length
    ask.totalBytes = totalBytes
    if (ask.receivedBytes === totalBytes) this.#whole(ask, nowMs)
    else {
      ask.connection = this.#options.connectionOf(peerId) ?? ask.connection
      this.#send(ask)
    }
  }

  refused(peerId: PeerId, request: RequestId, nowMs: number): void {
    const ask = this.#take(peerId, request, nowMs)
    if (ask !== undefined) this.#saidNo(ask, nowMs)
  }

  /** The ask that this answers, no longer under that number. An answer to nothing is a strike, a late one is not. */
  #take(peerId: PeerId, request: RequestId, nowMs: number): OutlineAsk | undefined {
    const peer = this.#peers.get(peerId)
    const ask = peer?.asks.get(request)
    if (ask !== undefined) ask.peer.asks.delete(request)
    else if (peer !== undefined && peer.abandonedCount > 0) peer.abandonedCount -= 1
    else {
      const detail = 'an outline that nobody asked for'
      this.#options.misbehaved({ peer: peerId, misbehaviour: 'unasked', detail, nowMs })
    }
    return ask
  }

  #saidNo(ask: OutlineAsk, nowMs: number): void {
    ask.wanted.absentCount += 1
    this.#over(ask, 'answered', nowMs)
  }

  #lied(ask: OutlineAsk, detail: string, nowMs: number): void {
    this.#over(ask, 'answered', nowMs)
    this.#options.misbehaved({ peer: ask.peer.id, misbehaviour: 'invalid-outline', detail, nowMs })
  }

  /** Nothing came of it: the next peer is asked, and whoever waited for this one. */
  #over(ask: OutlineAsk, how: 'answered' | 'abandoned', nowMs: number): void {
    this.#drop(ask, how)
    this.#askNext(ask.wanted, nowMs)
    this.#askWaiting(nowMs)
  }

  #askWaiting(nowMs: number): void {
    for (const wanted of [...this.#waiting]) this.#askNext(wanted, nowMs)
  }

  #whole(ask: OutlineAsk, nowMs: number): void {
    const outline = joinBytes(ask.parts)
    const { root } = ask.wanted
    const wrong = this.#options.content?.checkOutline({ root, outline })
    if (wrong !== undefined) {
      this.#lied(ask, `an outline of ${root}: ${wrong}`, nowMs)
      return
    }
    this.#drop(ask, 'answered')
    this.#settle(ask.wanted, { type: 'delivered', outline, from: ask.peer.id })
    this.#askWaiting(nowMs)
  }

  // Peers and time.

  peerReady(id: PeerId, nowMs: number): void {
    this.#peers.set(id, { id, asks: new Map(), abandonedCount: 0 })
    this.#askWaiting(nowMs)
  }

  peerGone(id: PeerId, nowMs: number): void {
    const peer = this.#peers.get(id)
    this.#peers.delete(id)
    for (const ask of [...(peer?.asks.values() ?? [])]) this.#over(ask, 'abandoned', nowMs)
  }

  /** What was asked by this connection, or by a stream of its that broke, is lost; whom it was asked of may be asked once more. */
  connectionFailed(id: PeerId, connection: ConnectionId, nowMs: number): void {
    for (const ask of [...(this.#peers.get(id)?.asks.values() ?? [])]) {
      if (ask.connection !== connection) continue
      const { asked, failed } = ask.wanted
      if (!failed.has(id)) asked.delete(id)
      failed.add(id)
      this.#over(ask, 'abandoned', nowMs)
    }
  }

  handleTimeout(nowMs: number): void {
    for (let ask = this.#late.take(nowMs); ask !== undefined; ask = this.#late.take(nowMs)) {
      this.#over(ask, 'abandoned', nowMs)
    }
    for (let wanted = this.#slow.take(nowMs); wanted !== undefined; wanted = this.#slow.take(nowMs)) {
      this.#askNext(wanted, nowMs)
    }
  }

  nextTimeout(): number {
    return Math.min(this.#late.next(), this.#slow.next())
  }

  shift(byMs: number): void {
    for (const ask of this.#late.keys()) ask.askedMs += byMs
    this.#late.shift(byMs)
    this.#slow.shift(byMs)
  }
}
