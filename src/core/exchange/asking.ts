import type { Cid, WantToken } from '../ids.ts'
import { ASK_ROUND_MS, PROBED_PEERS_PER_WANT, PROBED_WANTS_PER_SESSION, WANTS_MAX } from '../limits.ts'
import { prefixOf } from './cid-text.ts'
import { Deadlines } from './deadlines.ts'
import { Debts, measure } from './debts.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { WantSettled } from './exchange-effect.ts'
import type { RequestedWant } from './exchange-event.ts'
import type { Ask, ExchangePeer, Want } from './exchange-peer.ts'
import { isOwed } from './exchange-peer.ts'
import { helpOut } from './helping-out.ts'
import type { PeerList } from './peer-list.ts'
import { blame, forget, praise, Sessions } from './sessions.ts'
import { chooseWhomToAsk, owedCountMax, type Choice } from './whom-to-ask.ts'

type WantFailure = Extract<WantSettled['outcome'], { type: 'failed' }>['code']

/** The first want, so that a later one has a lower priority for a long time; 32 bits, signed. */
const PRIORITY_FIRST: number = 2 ** 31 - 1
const NO_BYTES = new Uint8Array(0)
/** Queued wants in a row that find nobody with room: then the others will not either. */
const VAIN_PLACINGS_MAX = 16

/**
 * Asks for blocks: each want is asked of one peer at a time, and of the next when that one says no, is silent, fails or goes.
 * 1. Every want is owed by one connected peer, queued, or parked (see `Want`), and is settled once for each token.
 * 2. What a peer owed when it went, failed or lied is asked elsewhere in the same step (S3, X6).
 */
export class Asking {
  readonly #context: ExchangeContext
  readonly #peers: PeerList
  readonly #wants = new Map<Cid, Want>()
  /** Bounded by WANTS_MAX; wants are no more than tokens. */
  readonly #tokens = new Map<WantToken, Want>()
  readonly #sessions = new Sessions()
  /** Whoever could be asked owes as much as it may. */
  readonly #queued = new Set<Want>()
  /** Everybody was asked; due when everybody is asked again. */
  readonly #parked = new Deadlines<Want>()
  readonly #debts: Debts
  #nextPriority = PRIORITY_FIRST
  /** Hash function and digest length in one number; bounded by what `cidOf` knows. */
  readonly #knownHashes = new Set<number>()

  constructor(options: { context: ExchangeContext; peers: PeerList }) {
    this.#context = options.context
    this.#peers = options.peers
    this.#debts = new Debts(options.context)
  }

  get wantCount(): number {
    return this.#tokens.size
  }

  wantOf(cid: Cid): Want | undefined {
    return this.#wants.get(cid)
  }

  // The app.

  request({ token, cid, session }: RequestedWant, nowMs: number): void {
    if (this.#tokens.has(token)) return
    if (this.#tokens.size >= WANTS_MAX) {
      this.#refuse(token, 'too-many-wants', `expected at most ${WANTS_MAX} wants at once`)
      return
    }
    const hashCode = this.#unknownHashOf(cid)
    if (hashCode !== undefined) {
      this.#refuse(token, 'unknown-hash', `expected a known hash function, got ${hashCode} in ${cid}`)
      return
    }
    const known = this.#wants.get(cid)
    if (known !== undefined) {
      known.tokens.add(token)
      this.#tokens.set(token, known)
      return
    }
    const want: Want = {
      cid,
      session: this.#sessions.open(session),
      priority: this.#nextPriority,
      tokens: new Set([token]),
      asks: new Map(),
      owed: undefined,
      round: 0,
      roundDueMs: undefined,
    }
    this.#nextPriority = Math.max(1, this.#nextPriority - 1)
    this.#wants.set(cid, want)
    this.#tokens.set(token, want)
    this.#place(want, nowMs)
    if (want.owed !== undefined) this.#probe(want)
  }

  /** What is not known of the CID's hash, for people; undefined when its blocks can be checked. */
  #unknownHashOf(cid: Cid): string | undefined {
    const prefix = prefixOf(cid)
    if (prefix === undefined) return 'none'
    const known = prefix.hashCode * 256 + prefix.digestSizeBytes
    if (this.#knownHashes.has(known)) return undefined
    if (this.#context.cidOf(prefix, NO_BYTES) === undefined) {
      return `0x${prefix.hashCode.toString(16)} of ${prefix.digestSizeBytes} bytes`
    }
    this.#knownHashes.add(known)
    return undefined
  }

  #refuse(token: WantToken, code: WantFailure, detail: string): void {
    const progress = { askedCount: 0, absentCount: 0 }
    const outcome = { type: 'failed', code, detail, progress } as const
    this.#context.effects.push({ type: 'want-settled', token, outcome })
  }

