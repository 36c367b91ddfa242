/** Light node cores that exchange blocks on a virtual clock: a link has a latency and a speed, a store takes its time. */
import { createBitcoinChain } from '../../src/chain/bitcoin/bitcoin-chain.ts'
import type { Chain } from '../../src/core/chain.ts'
import { checkedCore } from '../../src/core/checker/checked-core.ts'
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { OutlineSettled, SendExchange, WantSettled } from '../../src/core/exchange/exchange-effect.ts'
import type { IncomingExchange, OutgoingExchange } from '../../src/core/exchange/exchange-message.ts'
import { Heap } from '../../src/core/exchange/heap.ts'
import {
  toConnectionId,
  toPeerId,
  type Cid,
  type ConnectionId,
  type PeerId,
  type Root,
  type WantToken,
} from '../../src/core/ids.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import type { NetworkFailure } from '../../src/core/failure.ts'
import type { SyncMessage } from '../../src/core/message.ts'
import { asReceived, messageSizeBytes, testCidOf, type TestBlock } from './blocks.ts'

const START_UNIX_MS = Date.UTC(2026, 0, 1)
export const REGTEST: Chain = createBitcoinChain({ network: 'regtest' })

interface Task {
  readonly dueMs: number
  readonly order: number
  readonly run: () => void
}

export interface LinkOptions {
  /** One way. */
  readonly latencyMs?: number
  readonly bytesPerMs?: number
  /** The remote (the second one) knows bitswap and no handshake. */
  readonly isExchangeOnly?: boolean
}

/** One side of a connection. */
interface End {
  readonly owner: Member
  readonly id: ConnectionId
  readonly link: Required<LinkOptions>
  other: End | undefined
  isOpen: boolean
}

/** A light node, or a remote played by the test. */
export type Member = Computer | Puppet

export class World {
  nowMs = 0
  readonly #tasks = new Heap<Task>((task, other) =>
    task.dueMs === other.dueMs ? task.order < other.order : task.dueMs < other.dueMs,
  )
  #taskCount = 0
  #connectionCount = 0
  readonly computers: Computer[] = []

  get now(): { monotonicMs: number; unixMs: number } {
    return { monotonicMs: this.nowMs, unixMs: START_UNIX_MS + this.nowMs }
  }

  later(delayMs: number, run: () => void): void {
    this.#tasks.push({ dueMs: this.nowMs + delayMs, order: this.#taskCount++, run })
  }

  computer(name: string, options: ComputerOptions = {}): Computer {
    const computer = new Computer(this, toPeerId(name), options)
    this.computers.push(computer)
    return computer
  }

  puppet(name: string): Puppet {
    return new Puppet(this, toPeerId(name))
  }

  /** The first one dials. */
  connect(from: Member, to: Member, options: LinkOptions = {}): { from: ConnectionId; to: ConnectionId } {
    const link = { latencyMs: 5, bytesPerMs: 10_000, isExchangeOnly: false, ...options }
    const name = `${from.peer}-${to.peer}-${(this.#connectionCount += 1)}`
    const near: End = { owner: from, id: toConnectionId(`${name}-near`), link, other: undefined, isOpen: true }
    const far: End = { owner: to, id: toConnectionId(`${name}-far`), link, other: near, isOpen: true }
    near.other = far
    from.opened(near, to.peer, link.isExchangeOnly ? 'inbound' : 'outbound')
    to.opened(far, from.peer, 'inbound')
    if (link.isExchangeOnly) near.owner.told(near, { speaksBitswap: true, speaksHandshake: false })
    this.settle()
    return { from: near.id, to: far.id }
  }

  /** Everything due up to then, timers of the cores included. */
  run(forMs: number, until?: () => boolean): void {
    const endMs = this.nowMs + forMs
    for (;;) {
      if (until?.() === true) return
      const timer = this.#nextTimer()
      const nextMs = Math.min(this.#tasks.top?.dueMs ?? Infinity, timer.dueMs)
      if (nextMs > endMs) break
      this.nowMs = Math.max(this.nowMs, nextMs)
      // A timer waits for everything that is queued.
      const task = (this.#tasks.top?.dueMs ?? Infinity) <= this.nowMs ? this.#tasks.pop() : undefined
      if (task === undefined) timer.computer?.timeout()
      else task.run()
    }
    this.nowMs = endMs
  }

  /** What is due now. */
  settle(): void {
    this.run(0)
  }

  #nextTimer(): { dueMs: number; computer: Computer | undefined } {
    let dueMs = Infinity
    let next: Computer | undefined
    for (const computer of this.computers) {
      const itsMs = computer.dueMs
      if (itsMs >= dueMs) continue
      dueMs = itsMs
      next = computer
    }
    return { dueMs, computer: next }
  }
}

