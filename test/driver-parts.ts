/** What the driver's tests put around it: a clock and turns that move when they are told to, a host, a store and a core. */
import type { LightNodeCore } from '../src/core/core.ts'
import type { Effect, HostEffect } from '../src/core/effect.ts'
import type { Event, MessageReceived } from '../src/core/event.ts'
import type { ConnectionId, PeerId } from '../src/core/ids.ts'
import { toConnectionId, toPeerId, toRequestId } from '../src/core/ids.ts'
import type { Instant } from '../src/core/instant.ts'
import type { Clock } from '../src/driver/clock.ts'
import { Driver } from '../src/driver/driver.ts'
import type { Host, HostSink } from '../src/host/host.ts'
import { createMemoryStore } from '../src/store/memory.ts'
import type { HeaderStore, StoreWrite } from '../src/store/store.ts'

export const HEADER_BYTES = 80
const TURNS_MAX = 10_000

/** Time that passes when it is told to, and turns that run when they are told to. */
export class VirtualClock implements Clock {
  monotonicMs = 0
  unixMs: number = Date.UTC(2026, 0, 1)
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>()
  readonly #turns: (() => void)[] = []

  readonly yieldTurn: (callback: () => void) => void = (callback) => {
    this.#turns.push(callback)
  }

  get turnCount(): number {
    return this.#turns.length
  }

