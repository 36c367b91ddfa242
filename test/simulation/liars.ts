/** Dishonest peers: a real core whose words are twisted on their way out. From outside they look like anybody else. */
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect, SendMessage } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { ConnectionId, PeerId, RequestId } from '../../src/core/ids.ts'
import type { Instant } from '../../src/core/instant.ts'
import { PEER_RECORDS_PER_MESSAGE_MAX } from '../../src/core/limits.ts'
import type { ClaimedHead, PeerRecord, SyncMessage } from '../../src/core/message.ts'
import type { ExchangeLie } from './exchange-lies.ts'
import { isExchangeLie, twistExchange, unprovokedExchange } from './exchange-lies.ts'
import type { Machine } from './machine.ts'
import { recordOf } from './peer-record.ts'
import type { Random } from './random.ts'

export type Lie = HeaderLie | ExchangeLie

type HeaderLie =
  /** Claims far more work than it has, and answers no get-headers. */
  | 'claims'
  /** Claims far more work, says that there is more, and delivers nothing. */
  | 'promises'
  /** Ends its answers and announcements in a header that breaks a rule. */
  | 'invalid'
  /** Announces headers that build on nothing. */
  | 'orphans'
  /** Sends answers to what nobody asked. */
  | 'unasked'
  /** Answers twice, and then only pings. */
  | 'stalls'
  /** Neither starts nor answers a handshake. */
  | 'mute'
  /** Answers a quarter of a minute or more later. */
  | 'late'
  /** Answers get-ancestors with what nobody asked, or not at all. */
  | 'ancestors'
  /** Sends too much, refuses, and answers with headers that do not follow each other or what was asked. */
  | 'muddles'
  /** Sends the more messages the earlier it is. */
  | 'hurries'
  /** Now and then something that nobody can decode. */
  | 'garbage'
  /** Tells of peers that it has made up, and signed for each of them. Only where light nodes learn of each other. */
  | 'fills-tables'
  /** No liar: it follows another chain. */
  | 'other-chain'
  /** No liar: it speaks bitswap and nothing of ours. */
  | 'exchange-only'

export const LIES: readonly HeaderLie[] = [
  'claims',
  'promises',
  'invalid',
  'orphans',
  'unasked',
  'stalls',
  'mute',
  'late',
  'ancestors',
  'muddles',
  'hurries',
  'garbage',
  'other-chain',
  'exchange-only',
]

export interface LiarOptions {
  readonly lie: Lie
  readonly core: LightNodeCore
  readonly random: Random
  /** A header on top of this one: sound, or breaking a rule. */
  readonly forge: (args: { parent: 'nothing' | 'tip'; isInvalid: boolean }) => Uint8Array
}

export class Liar implements Machine {
  private readonly options: LiarOptions
  private readonly delayed: { readonly dueMs: number; readonly effect: Effect }[] = []
  private nextLieMs = 0
  private answerCount = 0
  private madeUpCount = 0
  /** Of exchange messages of its own: below those of the core. */
  private sequence = 0
  private isStopped = false

  constructor(options: LiarOptions) {
    this.options = options
  }

  handle(event: Event, now: Instant): readonly Effect[] {
    if (event.type === 'stop-requested') this.isStopped = true
    return this.twist(this.options.core.handle(event, now), now)
  }

  handleWork(now: Instant): readonly Effect[] {
    return this.twist(this.options.core.handleWork(now), now)
  }

  hasWork(): boolean {
    return this.options.core.hasWork()
  }

  nextTimeout(): number | undefined {
    const own = this.isStopped
      ? Infinity
      : Math.min(this.delayed[0]?.dueMs ?? Infinity, this.repeats ? this.nextLieMs : Infinity)
    const next = Math.min(this.options.core.nextTimeout() ?? Infinity, own)
    return next === Infinity ? undefined : next
  }

  handleTimeout(now: Instant): readonly Effect[] {
    const effects = [...this.twist(this.options.core.handleTimeout(now), now)]
    if (this.isStopped) return effects
    while ((this.delayed[0]?.dueMs ?? Infinity) <= now.monotonicMs)
      effects.push((this.delayed.shift() as { effect: Effect }).effect)
    if (this.repeats && now.monotonicMs >= this.nextLieMs) {
      this.nextLieMs = now.monotonicMs + this.options.random.between(100, 5_000)
      for (const connection of this.readyConnections()) effects.push(...this.unprovoked(connection))
    }
    return effects
  }

  private get repeats(): boolean {
    const { lie } = this.options
    return lie === 'orphans' || lie === 'unasked' || lie === 'invalid' || isExchangeLie(lie)
  }

  private readyConnections(): readonly ConnectionId[] {
    return this.options.core.view().peers.flatMap(({ state, connection }) => (state === 'ready' ? [connection] : []))
  }