export interface ComputerOptions {
  readonly blocks?: readonly TestBlock[]
  readonly chain?: Chain
  readonly maxPeers?: number
  readonly storeLatencyMs?: number
  readonly isChecked?: boolean
  /** Its stored headers are never verified. */
  readonly isVerifying?: boolean
  readonly mayServe?: (peer: PeerId, cid: Cid) => boolean
}

const NOTHING_STORED = { headerCount: 0, lastHeader: undefined }

/** A whole core, with a store of blocks and an app. */
export class Computer {
  readonly core: LightNodeCore
  readonly blocks = new Map<Cid, Uint8Array>()
  readonly outlines = new Map<Root, Uint8Array>()
  readonly settled = new Map<WantToken, WantSettled['outcome']>()
  readonly outlinesSettled = new Map<WantToken, OutlineSettled['outcome']>()
  readonly warnings: string[] = []
  /** Of its next timer. */
  dueMs = Infinity
  /** Called before a message goes out: what goes instead; undefined lets it be lost without an answer (silent). */
  onSend: (message: OutgoingExchange) => OutgoingExchange | undefined = (message) => message
  readonly #ends = new Map<ConnectionId, End>()
  readonly #sending = new Map<ConnectionId, SendExchange>()
  readonly #storeLatencyMs: number
  readonly peer: PeerId
  readonly #world: World
  #tokenCount = 0
  sentMessageCount = 0
  deliveredCount = 0
  savedCount = 0

  constructor(world: World, peer: PeerId, options: ComputerOptions) {
    this.#world = world
    this.peer = peer
    this.#storeLatencyMs = options.storeLatencyMs ?? 0
    for (const { cid, bytes } of options.blocks ?? []) this.blocks.set(cid, bytes)
    const { chain = REGTEST, maxPeers = 64, isChecked = true, mayServe } = options
    const rules = { maxPeers, seed: peer.length + world.computers.length }
    const isAuthority = false
    const core = createLightNodeCore({
      chain,
      ownPeer: peer,
      agent: 'test',
      peers: [],
      isAuthority,
      cidOf: testCidOf,
      mayServe,
      ...rules,
    })
    const checked = { chain: chain.id, genesis: chain.genesis, isThorough: true, ...rules }
    this.core = isChecked ? checkedCore(core, checked) : core
    const stored = options.isVerifying === true ? { headerCount: 2, lastHeader: new Uint8Array(80) } : NOTHING_STORED
    this.handle({ type: 'store-opened', ...stored, work: 2n, isWritable: true })
  }

  handle(event: Event): void {
    this.#perform(this.core.handle(event, this.#world.now))
    while (this.core.hasWork()) this.#perform(this.core.handleWork(this.#world.now))
  }

  timeout(): void {
    this.#perform(this.core.handleTimeout(this.#world.now))
  }