  now(): Instant {
    return { monotonicMs: this.monotonicMs, unixMs: this.unixMs }
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.monotonicMs + Math.max(0, delayMs), callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Time passes while nothing runs: a long turn of somebody else's, or sleep. */
  pass(ms: number): void {
    this.monotonicMs += ms
    this.unixMs += ms
  }

  /** Fires what is due. */
  fireTimers(): void {
    for (const timer of [...this.#timers].filter(({ dueMs }) => dueMs <= this.monotonicMs)) {
      this.#timers.delete(timer)
      timer.callback()
    }
  }

  runTurn(): void {
    this.#turns.shift()?.()
  }

  runTurns(): void {
    for (let count = 0; this.#turns.length > 0; count += 1) {
      if (count >= TURNS_MAX) throw new Error(`expected an end of turns within ${TURNS_MAX}`)
      this.runTurn()
    }
  }

  /** Time passes, timers fire when they are due and turns run at once. */
  advance(ms: number): void {
    const untilMs = this.monotonicMs + ms
    for (;;) {
      this.runTurns()
      const nextMs = Math.min(...[...this.#timers].map(({ dueMs }) => dueMs))
      if (nextMs > untilMs) break
      this.pass(Math.max(0, nextMs - this.monotonicMs))
      this.fireTimers()
    }
    this.pass(untilMs - this.monotonicMs)
  }
}

/** Writes down what it is asked for. */
export class FakeHost implements Host {
  readonly peerId: PeerId = toPeerId('own-peer')
  readonly addresses: readonly string[] = []
  readonly performed: HostEffect[] = []
  /** Called for each effect before `perform` returns. */
  onPerform: (effect: HostEffect) => void = () => {}
  /** What `start` waits for. */
  starting: Promise<void> = Promise.resolve()
  isStarted = false
  isStopped = false
  #sink: HostSink | undefined

  get sink(): HostSink {
    if (this.#sink === undefined) throw new Error('expected a host that was started')
    return this.#sink
  }

  async start(sink: HostSink): Promise<void> {
    this.#sink = sink
    await this.starting
    this.isStarted = true
  }

  perform(effect: HostEffect): void {
    this.performed.push(effect)
    this.onPerform(effect)
  }

  ofType<Type extends HostEffect['type']>(type: Type): Extract<HostEffect, { type: Type }>[] {
    return this.performed.filter((effect): effect is Extract<HostEffect, { type: Type }> => effect.type === type)
  }

  traffic(): undefined {
    return undefined
  }

  stop(): Promise<void> {
    this.isStopped = true
    return Promise.resolve()
  }
}

/** A memory store whose commits end when they are told to. */
export class HeldStore {
  readonly commits: (readonly StoreWrite[])[] = []
  readonly #open: { readonly resolve: () => void; readonly reject: (reason: unknown) => void }[] = []
  readonly store: HeaderStore

  constructor() {
    const memory = createMemoryStore({ chain: 'test', genesis: '00', headerSizeBytes: HEADER_BYTES })
    this.store = {
      kind: 'memory',
      open: () => memory.open(),
      read: (args) => memory.read(args),
      write: async (writes) => {
        this.commits.push(writes)
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        this.#open.push({ resolve, reject })
        await promise
      },
      onWritable: () => {},
      sizeBytes: 0,
      close: () => memory.close(),
    }
  }

  get openCount(): number {
    return this.#open.length
  }

  async finish(error?: unknown): Promise<void> {
    const commit = this.#open.shift()
    if (error === undefined) commit?.resolve()
    else commit?.reject(error)
    await settled()
  }
}

/** Everything that waits for a promise which is done by now has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A core of a few lines: it writes down what it is handed, and answers what the test says. */
export class ScriptedCore implements LightNodeCore {
  readonly log: string[] = []
  answer: (event: Event, now: Instant) => readonly Effect[] = () => []
  work: (now: Instant) => readonly Effect[] = () => []
  workCount = 0
  timeoutMs: number | undefined
  onTimeout: (now: Instant) => readonly Effect[] = () => []
  #isInside = false

  handle(event: Event, now: Instant): readonly Effect[] {
    return this.#inside(nameOf(event), () => this.answer(event, now))
  }

  handleTimeout(now: Instant): readonly Effect[] {
    return this.#inside('timeout', () => {
      this.timeoutMs = undefined
      return this.onTimeout(now)
    })
  }

  nextTimeout(): number | undefined {
    return this.timeoutMs
  }

  hasWork(): boolean {
    return this.workCount > 0
  }

  handleWork(now: Instant): readonly Effect[] {
    return this.#inside('work', () => {
      this.workCount -= 1
      return this.work(now)
    })
  }

  view(): never {
    throw new Error('nobody looks')
  }

  get tree(): never {
    throw new Error('nobody looks')
  }

  syncView(): never {
    throw new Error('nobody looks')
  }

  exchangeView(): never {
    throw new Error('nobody looks')
  }

  #inside(name: string, run: () => readonly Effect[]): readonly Effect[] {
    if (this.#isInside) throw new Error(`${name} came while another event was being handled`)
    this.#isInside = true
    this.log.push(name)
    const effects = run()
    this.#isInside = false
    return effects
  }
}

/** `ping 3` and `online`: short names for the log. */
function nameOf(event: Event): string {
  if (event.type === 'message-received') return `${event.connection} ${requestOf(event)}`
  return event.type
}

function requestOf({ message }: MessageReceived): number {
  return message.type === 'ping' ? message.request : -1
}

export function ping(connection: ConnectionId | string, request: number): MessageReceived {
  return {
    type: 'message-received',
    connection: toConnectionId(connection),
    message: { type: 'ping', request: toRequestId(request) },
  }
}

export interface DriverRig {
  readonly clock: VirtualClock
  readonly host: FakeHost
  readonly core: ScriptedCore
  readonly held: HeldStore
  readonly driver: Driver
  /** What the app was told, by type, and each turn's end. */
  readonly told: string[]
}

/** A driver that is not started. */
export function createDriverRig(): DriverRig {
  const clock = new VirtualClock()
  const host = new FakeHost()
  const core = new ScriptedCore()
  const held = new HeldStore()
  const told: string[] = []
  const driver = new Driver({
    core,
    host,
    store: held.store,
    headerSizeBytes: HEADER_BYTES,
    clock,
    yieldTurn: clock.yieldTurn,
    onEffect: (effect) => told.push(effect.type),
    onTurn: () => {},
  })
  return { clock, host, core, held, driver, told }
}

/** One that is started, with an empty log. */
export async function startDriverRig(): Promise<DriverRig> {
  const rig = createDriverRig()
  await rig.driver.start()
  rig.clock.runTurns()
  rig.core.log.length = 0
  return rig
}
