/**
 * What libp2p, remote peers and the core may do to the adapter, in any order: fast-check's scheduler picks the next thing
 * that happens, the passing of time included.
 */
import type fc from 'fast-check'
import { vi } from 'vitest'
import type { HostEvent, MessageReceived } from '../src/core/event.ts'
import { toDialId, toRequestId, type ConnectionId, type DialId, type RequestId } from '../src/core/ids.ts'
import { BITSWAP_PROTOCOL } from '../src/host/exchange-outbound.ts'
import { HANDSHAKE_PROTOCOL } from '../src/host/handshakes.ts'
import type { Host, HostSink, UnreadExchange } from '../src/host/host.ts'
import { hostOver } from '../src/host/libp2p-host.ts'
import { SYNC_PROTOCOL } from '../src/host/sync-link.ts'
import { encodeFrame } from '../src/wire/frame.ts'
import { encodeNodeInfo } from '../src/wire/node-info.ts'
import { encodeSyncMessage } from '../src/wire/sync-message.ts'
import { EMPTY_EXCHANGE } from './empty-exchange.ts'
import { FakeConnection, FakeLibp2p, namedError, OTHER_PEERS } from './fake-libp2p.ts'
import type { FakeDial, PeerStream, StreamOpening } from './fake-libp2p.ts'
import type { Ask, ConnectionPlan, Hint, Plan, RemoteStream } from './hostile-plan.ts'
import { HEADER_BYTES, INFO } from './interop/libp2p-scripted.ts'

const DIAL_TIMEOUT_MS = 15_000
const HANDSHAKE_TIMEOUT_MS = 10_000
const SEND_TIMEOUT_MS = 10_000
/** Each deadline of the adapter has passed by the first of these, and twice by the second. */
const LATE_SECOND = 16
const QUIET_SECONDS = 40
/** More promise steps than any chain of ours is long. */
const SETTLE_STEPS = 60
export const TIME_STEP_MS = 250

/** Frames that an honest peer may say on each. */
const WORDS: Readonly<Record<string, Uint8Array>> = {
  [HANDSHAKE_PROTOCOL]: encodeFrame(encodeNodeInfo(INFO)),
  [SYNC_PROTOCOL]: encodeFrame(encodeSyncMessage({ type: 'ping', request: toRequestId(1) })),
  [BITSWAP_PROTOCOL]: encodeFrame(Uint8Array.of(0x28, 5)),
}

/** Carries a plan out and writes down what the core was told. */
export class World implements HostSink {
  readonly events: HostEvent[] = []
  readonly connections: FakeConnection[] = []
  /** The core asked for their end, the library lost them, or their dial was given up: the adapter may close these. */
  readonly mayBeClosed = new Set<string>()
  readonly dialIds: DialId[] = []
  readonly askedToClose = new Set<string>()
  readonly handshakeStreams: PeerStream[] = []
  /** Streams that came over a connection which the core had not been told of by then. */
  readonly unheard: string[] = []
  readonly requests: { readonly connection: ConnectionId; readonly request: RequestId }[] = []
  readonly sends: { readonly connection: ConnectionId; readonly sequence: number }[] = []
  /** Nothing of the exchange comes from any other. */
  readonly admitted = new Set<ConnectionId>()
  readonly host: Host
  readonly libp2p = new FakeLibp2p()
  readonly #plan: Plan
  readonly #scheduler: fc.Scheduler
  #openingCount = 0
  #gapCount = 0
  /** Time that passes as soon as nothing else moves. */
  #dueMs = 0
  /** What happens when every deadline of a request is over. */
  readonly #lateActs: (() => void)[] = []
  stopped: Promise<void> | undefined
  hasStopped = false

  constructor(plan: Plan, scheduler: fc.Scheduler) {
    this.#plan = plan
    this.#scheduler = scheduler
    this.host = hostOver(this.libp2p.asLibp2p(), {
      headerSizeBytes: HEADER_BYTES,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    })
    this.libp2p.onDial = (dial) => this.#onDial(dial)
    if (plan.doesStopHang) this.libp2p.stopping = new Promise(() => {})
  }