  want(cid: Cid, session = 1): WantToken {
    const token = (this.#tokenCount += 1) as WantToken
    this.handle({ type: 'wants-requested', wants: [{ token, cid, session }] })
    return token
  }

  wantOutline(root: Root): WantToken {
    const token = (this.#tokenCount += 1) as WantToken
    this.handle({ type: 'outline-requested', token, root })
    return token
  }

  cancel(token: WantToken): void {
    this.handle({ type: 'want-cancelled', token })
  }

  store(blocks: readonly TestBlock[]): void {
    for (const { cid, bytes } of blocks) this.blocks.set(cid, bytes)
    this.handle({
      type: 'blocks-stored',
      blocks: blocks.map(({ cid, bytes }) => ({ cid, sizeBytes: bytes.length })),
    })
  }

  // As a host.

  opened(end: End, peer: PeerId, direction: 'inbound' | 'outbound'): void {
    this.#ends.set(end.id, end)
    const event = { connection: end.id, peer, direction, transport: 'tcp', address: '/memory', isLimited: false }
    this.handle({ type: 'connection-opened', ...event })
  }

  told(end: End, hint: { speaksBitswap: boolean; speaksHandshake: boolean }): void {
    this.handle({ type: 'protocols-learnt', connection: end.id, ...hint })
  }

  closed(end: End): void {
    if (!end.isOpen) return
    end.isOpen = false
    this.#sending.delete(end.id)
    this.#ends.delete(end.id)
    this.handle({ type: 'connection-closed', connection: end.id })
  }

  /** Cuts a connection: both sides learn of it. */
  cut(connection: ConnectionId): void {
    const end = this.#ends.get(connection)
    end?.other?.owner.closed(end.other)
    if (end !== undefined) this.closed(end)
  }

  receive(end: End, event: (connection: ConnectionId) => Event): void {
    this.#world.later(end.link.latencyMs, () => {
      if (end.isOpen) this.handle(event(end.id))
    })
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#performOne(effect)
    this.dueMs = this.core.nextTimeout() ?? Infinity
  }

  #performOne(effect: Effect): void {
    switch (effect.type) {
      case 'close-connection': {
        const { connection } = effect
        this.#world.later(0, () => this.cut(connection))
        return
      }
      case 'request-handshake': {
        const { info, request } = effect
        this.#toOther(effect.connection, (connection) => ({ type: 'handshake-requested', connection, request, info }))
        return
      }
      case 'answer-handshake': {
        const { info, request } = effect
        this.#toOther(effect.connection, (connection) => ({ type: 'handshake-answered', connection, request, info }))
        return
      }
      case 'send-message': {
        const { message } = effect
        this.#toOther(effect.connection, (connection) => ({ type: 'message-received', connection, message }))
        return
      }
      case 'send-exchange':
        return this.#send(effect)
      case 'reset-exchange':
        return this.fail(effect.connection, 'cancelled')
      case 'find-blocks':
      case 'load-blocks':
      case 'load-outline':
      case 'save-blocks':
        this.#world.later(this.#storeLatencyMs, () => this.#storeEffect(effect))
        return
      case 'want-settled':
        if (this.settled.has(effect.token)) throw new Error(`want ${effect.token} is settled twice`)
        this.settled.set(effect.token, effect.outcome)
        if (effect.outcome.type === 'delivered') this.deliveredCount += 1
        return
      case 'outline-settled':
        if (this.outlinesSettled.has(effect.token)) throw new Error(`outline ${effect.token} is settled twice`)
        this.outlinesSettled.set(effect.token, effect.outcome)
        return
      case 'warning':
        this.warnings.push(`${effect.code}: ${effect.detail}`)
        return
      default:
    }
  }

  #toOther(connection: ConnectionId, event: (connection: ConnectionId) => Event): void {
    const other = this.#ends.get(connection)?.other
    other?.owner.receive(other, event)
  }

  #send(effect: SendExchange): void {
    const { connection, sequence } = effect
    if (this.#sending.has(connection)) throw new Error(`two messages at once on ${connection}`)
    const end = this.#ends.get(connection)
    if (end === undefined) throw new Error(`a message on ${connection}, which is closed`)
    this.#sending.set(connection, effect)
    this.sentMessageCount += 1
    const message = this.onSend(effect.message)
    const isDrained = message !== undefined && end.other?.owner.drains !== false
    if (!isDrained) {
      this.#world.later(effect.timeoutMs, () => {
        if (this.#sending.get(connection) === effect) this.fail(connection, 'timeout')
      })
      return
    }
    this.#world.later(messageSizeBytes(message) / end.link.bytesPerMs, () => {
      if (this.#sending.get(connection) !== effect) return
      this.#sending.delete(connection)
      const received = asReceived(message)
      this.#toOther(connection, (other) => ({ type: 'exchange-received', connection: other, message: received }))
      this.handle({ type: 'exchange-sent', connection, sequence })
    })
  }

  /** What is on its way there is not drained. */
  fail(connection: ConnectionId, failure: NetworkFailure): void {
    const effect = this.#sending.get(connection)
    if (effect === undefined) return
    this.#sending.delete(connection)
    const { sequence } = effect
    this.#world.later(0, () => this.handle({ type: 'exchange-send-failed', connection, sequence, failure }))
  }

  /** False: what is sent to it stays on the way. */
  drains = true

  #storeEffect(
    effect: Extract<Effect, { type: 'find-blocks' | 'load-blocks' | 'load-outline' | 'save-blocks' }>,
  ): void {
    switch (effect.type) {
      case 'find-blocks': {
        const sizes = effect.cids.map((cid) => this.blocks.get(cid)?.length)
        this.handle({ type: 'blocks-found', load: effect.load, sizes })
        return
      }
      case 'load-blocks': {
        const blocks: (Uint8Array | undefined)[] = []
        let sizeBytes = 0
        for (const cid of effect.cids) {
          const bytes = this.blocks.get(cid)
          sizeBytes += bytes?.length ?? 0
          if (blocks.length > 0 && sizeBytes > effect.bytesMax) break
          blocks.push(bytes)
        }
        this.handle({ type: 'blocks-loaded', load: effect.load, blocks })
        return
      }
      case 'load-outline':
        this.handle({ type: 'outline-loaded', load: effect.load, outline: this.outlines.get(effect.root) })
        return
      case 'save-blocks':
        this.savedCount += effect.blocks.length
        this.store(effect.blocks)
    }
  }
}