  /** Nobody is known to have what this session is after: the first wants find out. */
  #probe(want: Want): void {
    const { session } = want
    if (session.good.size > 0 || session.probedCount >= PROBED_WANTS_PER_SESSION) return
    session.probedCount += 1
    const { all } = this.#peers
    const start = Math.floor(this.#context.random() * all.length)
    let probedCount = 0
    for (let count = 0; count < all.length && probedCount < PROBED_PEERS_PER_WANT; count += 1) {
      const peer = all[(start + count) % all.length]
      if (peer === undefined || want.asks.has(peer) || peer.asks.size >= owedCountMax(peer)) continue
      this.#debts.put(want, peer, 'have')
      probedCount += 1
    }
  }

  cancel(token: WantToken): void {
    const want = this.#tokens.get(token)
    if (want === undefined) return
    this.#settleFailed(want, token, 'cancelled')
    want.tokens.delete(token)
    if (want.tokens.size === 0) this.#close(want, undefined)
  }

  #settleFailed(want: Want, token: WantToken, code: WantFailure): void {
    let absentCount = 0
    for (const { answer } of want.asks.values()) if (answer === 'absent') absentCount += 1
    const progress = { askedCount: want.asks.size, absentCount }
    const detail = this.#describe(progress.askedCount, absentCount)
    this.#tokens.delete(token)
    const outcome = { type: 'failed', code, detail, progress } as const
    this.#context.effects.push({ type: 'want-settled', token, outcome })
  }

  #describe(askedCount: number, absentCount: number): string {
    if (this.#peers.all.length === 0) return 'no peer to ask'
    if (askedCount === 0) return 'no peer was asked yet: each owes as many blocks as it may'
    const absent = `${absentCount} of ${askedCount} peers ${absentCount === 1 ? 'does' : 'do'} not have it`
    const silentCount = askedCount - absentCount
    return silentCount === 0 ? absent : `${absent}, ${silentCount} ${silentCount === 1 ? 'has' : 'have'} not answered`
  }

  stop(): void {
    for (const [token, want] of [...this.#tokens]) this.#settleFailed(want, token, 'stopped')
    this.#wants.clear()
    this.#sessions.clear()
    this.#queued.clear()
    this.#parked.clear()
    this.#debts.silence.clear()
  }

  // Asking.

  /** Nobody owes it: asks the best there is, or queues or parks it. */
  #place(want: Want, nowMs: number): void {
    const choice = this.#choose(want, nowMs)
    if (choice === 'nobody') this.#park(want, nowMs)
    else if (choice === 'full') this.#queued.add(want)
    else this.#debts.owe(want, choice, nowMs)
  }

  #choose(want: Want, nowMs: number, except?: ExchangePeer): Choice {
    return chooseWhomToAsk({ want, peers: this.#peers.all, random: this.#context.random, nowMs, except })
  }

  /** Until everybody is asked again; who comes and goes meanwhile does not put that off. */
  #park(want: Want, nowMs: number): void {
    want.roundDueMs ??= nowMs + ASK_ROUND_MS
    this.#parked.set(want, want.roundDueMs)
  }

  #unplace(want: Want): void {
    if (want.owed !== undefined) this.#debts.release(want.owed)
    this.#queued.delete(want)
    this.#parked.delete(want)
  }

  /** Everything that this peer owes is asked of others, as far as there are any. */
  askElsewhere(peer: ExchangePeer, nowMs: number): void {
    for (const ask of peer.asks.values()) {
      if (!isOwed(ask)) continue
      const { want } = ask
      const choice = this.#choose(want, nowMs, peer)
      if (choice === 'nobody') continue
      this.#debts.release(ask)
      if (choice === 'full') this.#queued.add(want)
      else this.#debts.owe(want, choice, nowMs)
    }
  }

  /** The want is no more: whoever holds it hears so, but for the one that sent the block. */
  #close(want: Want, sender: ExchangePeer | undefined): void {
    this.#unplace(want)
    for (const ask of want.asks.values()) this.#debts.takeBack(ask, ask.peer === sender)
    this.#wants.delete(want.cid)
    this.#sessions.close(want.session)
  }

  // What peers say.

  /** `sender`: undefined when it came from our own store. */
  deliver(want: Want, bytes: Uint8Array, sender: ExchangePeer | undefined): void {
    const from = sender?.id ?? 'store'
    for (const token of want.tokens) {
      this.#tokens.delete(token)
      this.#context.effects.push({ type: 'want-settled', token, outcome: { type: 'delivered', bytes, from } })
    }
    if (sender !== undefined) praise(want.session, sender)
    this.#close(want, sender)
  }

  has(peer: ExchangePeer, cid: Cid, nowMs: number): void {
    const ask = peer.asks.get(cid)
    if (ask === undefined || isOwed(ask)) return
    ask.answer = 'have'
    measure(ask, nowMs)
    praise(ask.want.session, peer)
    if (ask.want.owed !== undefined) return
    this.#unplace(ask.want)
    // Asked in this round or not: it has changed its mind.
    ask.kind = 'have'
    ask.round = ask.want.round
    this.#place(ask.want, nowMs)
  }

  /** True when it owed that block: it has made progress. */
  hasNot(peer: ExchangePeer, cid: Cid, nowMs: number): boolean {
    const ask = peer.asks.get(cid)
    if (ask === undefined || ask.answer === 'absent') return false
    ask.answer = 'absent'
    measure(ask, nowMs)
    blame(ask.want.session, peer)
    if (!isOwed(ask)) return false
    this.#debts.release(ask)
    this.#place(ask.want, nowMs)
    return true
  }

  /** It delivered, or said no. One that is done helps the slowest. */
  progressed(peer: ExchangePeer, args: { last: Ask | undefined; blockCount: number; nowMs: number }): void {
    this.#debts.progressed(peer, args)
    if (this.#wants.size > 0) {
      helpOut({ debts: this.#debts, peers: this.#peers.all, helper: peer, nowMs: args.nowMs })
    }
  }

  // Peers and time.

  /** A new peer is asked at once for what nobody else has or can take. */
  peerCame(nowMs: number): void {
    this.#debts.hasNewRoom = true
    for (const want of [...this.#parked.keys()]) {
      this.#parked.delete(want)
      this.#place(want, nowMs)
    }
  }

  /** Called when it is in the list no more. */
  peerGone(peer: ExchangePeer, nowMs: number): void {
    for (const session of [...peer.sessions]) forget(session, peer)
    const owed: Want[] = []
    for (const ask of peer.asks.values()) {
      ask.want.asks.delete(peer)
      if (!isOwed(ask)) continue
      this.#debts.release(ask)
      owed.push(ask.want)
    }
    peer.asks.clear()
    for (const want of owed) this.#place(want, nowMs)
  }

  /** At the end of a step: where room came free, the queue goes on, until some in a row find none. */
  placeQueued(nowMs: number): void {
    if (!this.#debts.hasNewRoom) return
    this.#debts.hasNewRoom = false
    let vainCount = 0
    for (const want of this.#queued) {
      const choice = this.#choose(want, nowMs)
      this.#queued.delete(want)
      if (choice === 'nobody') this.#park(want, nowMs)
      else if (choice !== 'full') this.#debts.owe(want, choice, nowMs)
      else {
        this.#queued.add(want)
        vainCount += 1
        if (vainCount >= VAIN_PLACINGS_MAX) break
      }
    }
  }

  handleTimeout(nowMs: number): void {
    for (let peer = this.#debts.silence.take(nowMs); peer !== undefined; peer = this.#debts.silence.take(nowMs)) {
      peer.isSilent = true
      this.#fellSilent(peer, nowMs)
    }
    for (let want = this.#parked.take(nowMs); want !== undefined; want = this.#parked.take(nowMs)) {
      want.round += 1
      want.roundDueMs = undefined
      this.#place(want, nowMs)
    }
  }

  /** What it owes is asked elsewhere. Where there is nobody else it is parked; the peer holds our want, and may still send. */
  #fellSilent(peer: ExchangePeer, nowMs: number): void {
    this.askElsewhere(peer, nowMs)
    if (peer.owedCount === 0) return
    for (const ask of peer.asks.values()) {
      if (!isOwed(ask)) continue
      this.#debts.release(ask)
      this.#park(ask.want, nowMs)
    }
  }

  nextTimeout(): number {
    return Math.min(this.#debts.silence.next(), this.#parked.next())
  }

  shift(byMs: number): void {
    this.#debts.silence.shift(byMs)
    this.#parked.shift(byMs)
    for (const want of this.#wants.values()) if (want.roundDueMs !== undefined) want.roundDueMs += byMs
    for (const peer of this.#peers.all) peer.progressMs += byMs
  }
}