  post(event: HostEvent): void {
    this.events.push(event)
  }

  async offer(offered: MessageReceived | UnreadExchange): Promise<void> {
    const event = offered.type === 'exchange-unread' ? offered.read(Infinity)?.event : offered
    if (event !== undefined) this.events.push(event)
    await this.#scheduler.schedule(Promise.resolve(), 'there is room')
  }

  async run(): Promise<void> {
    for (const each of this.#plan.early) this.#bear(each, 'inbound')
    await this.host.start(this)
    for (const each of this.#plan.inbound) this.#later('inbound', () => void this.#bear(each, 'inbound'))
    for (const index of this.#plan.dials.keys()) this.#later(`dial ${index}`, () => this.#dial(index))
    for (const { type, which } of this.#plan.asks) this.#later(type, () => this.#ask(type, which))
    if (this.#plan.isStoppedInTheMiddle) this.#later('stop', () => this.stop())
    await this.drain()
  }

  stop(): void {
    for (const { id } of this.connections) this.mayBeClosed.add(id)
    this.stopped ??= this.host.stop().then(() => {
      this.hasStopped = true
    })
  }

  /** Everything that is scheduled happens, and what follows from it. */
  async drain(): Promise<void> {
    do {
      while (this.#scheduler.count() > 0) {
        await this.#scheduler.waitOne()
        await this.#pass()
      }
      await settle()
      await this.#pass()
    } while (this.#scheduler.count() > 0)
  }

  /** Timers fire when no promise has a step to take, as they do outside of tests. */
  async #pass(): Promise<void> {
    for (; this.#dueMs > 0; this.#dueMs -= TIME_STEP_MS) {
      await settle()
      vi.advanceTimersByTime(TIME_STEP_MS)
    }
  }

  /** The library's list is right again, and time passes until every deadline is over. */
  async calmDown(): Promise<void> {
    for (let second = 0; second < QUIET_SECONDS; second++) {
      for (const connection of this.connections) {
        if (connection.isAlive) this.libp2p.listed.add(connection)
        else this.libp2p.listed.delete(connection)
      }
      if (second === LATE_SECOND) for (const act of this.#lateActs) this.#later('long after', act)
      await this.pass(1_000)
    }
  }

  async pass(ms: number): Promise<void> {
    this.#dueMs += ms
    await this.drain()
  }

  /** One more connection, at the worst moment. */
  meetStranger(): FakeConnection {
    const stranger: ConnectionPlan = {
      peer: 0,
      isLimited: false,
      isToldBeforeListed: true,
      hints: [],
      streams: [],
      closing: 'at once',
      epilogue: [],
    }
    const connection = this.#bear(stranger, 'inbound')
    this.libp2p.accept(connection, HANDSHAKE_PROTOCOL)
    return connection
  }

  #later(label: string, act: () => void): void {
    void this.#scheduler.schedule(Promise.resolve(), label).then(() => this.#afterGap(act))
  }

  async #afterGap(act: () => void): Promise<void> {
    const gap = this.#plan.gaps[this.#gapCount++ % this.#plan.gaps.length] ?? 0
    for (let step = 0; step < gap; step++) await Promise.resolve()
    act()
  }

  #bear(plan: ConnectionPlan, direction: 'inbound' | 'outbound'): FakeConnection {
    const peer = OTHER_PEERS[plan.peer] ?? ''
    const id = `connection ${this.connections.length}`
    const connection = new FakeConnection({ id, peer, direction, isLimited: plan.isLimited })
    this.connections.push(connection)
    connection.onNewStream = (opening) => this.#onNewStream(opening)
    connection.onDied = () => {
      for (const hint of plan.epilogue) this.#later(`${hint} of ${id}`, () => this.#hint(connection, hint))
    }
    connection.onClose = () => {
      if (plan.closing === 'at once') connection.die('closed')
      else if (plan.closing === 'late') this.#later(`${id} is closed`, () => connection.die('closed'))
    }
    if (plan.isToldBeforeListed) this.libp2p.emit('connection:open', connection)
    this.libp2p.listed.add(connection)
    for (const hint of plan.hints) this.#later(`${hint} of ${id}`, () => this.#hint(connection, hint))
    for (const { protocol, does } of plan.streams) {
      this.#later(`a stream on ${id}`, () => {
        this.#converse(this.libp2p.accept(connection, protocol), protocol, does)
        const isDue = connection.status === 'open' && !this.mayBeClosed.has(id) && this.stopped === undefined
        if (isDue && !this.openConnections().some((open) => open === id)) this.unheard.push(id)
      })
    }
    return connection
  }

  #hint(connection: FakeConnection, hint: Hint): void {
    switch (hint) {
      case 'open-event':
        return this.libp2p.emit('connection:open', connection)
      case 'list':
        return void this.libp2p.listed.add(connection)
      case 'unlist':
        this.mayBeClosed.add(connection.id)
        return void this.libp2p.listed.delete(connection)
      case 'dies':
        return connection.die('closed')
      case 'close-event':
        connection.die('closed')
        return this.libp2p.emit('connection:close', connection)
      case 'close-event first':
        this.mayBeClosed.add(connection.id)
        this.libp2p.emit('connection:close', connection)
        return this.#later(`${connection.id} dies`, () => connection.die('closed'))
      case 'identified':
        return this.libp2p.emit('peer:identify', { connection, protocols: [HANDSHAKE_PROTOCOL] })
      case 'peer-disconnect':
        return this.libp2p.emit('peer:disconnect', connection.remotePeer)
    }
  }