/** A remote whose every word is the test's. It answers handshakes, drains what it is sent, and says nothing by itself. */
export class Puppet {
  readonly peer: PeerId
  readonly #world: World
  readonly received: IncomingExchange[] = []
  readonly messages: SyncMessage[] = []
  drains = true
  #end: End | undefined
  serves: readonly ('headers' | 'ancestors' | 'outlines')[] = []
  answersPings = true

  constructor(world: World, peer: PeerId) {
    this.#world = world
    this.peer = peer
  }

  opened(end: End): void {
    this.#end = end
    if (end.link.isExchangeOnly) return
    const tree = REGTEST.createTree()
    const { height, root, work } = tree.tip
    const head = { height, root, work }
    const info = { chain: REGTEST.id, genesis: REGTEST.genesis, head, serves: this.serves, agent: 'puppet' }
    const request = 1 as never
    this.#world.later(0, () => this.#tell((connection) => ({ type: 'handshake-requested', connection, request, info })))
  }

  told(): void {
    throw new Error('a puppet does not judge')
  }

  closed(end: End): void {
    end.isOpen = false
    if (this.#end === end) this.#end = undefined
  }

  get isConnected(): boolean {
    return this.#end !== undefined
  }

  receive(end: End, event: (connection: ConnectionId) => Event): void {
    const received = event(end.id)
    if (received.type === 'exchange-received') this.received.push(received.message)
    else if (received.type === 'message-received' && received.message.type === 'ping') {
      const { request } = received.message
      if (this.answersPings) this.#world.later(0, () => this.send({ type: 'pong', request }))
    } else if (received.type === 'message-received') this.messages.push(received.message)
  }

  #tell(event: (connection: ConnectionId) => Event): void {
    const other = this.#end?.other
    if (other?.owner instanceof Computer && other.isOpen) other.owner.handle(event(other.id))
  }

  say(message: IncomingExchange): void {
    this.#tell((connection) => ({ type: 'exchange-received', connection, message }))
    this.#world.settle()
  }

  send(message: SyncMessage): void {
    this.#tell((connection) => ({ type: 'message-received', connection, message }))
  }

  /** What it was sent since it was looked at last, as one. */
  take(): { wants: Cid[]; haves: Cid[]; cancels: Cid[]; blocks: number; dontHaves: Cid[]; hasBlocks: Cid[] } {
    const all = this.received.splice(0)
    const wants = all.flatMap((message) => message.wants)
    return {
      wants: wants.filter(({ want }) => want === 'block').map(({ cid }) => cid),
      haves: wants.filter(({ want }) => want === 'have').map(({ cid }) => cid),
      cancels: all.flatMap(({ cancels }) => cancels),
      blocks: all.reduce((count, { blocks }) => count + blocks.length, 0),
      dontHaves: all.flatMap(({ dontHaves }) => dontHaves),
      hasBlocks: all.flatMap(({ haves }) => haves),
    }
  }
}
