/**
 * A computer of the simulated network: address, disk and clock last; the process on it is started, paused, crashed.
 * The process is the driver of the simulation: one inbox, one event at a time, timers only when all that was queued at
 * that moment is handled, a slice of work in between.
 */
import type { Cause } from '../../src/core/checker/cause.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { ExchangeAppEffect } from '../../src/core/exchange/exchange-effect.ts'
import type { PeerId } from '../../src/core/ids.ts'
import type { Instant } from '../../src/core/instant.ts'
import type { LinkEnd } from './link.ts'
import type { Machine } from './machine.ts'
import { recordOf } from './peer-record.ts'
import type { Random } from './random.ts'
import type { SimulatedBlockStore } from './simulated-block-store.ts'
import type { ExchangeManners } from './simulated-exchange.ts'
import type { DialState } from './simulated-host.ts'
import { SimulatedHost } from './simulated-host.ts'
import type { SimulatedStore } from './simulated-store.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Between two slices of work, and the least that a turn takes. */
const SLICE_MS = 1
/** A machine whose timer stays due although it was called is stuck. */
const TIMEOUTS_AT_ONCE_MAX = 100

export interface Network {
  readonly time: VirtualTime
  /** Unix time at the beginning of the simulation. */
  readonly unixMs: number
  dial(from: Computer, state: DialState): void
  sentIntoTheVoid(end: LinkEnd): void
  /** The app on that computer is told what became of its want. */
  settled(computer: Computer, effect: ExchangeAppEffect): void
  /** After every step, before its effects are carried out. */
  stepped(computer: Computer, cause: Cause, effects: readonly Effect[], now: Instant): void
  /** Instead of it, after a step that threw. */
  threw(computer: Computer, cause: Cause, error: unknown, now: Instant): never
}

export interface ComputerOptions {
  readonly network: Network
  readonly index: number
  readonly address: string
  readonly store: SimulatedStore
  readonly blocks: SimulatedBlockStore
  readonly random: Random
  readonly exchangeRandom: Random
  readonly manners: ExchangeManners
  /** Of what it sends of blocks. */
  readonly bytesPerMs: number
  readonly isHonest: boolean
  readonly isExchangeOnly: boolean
  readonly garbledShare: number
  /** Addresses that it stays connected to. */
  readonly targets: readonly string[]
  readonly discoversPeers: boolean
  /** A fresh machine for every start. */
  readonly createMachine: (computer: Computer) => Machine
}

export class Computer {
  readonly index: number
  readonly address: string
  readonly store: SimulatedStore
  readonly blocks: SimulatedBlockStore
  readonly isHonest: boolean
  readonly isExchangeOnly: boolean
  readonly targets: readonly string[]
  readonly random: Random
  peer: PeerId
  /** Undefined while it is down. */
  machine: Machine | undefined
  host: SimulatedHost
  /** Grows with every start. */
  runCount = 0
  /** Wall clock minus true time. */
  unixOffsetMs = 0
  /** Added to every latency of its links. */
  extraLatencyMs = 0
  private readonly options: ComputerOptions
  private monotonicBaseMs = 0
  private inbox: (Event | LinkEnd | undefined)[] = []
  private pausedUntilMs = 0
  private asleep: { readonly sinceMs: number; readonly hasClockStopped: boolean } | undefined
  private isTurnScheduled = false
  private wakeAtMs = Infinity
  private timeoutsAtOnce = 0
  private lastTimeoutMs = -1

  constructor(options: ComputerOptions) {
    this.options = options
    this.index = options.index
    this.address = options.address
    this.store = options.store
    this.blocks = options.blocks
    this.isHonest = options.isHonest
    this.isExchangeOnly = options.isExchangeOnly
    this.targets = options.targets
    this.random = options.random
    this.peer = peerOf(options.index)
    this.host = this.createHost()
    this.host.isAlive = false
  }

  get isUp(): boolean {
    return this.machine !== undefined
  }

  get isPaused(): boolean {
    return this.options.network.time.nowMs < this.pausedUntilMs
  }

  /** Since the simulation began. */
  get trueMs(): number {
    return this.options.network.time.nowMs
  }