  #onNewStream({ protocol, ignoreSignal, open, fail }: StreamOpening): void {
    const does = this.#plan.openings[this.#openingCount++ % this.#plan.openings.length] ?? 'answers'
    if (does === 'never opens') return
    if (does === 'opens though given up') {
      ignoreSignal()
      this.#lateActs.push(() => this.#converse(open(), protocol, 'is silent'))
      return
    }
    this.#later(`a stream of ours: it ${does}`, () => {
      if (does === 'is unsupported') fail(namedError('UnsupportedProtocolError'))
      else if (does === 'opens late') this.#later('late', () => this.#converse(open(), protocol, 'answers'))
      else this.#converse(open(), protocol, does)
    })
  }

  #converse(stream: PeerStream, protocol: string, does: RemoteStream): void {
    if (protocol === HANDSHAKE_PROTOCOL) this.handshakeStreams.push(stream)
    const bytes = WORDS[protocol] ?? new Uint8Array()
    if (does === 'reads nothing') stream.writableNeedsDrain = true
    this.#later('the remote speaks', () => {
      if (does === 'answers') stream.receive(bytes)
      else if (does === 'says half') stream.receive(bytes.subarray(0, bytes.length / 2))
      else if (does === 'says garbage') stream.receive(Uint8Array.of(3, 255, 255, 255))
      else if (does === 'ends') stream.end()
      else if (does === 'resets') stream.reset()
    })
  }

  #dial(index: number): void {
    const dial = this.#plan.dials[index]
    if (this.stopped !== undefined || dial === undefined) return
    const peer = dial.namesPeer ? `/p2p/${OTHER_PEERS[dial.connection.peer] ?? ''}` : ''
    const id = toDialId(index)
    this.dialIds.push(id)
    this.host.perform({
      type: 'dial',
      dial: id,
      address: `/ip4/127.0.0.1/tcp/${index}${peer}`,
      timeoutMs: DIAL_TIMEOUT_MS,
    })
  }

  #onDial({ address, signal, resolve, reject }: FakeDial): void {
    const plan = this.#plan.dials[Number(address.getComponents()[1]?.value)]
    if (plan === undefined) return
    // libp2p races a dial with its signal, so this takes some promise steps and nothing else.
    signal.addEventListener('abort', () => void this.#afterGap(() => reject(namedError('AbortError'))))
    if (plan.end === 'hangs') return
    this.#later(`a dial ${plan.end}`, () => {
      if (plan.end === 'fails') return reject(namedError('ECONNREFUSED'))
      // libp2p dials nobody twice: it answers with the connection that there is.
      const found = [...this.libp2p.listed].find(
        ({ remotePeer, status }) => remotePeer.toString() === OTHER_PEERS[plan.connection.peer] && status === 'open',
      )
      if (plan.end === 'finds the other' && found !== undefined) return resolve(found)
      if (signal.aborted && plan.end !== 'opens though given up') return
      const connection = this.#bear(plan.connection, 'outbound')
      signal.addEventListener('abort', () => this.mayBeClosed.add(connection.id))
      if (signal.aborted) this.mayBeClosed.add(connection.id)
      if (plan.end === 'opens dead') connection.die('closed')
      this.#later('the dial resolves', () => resolve(connection))
    })
  }

  #ask(type: Ask, which: number): void {
    if (type === 'second') this.#dueMs += 1_000
    else if (type === 'eleven seconds') this.#dueMs += 11_000
    if (this.stopped !== undefined) return
    const open = this.openConnections()
    const connection = open[which % open.length]
    if (type === 'cancel') this.host.perform({ type: 'cancel-dial', dial: toDialId(which) })
    else if (connection === undefined) return
    else if (type === 'ask') {
      const request = toRequestId(this.requests.length + 1)
      this.requests.push({ connection, request })
      this.host.perform({ type: 'request-handshake', connection, request, info: INFO, timeoutMs: HANDSHAKE_TIMEOUT_MS })
    } else if (type === 'exchange') {
      this.#exchange(connection)
    } else if (type === 'admit') {
      this.admitted.add(connection)
      this.host.perform({ type: 'admit-exchange', connection })
    } else if (type === 'give up') {
      this.host.perform({ type: 'reset-exchange', connection })
    } else if (type === 'answer') {
      for (const event of this.events.filter(({ type }) => type === 'handshake-requested')) {
        if (event.type !== 'handshake-requested') continue
        const { connection, request } = event
        this.host.perform({ type: 'answer-handshake', connection, request, info: INFO })
      }
    } else if (type === 'send') {
      this.host.perform({ type: 'send-message', connection, message: { type: 'ping', request: toRequestId(which) } })
    } else {
      this.mayBeClosed.add(connection)
      this.askedToClose.add(connection)
      this.host.perform({ type: 'close-connection', connection, reason: 'unresponsive' })
    }
  }

  /** One at a time, and nothing on a connection that the core has asked to close. */
  #exchange(connection: ConnectionId): void {
    const isAnswered = this.events.some(
      (event) =>
        (event.type === 'exchange-sent' || event.type === 'exchange-send-failed') &&
        event.sequence === this.sends.findLast((send) => send.connection === connection)?.sequence,
    )
    const isFirst = !this.sends.some((send) => send.connection === connection)
    if (this.askedToClose.has(connection) || !(isFirst || isAnswered)) return
    const sequence = this.sends.length
    this.sends.push({ connection, sequence })
    const message = { ...EMPTY_EXCHANGE, isFullWantlist: true }
    this.host.perform({ type: 'send-exchange', connection, sequence, message, timeoutMs: SEND_TIMEOUT_MS })
  }

  /** As the core knows them. */
  openConnections(): ConnectionId[] {
    const open = new Set<ConnectionId>()
    for (const event of this.events) {
      if (event.type === 'connection-opened') open.add(event.connection)
      else if (event.type === 'connection-closed') open.delete(event.connection)
    }
    return [...open]
  }
}

async function settle(): Promise<void> {
  for (let step = 0; step < SETTLE_STEPS; step++) await Promise.resolve()
}
