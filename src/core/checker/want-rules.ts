/** X3, X4, X6 and the life of each want: every one has a named state, and is settled once. */
import type { CoreOptions, ExchangeView } from '../core.ts'
import type { Effect } from '../effect.ts'
import type { Event } from '../event.ts'
import type { WantSettled } from '../exchange/exchange-effect.ts'
import type { RequestedWant } from '../exchange/exchange-event.ts'
import type { IncomingExchange, OutgoingExchange } from '../exchange/exchange-message.ts'
import { prefixOf } from '../exchange/cid-text.ts'
import type { Cid, PeerId, WantToken } from '../ids.ts'
import * as limits from '../limits.ts'
import type { Cause } from './cause.ts'
import type { ExchangeRules, SeenExchangePeer } from './exchange-rules.ts'
import { broken } from './invariant-error.ts'

/** Beyond this many it is not known any more what was ever wanted. */
const EVER_WANTED_MAX = 200_000
/** More wants than this are not looked at one by one. */
const WANTS_LOOKED_AT_MAX = 64

interface OpenWant {
  readonly tokens: Set<WantToken>
  /** Peers that were sent it, whether it has it or as a block. */
  readonly asked: Set<PeerId>
}

interface Received {
  readonly peer: SeenExchangePeer
  /** Of what came, by CID; undefined where the hash function is not known. */
  readonly blocks: readonly (Cid | undefined)[]
  readonly unreadableCount: number
  /** Of those, wants that were open before: each must be delivered now. */
  readonly due: Set<Cid>
  readonly strayCount: number
}

export class WantRules {
  private readonly exchange: ExchangeRules
  private readonly cidOf: CoreOptions['cidOf']
  private readonly tokens = new Map<WantToken, Cid>()
  private readonly outlines = new Set<WantToken>()
  private readonly wants = new Map<Cid, OpenWant>()
  private readonly everWanted = new Set<Cid>()
  /** In this step. */
  private received: Received | undefined
  private unwantedBefore = 0

  constructor(exchange: ExchangeRules, cidOf: CoreOptions['cidOf']) {
    this.exchange = exchange
    this.cidOf = cidOf
  }

  get openCount(): number {
    return this.tokens.size
  }

  /** A step that is no event begins. */
  begin(): void {
    this.received = undefined
  }

  event(event: Event): void {
    this.begin()
    switch (event.type) {
      case 'wants-requested':
        for (const want of event.wants) this.wanted(want)
        return
      case 'outline-requested':
        this.outlines.add(event.token)
        return
      case 'exchange-received': {
        const peer = this.exchange.by(event.connection)
        if (peer !== undefined) this.received = this.judge(peer, event.message)
        return
      }
      default:
    }
  }

  private wanted({ token, cid }: RequestedWant): void {
    if (this.tokens.has(token)) return
    this.tokens.set(token, cid)
    if (this.everWanted.size < EVER_WANTED_MAX) this.everWanted.add(cid)
    const want = this.wants.get(cid)
    if (want === undefined) this.wants.set(cid, { tokens: new Set([token]), asked: new Set() })
    else want.tokens.add(token)
  }

  private judge(peer: SeenExchangePeer, message: IncomingExchange): Received | undefined {
    const { cidOf } = this
    if (cidOf === undefined) return undefined
    const blocks = message.blocks.map(({ prefix, bytes }) => cidOf(prefix, bytes))
    const due = new Set<Cid>()
    let strayCount = 0
    let unreadableCount = message.unreadableBlockCount
    for (const cid of blocks) {
      if (cid === undefined) unreadableCount += 1
      else if (this.wants.has(cid)) due.add(cid)
      else if (!this.everWanted.has(cid) && this.everWanted.size < EVER_WANTED_MAX) strayCount += 1
    }
    return { peer, blocks, due, strayCount, unreadableCount }
  }

  effect(effect: Effect): void {
    switch (effect.type) {
      case 'send-exchange':
        this.sent(this.exchange.by(effect.connection)?.id, effect.message)
        return
      case 'want-settled':
        this.settled(effect)
        return
      case 'outline-settled':
        if (!this.outlines.delete(effect.token)) broken('R1', `outline ${effect.token} is settled, and was not open`)
        return
      case 'save-blocks':
        for (const { cid } of effect.blocks)
          if (this.received?.blocks.includes(cid) === false) broken('X3', `${cid} is saved and did not come`)
        return
      default:
    }
  }