  now(): Instant {
    const { time, unixMs } = this.options.network
    return { monotonicMs: time.nowMs + this.monotonicBaseMs, unixMs: unixMs + time.nowMs + this.unixOffsetMs }
  }

  start(): void {
    if (this.machine !== undefined) return
    this.runCount += 1
    this.monotonicBaseMs = this.random.below(1_000_000)
    this.inbox = []
    this.pausedUntilMs = 0
    this.asleep = undefined
    this.wakeAtMs = Infinity
    this.host = this.createHost()
    this.machine = this.options.createMachine(this)
    this.post(this.store.open())
    if (!this.options.discoversPeers) return
    const { peer, address } = this
    const sequence = this.options.network.unixMs + this.trueMs
    this.post({ type: 'own-record-changed', record: recordOf({ peer, address, sequence }), roads: ['tcp'] })
  }

  /** The power is gone: nothing is closed, what was not acknowledged may be lost. */
  crash(): void {
    this.machine = undefined
    this.host.isAlive = false
    this.store.crash()
    this.blocks.crash()
  }

  /** Turns nothing for so long: a hidden tab, a swapped process. */
  pause(durationMs: number): void {
    this.pausedUntilMs = Math.max(this.pausedUntilMs, this.options.network.time.nowMs + durationMs)
  }

  resume(): void {
    this.pausedUntilMs = 0
    this.wake()
    this.scheduleTurn()
  }

  /** A laptop's lid: nothing turns, and on some machines not even the monotonic clock. */
  sleep(durationMs: number, hasClockStopped: boolean): void {
    if (this.machine === undefined || this.asleep !== undefined) return
    const { time } = this.options.network
    const asleep = { sinceMs: time.nowMs, hasClockStopped }
    this.asleep = asleep
    this.pause(durationMs)
    time.after(durationMs, () => {
      if (this.asleep === asleep) this.wake()
    })
  }

  /** A driver notices at the beginning of its turn, before all that is queued. */
  private wake(): void {
    if (this.asleep === undefined) return
    const { sinceMs, hasClockStopped } = this.asleep
    this.asleep = undefined
    const durationMs = this.options.network.time.nowMs - sinceMs
    if (hasClockStopped) this.monotonicBaseMs -= durationMs
    this.inbox.unshift({ type: 'clock-jumped', aheadMs: hasClockStopped ? 0 : durationMs }, undefined)
    this.scheduleTurn()
  }

  /** Another tab gave up the lock: the store may be written from now on. */
  freeStore(): void {
    const { store } = this
    if (store.isWritable) return
    store.isWritable = true
    const headerCount = store.headerCount
    const samples: { readonly height: number; readonly header: Uint8Array }[] = []
    for (let height = headerCount - 1, step = 1; height >= 0; height -= step, step *= 2) {
      samples.push({ height, header: store.header(height) })
    }
    if (samples.length > 0 && samples.at(-1)?.height !== 0) samples.push({ height: 0, header: store.header(0) })
    this.post({ type: 'store-became-writable', headerCount, samples, hasUpper: store.hasUpper })
  }

  post(event: Event, end?: LinkEnd): void {
    this.inbox.push(event, end)
    this.scheduleTurn()
  }

  private createHost(): SimulatedHost {
    const { network, isExchangeOnly, garbledShare, exchangeRandom, manners, bytesPerMs } = this.options
    const host: SimulatedHost = new SimulatedHost({
      ...{ isExchangeOnly, garbledShare, exchangeRandom, manners, bytesPerMs },
      time: network.time,
      random: this.random,
      post: (event, end) => {
        if (this.host === host) this.post(event, end)
      },
      dial: (state) => network.dial(this, state),
      sentIntoTheVoid: (end) => network.sentIntoTheVoid(end),
    })
    return host
  }

  private scheduleTurn(delayMs = 0): void {
    if (this.isTurnScheduled) return
    this.isTurnScheduled = true
    const { time } = this.options.network
    time.at(Math.max(time.nowMs + delayMs, this.pausedUntilMs), this.takeTurn)
  }

  private readonly takeTurn = (): void => {
    this.isTurnScheduled = false
    this.turn()
  }