  private unprovoked(connection: ConnectionId): readonly Effect[] {
    const { lie, random, forge } = this.options
    if (isExchangeLie(lie)) {
      const message = unprovokedExchange(lie, random)
      const sequence = (this.sequence -= 1)
      return message === undefined ? [] : [{ type: 'send-exchange', connection, sequence, message, timeoutMs: 0 }]
    }
    const head = this.claim()
    const announce = (headers: Uint8Array): SendMessage => ({
      type: 'send-message',
      connection,
      message: { type: 'announce', headers, head },
    })
    if (lie === 'orphans') {
      const count = random.between(1, 100)
      return Array.from({ length: count }, () => announce(forge({ parent: 'nothing', isInvalid: false })))
    }
    if (lie === 'invalid') return [announce(forge({ parent: 'tip', isInvalid: true }))]
    const request = random.below(1_000) as RequestId
    const headers = forge({ parent: 'tip', isInvalid: false })
    const answers: readonly SyncMessage[] = [
      { type: 'headers', request, headers, hasMore: true, head },
      { type: 'ancestors', request, headers, answered: [head.root], unknown: [] },
      { type: 'pong', request },
      { type: 'refused', request, reason: 'busy' },
    ]
    return [{ type: 'send-message', connection, message: random.pick(answers) }]
  }

  private madeUp(): PeerRecord {
    const peer = `made-up-${(this.madeUpCount += 1)}-${this.options.random.next32()}` as PeerId
    return recordOf({ peer, address: '/dns/nowhere.example', sequence: 1 })
  }

  private claim(): ClaimedHead {
    const { height, root, work } = this.options.core.tree.tip
    return { height: height + 1_000, root, work: work + 1_000_000n }
  }

  private twist(effects: readonly Effect[], now: Instant): readonly Effect[] {
    if (this.isStopped) return effects
    return effects.flatMap((effect) => this.twistOne(effect, now))
  }

  private twistOne(effect: Effect, now: Instant): readonly Effect[] {
    const { lie } = this.options
    if (effect.type === 'request-handshake' || effect.type === 'answer-handshake') {
      if (lie === 'mute' || lie === 'exchange-only') return []
      if (lie === 'hurries' && effect.type === 'request-handshake') return [...this.early(effect.connection), effect]
      const isClaiming = lie === 'claims' || lie === 'promises' || lie === 'stalls'
      return [isClaiming ? { ...effect, info: { ...effect.info, head: this.claim() } } : effect]
    }
    if (effect.type === 'send-exchange' && isExchangeLie(lie)) {
      const message = twistExchange(lie, effect.message, this.options.random)
      return message === undefined ? [] : [{ ...effect, message }]
    }
    if (effect.type !== 'send-message') return [effect]
    const message = lie === 'muddles' ? this.muddle(effect.message) : this.twistMessage(effect.message)
    if (message === undefined) return []
    const twisted = { ...effect, message }
    if (lie !== 'late' || message.type === 'ping' || message.type.startsWith('get-')) return [twisted]
    const dueMs = now.monotonicMs + this.options.random.between(8_000, 40_000)
    this.delayed.push({ dueMs, effect: twisted })
    this.delayed.sort((one, other) => one.dueMs - other.dueMs)
    return []
  }

  /** Before the handshake can be done. */
  private early(connection: ConnectionId): readonly Effect[] {
    const count = this.options.random.between(1, 40)
    return Array.from({ length: count }, (_, index) => {
      const message = { type: 'ping', request: index as RequestId } as const
      return { type: 'send-message', connection, message } as const
    })
  }

  private muddle(message: SyncMessage): SyncMessage {
    const { random, forge } = this.options
    if (message.type !== 'headers' && message.type !== 'ancestors') return message
    const stray = forge({ parent: 'nothing', isInvalid: false })
    switch (random.below(5)) {
      case 0:
        return { type: 'refused', request: message.request, reason: 'busy' }
      case 1:
        return { ...message, headers: concat(message.headers, stray) }
      case 2:
        return { ...message, headers: concat(stray, message.headers) }
      case 3:
        return { ...message, headers: repeat(stray, 3_000) }
      default:
        return message
    }
  }

  private twistMessage(message: SyncMessage): SyncMessage | undefined {
    switch (this.options.lie) {
      case 'claims':
        return message.type === 'headers' || message.type === 'ancestors' ? undefined : message
      case 'promises':
        if (message.type !== 'headers') return message
        return { ...message, headers: new Uint8Array(0), hasMore: true, head: this.claim() }
      case 'invalid': {
        if (message.type !== 'headers' || message.hasMore) return message
        const invalid = this.options.forge({ parent: 'tip', isInvalid: true })
        return { ...message, headers: concat(message.headers, invalid), head: this.claim() }
      }
      case 'stalls':
        if (message.type !== 'headers' && message.type !== 'ancestors') return message
        this.answerCount += 1
        return this.answerCount > 2 ? undefined : { ...message, ...(message.type === 'headers' && { hasMore: true }) }
      case 'ancestors':
        if (message.type !== 'ancestors') return message
        return this.options.random.chance(0.5)
          ? undefined
          : { ...message, headers: this.options.forge({ parent: 'nothing', isInvalid: false }) }
      case 'fills-tables':
        if (message.type !== 'peers') return message
        return { ...message, records: Array.from({ length: PEER_RECORDS_PER_MESSAGE_MAX }, () => this.madeUp()) }
      case 'forges-outlines':
        if (message.type !== 'block-outline') return message
        return { ...message, totalBytes: message.totalBytes + 1, bytes: concat(message.bytes, Uint8Array.of(0)) }
      default:
        return message
    }
  }
}

function concat(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.length + other.length)
  bytes.set(one)
  bytes.set(other, one.length)
  return bytes
}

function repeat(header: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(header.length * count)
  for (let index = 0; index < count; index += 1) bytes.set(header, index * header.length)
  return bytes
}