  private sent(peer: PeerId | undefined, { wants, cancels }: OutgoingExchange): void {
    if (peer === undefined) return
    for (const { cid } of wants) {
      const want = this.wants.get(cid)
      if (want === undefined) broken('X2', `${peer} is asked for ${cid}, which nobody waits for`)
      want.asked.add(peer)
    }
    for (const cid of cancels) this.wants.get(cid)?.asked.delete(peer)
  }

  private settled({ token, outcome }: WantSettled): void {
    const cid = this.tokens.get(token)
    if (cid === undefined) broken('R1', `want ${token} is settled, and was not open`)
    this.tokens.delete(token)
    const want = this.wants.get(cid)
    want?.tokens.delete(token)
    if (want?.tokens.size === 0) this.wants.delete(cid)
    if (outcome.type === 'failed') return
    const prefix = prefixOf(cid)
    if (this.cidOf === undefined || prefix === undefined) return
    if (this.cidOf(prefix, outcome.bytes) !== cid) broken('X3', `want ${token} gets other bytes than those of ${cid}`)
    if (outcome.from !== 'store' && this.received?.peer.id !== outcome.from)
      broken('X3', `want ${token} is delivered from ${outcome.from}`)
  }

  /** After every step that had to do with block exchange. */
  check(cause: Cause, effects: readonly Effect[], view: ExchangeView): void {
    for (const { asked } of this.wants.size > WANTS_LOOKED_AT_MAX ? [] : this.wants.values())
      for (const peer of asked) if (!this.exchange.peers.has(peer)) asked.delete(peer)
    if (view.wantCount !== this.tokens.size)
      broken('R1', `${view.wantCount} wants are shown, ${this.tokens.size} are not settled`)
    this.checkReceived(view)
    this.checkPlaced(cause, effects, view)
    this.unwantedBefore = view.unwantedBlocks
  }

  /** X4: each good block of a message is delivered. X6: who sends what nobody asked for owes nothing any more. */
  private checkReceived(view: ExchangeView): void {
    const { received } = this
    if (received === undefined) return
    for (const cid of received.due)
      if (this.wants.has(cid)) broken('X4', `${cid} came from ${received.peer.id} and was not delivered`)
    const unwantedCount = view.unwantedBlocks - this.unwantedBefore - received.unreadableCount
    if (unwantedCount < received.strayCount)
      broken('X6', `${received.strayCount} blocks that nobody asked for came, ${unwantedCount} are counted`)
    if (unwantedCount === 0) return
    const owedCount = view.peers.get(received.peer.id)?.owedCount ?? 0
    if (owedCount === 0) return
    // Whoever was never sent a want, and has none waiting for it, can be asked.
    let stuckCount = 0
    for (const { asked } of this.wants.values()) if (this.isAskedOfAll(asked, received.peer.id, view)) stuckCount += 1
    if (owedCount > stuckCount)
      broken('X6', `${received.peer.id} sent what nobody asked for and owes ${owedCount} blocks still`)
  }

  /** A want that nobody owes was asked of all who could be asked: it waits for their room, or for the next round. */
  private checkPlaced(cause: Cause, effects: readonly Effect[], view: ExchangeView): void {
    if (this.wants.size === 0 || this.wants.size > WANTS_LOOKED_AT_MAX) return
    let owedCount = 0
    for (const peer of view.peers.values()) {
      owedCount += peer.owedCount
      if (peer.owedCount >= limits.OWED_BLOCKS_OF_EXCHANGE_ONLY_MAX) return
    }
    if (owedCount > this.wants.size) broken('S4', `${owedCount} blocks are owed, ${this.wants.size} are wanted`)
    let restCount = 0
    for (const { asked } of this.wants.values()) if (!this.isAskedOfAll(asked, undefined, view)) restCount += 1
    if (restCount > owedCount)
      broken(
        'S3',
        `${restCount} wants could be asked for, ${owedCount} are, at ${cause.type} with ${effects.length} effects`,
      )
  }

  /** Where something waits to be said it may be that it is this want: such a peer counts as asked. */
  private isAskedOfAll(asked: ReadonlySet<PeerId>, except: PeerId | undefined, view: ExchangeView): boolean {
    for (const [id, { isResting }] of this.exchange.peers) {
      if (id === except || asked.has(id) || isResting || view.peers.get(id)?.isSending === true) continue
      return false
    }
    return true
  }

  /** R1 */
  checkStopped(): void {
    if (this.tokens.size > 0) broken('R1', `${this.tokens.size} wants are not settled by stop`)
    if (this.outlines.size > 0) broken('R1', `${this.outlines.size} outlines are not settled by stop`)
  }
}