  private turn(): void {
    const { time } = this.options.network
    if (time.nowMs < this.pausedUntilMs) this.scheduleTurn()
    if (this.isTurnScheduled || this.machine === undefined) return
    const queued = this.inbox
    this.inbox = []
    for (let index = 0; index < queued.length; index += 2) {
      const event = queued[index] as Event
      const end = queued[index + 1] as LinkEnd | undefined
      if (end !== undefined) this.host.taken(event, end.remotePeer)
      this.step(event)
    }
    const machine = this.machine
    if (machine.hasWork()) this.step({ type: 'work' })
    let dueMs = machine.nextTimeout()
    if (this.inbox.length === 0 && dueMs !== undefined && dueMs <= this.now().monotonicMs) {
      this.step({ type: 'timeout' })
      this.countTimeouts()
      dueMs = machine.nextTimeout()
    }
    if (machine.hasWork()) this.scheduleTurn(SLICE_MS)
    else if (this.inbox.length > 0) this.scheduleTurn()
    else if (dueMs !== undefined) this.scheduleWake(dueMs)
  }

  /** Also when nothing is due: an extra call is harmless. */
  callTimeoutEarly(): void {
    if (this.machine === undefined || this.isPaused || this.inbox.length > 0) return
    this.step({ type: 'timeout' })
    this.scheduleTurn()
  }

  private scheduleWake(dueMs: number): void {
    const { time } = this.options.network
    const wakeAtMs = Math.max(time.nowMs, Math.ceil(dueMs - this.monotonicBaseMs))
    if (wakeAtMs >= this.wakeAtMs && this.wakeAtMs > time.nowMs) return
    this.wakeAtMs = wakeAtMs
    time.at(wakeAtMs, this.wakeUp)
  }

  private readonly wakeUp = (): void => {
    if (this.wakeAtMs === this.options.network.time.nowMs) this.wakeAtMs = Infinity
    this.scheduleTurn()
  }

  private countTimeouts(): void {
    const { nowMs } = this.options.network.time
    this.timeoutsAtOnce = this.lastTimeoutMs === nowMs ? this.timeoutsAtOnce + 1 : 0
    this.lastTimeoutMs = nowMs
    if (this.timeoutsAtOnce <= TIMEOUTS_AT_ONCE_MAX) return
    const error = new Error('the timer stays due although it was called')
    this.options.network.threw(this, { type: 'timeout' }, error, this.now())
  }

  private step(cause: Cause): void {
    const machine = this.machine
    if (machine === undefined) return
    const now = this.now()
    const effects = this.stepped(machine, cause, now)
    this.options.network.stepped(this, cause, effects, now)
    for (const effect of effects) this.perform(effect)
  }

  private stepped(machine: Machine, cause: Cause, now: Instant): readonly Effect[] {
    try {
      return stepMachine(machine, cause, now)
    } catch (error) {
      return this.options.network.threw(this, cause, error, now)
    }
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
      case 'cancel-dial':
      case 'close-connection':
      case 'request-handshake':
      case 'answer-handshake':
      case 'send-message':
      case 'admit-exchange':
      case 'send-exchange':
      case 'reset-exchange':
        this.host.perform(effect)
        return
      case 'load-headers':
      case 'persist':
        this.store.perform(effect, (event) => this.post(event))
        return
      case 'find-blocks':
      case 'load-blocks':
      case 'load-outline':
      case 'save-blocks':
        this.blocks.perform(effect, (event) => this.post(event))
        return
      case 'want-settled':
      case 'outline-settled':
        this.options.network.settled(this, effect)
        return
      default: // Told to the app, which the checker has seen.
    }
  }
}

export function stepMachine(machine: Machine, cause: Cause, now: Instant): readonly Effect[] {
  if (cause.type === 'timeout') return machine.handleTimeout(now)
  if (cause.type === 'work') return machine.handleWork(now)
  return machine.handle(cause, now)
}

export function peerOf(index: number, keyNumber = 0): PeerId {
  // Scattered, so that the order of ids has nothing to do with the order of computers.
  const scattered = (Math.imul(index + 1, 0x9e3779b1) + keyNumber * 7919) >>> 0
  return `peer-${scattered.toString(36)}-${index}` as PeerId
}
