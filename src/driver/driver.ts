import { assertNever } from '../core/assert.ts'
import type { LightNodeCore } from '../core/core.ts'
import type { AppEffect, Effect } from '../core/effect.ts'
import type { AppEvent, Event } from '../core/event.ts'
import type { ExchangeStoreEffect } from '../core/exchange/exchange-effect.ts'
import type { ExchangeStoreEvent } from '../core/exchange/exchange-event.ts'
import type { Instant } from '../core/instant.ts'
import { CLOCK_JUMP_MS } from '../core/limits.ts'
import type { Host } from '../host/host.ts'
import type { HeaderStore, OpenedStore } from '../store/store.ts'
import type { Clock } from './clock.ts'
import { Inbox } from './inbox.ts'
import { StoreRunner } from './store-runner.ts'

/** Obligation 5: no turn over 8 ms in a tab; one slice or event more may follow the check. */
const TURN_MS_MAX = 5
/**
 * What the store answers so soon after a turn is handled at once, and what follows from it for as long. To serve a block takes
 * three steps, and each would wait for all that has come from the network meanwhile: in a storm that is a second's work.
 */
const ANSWERS_MS_MAX = 3
/** A turn that has waited for longer comes before what else the network brought: after all of it would be a second in a storm. */
const TURN_WAIT_MS_MAX = 10
/** Verification gets its slice after so many events at the latest. */
const EVENTS_PER_SLICE_MAX = 16
/** The loop turns at least this often, so that a sleep is noticed and a wedge can be seen. */
const HEARTBEAT_MS = 2_000

/** Carries out the block store's effects; what comes of them is posted as events. */
export interface BlockPerformer {
  /** Rejects with `StoreError`. */
  open(): Promise<void>
  perform(effect: ExchangeStoreEffect): void
  close(): Promise<void>
}

export interface DriverOptions {
  readonly core: LightNodeCore
  readonly host: Host
  readonly store: HeaderStore
  /** Undefined where no blocks are kept or exchanged. */
  readonly blocks?: BlockPerformer | undefined
  readonly headerSizeBytes: number
  readonly clock: Clock
  /** Calls back in a later turn, at once and without a timer. */
  readonly yieldTurn: (callback: () => void) => void
  readonly onEffect: (effect: AppEffect) => void
  /** The store may be written from now on: another tab's lock freed. */
  readonly onStoreWritable?: (opened: OpenedStore) => void
  /** After every turn in which anything was handled. */
  readonly onTurn: () => void
}

/**
 * The one loop: inbox → core → effects → I/O. Keeps the six obligations that stand on `LightNodeCore`.
 * Nothing else touches the core's state.
 */
export class Driver {
  readonly #options: DriverOptions
  readonly #inbox = new Inbox()
  readonly #storeRunner: StoreRunner
  #cancelTimer: (() => void) | undefined
  /** When the timer that is set should fire. */
  #timerDueMs: number | undefined
  #isTurnScheduled = false
  /** A timeout that is due waits until what was queued then is handled (obligation 3). */
  #isTimeoutWaiting = false
  #lastTurn: Instant
  /** Answers of the store are handled at once until then. */
  #answersUntilMs = 0
  #isRunSoon = false
  /** Or when the last turn ended, if that was later. */
  #turnScheduledMs = 0
  /** Asked for and not carried out yet, oldest first: an app that stops us in the middle of one only adds to them. */
  #effects: Effect[] = []
  #isCarryingOut = false
  #isStarted = false
  #isStopped = false

  constructor(options: DriverOptions) {
    this.#options = options
    this.#lastTurn = options.clock.now()
    this.#storeRunner = new StoreRunner({
      store: options.store,
      headerSizeBytes: options.headerSizeBytes,
      post: (event) => this.#put(event),
      onWritable: options.onStoreWritable,
    })
  }

  /**
   * Opens the store, then starts the host; only then does the loop turn, so that no dial comes too early and the app can
   * listen before anything is told. Rejects with `StoreError` or `HostError`; then nothing is left open.
   */
  async start(): Promise<OpenedStore> {
    const opened = await this.#storeRunner.open()
    try {
      await this.#options.blocks?.open()
      await this.#options.host.start({
        post: (event) => this.#put(event),
        offer: (event, sizeBytes) => {
          if (this.#isStopped) return Promise.resolve()
          const room = this.#inbox.putMessage(event, sizeBytes)
          this.#scheduleTurn()
          if (this.#isTurnLate()) this.#runSoon(() => this.#isTurnLate() && this.#turn())
          return room
        },
      })
    } catch (error) {
      await Promise.all([this.#options.blocks?.close(), this.#storeRunner.close()])
      throw error
    }
    this.#isStarted = true
    // What is stored can be read from now on; what follows from it is carried out in the first turn.
    const storeOpened = this.#inbox.take()
    if (storeOpened !== undefined)
      this.#effects.push(...this.#options.core.handle(storeOpened, this.#options.clock.now()))
    this.#scheduleTurn()
    return opened
  }

  post(event: AppEvent | ExchangeStoreEvent): void {
    this.#put(event)
    const isAnswer = event.type === 'blocks-found' || event.type === 'blocks-loaded'
    if (isAnswer && this.#isAnswerTime()) {
      this.#runSoon(() => this.#isAnswerTime() && this.#handleQueued(this.#answersUntilMs))
    }
  }

  /** How long ago the loop turned last. */
  get loopAgeMs(): number {
    return this.#options.clock.now().monotonicMs - this.#lastTurn.monotonicMs
  }

  /** Closes every connection, writes what was asked for, and resolves when nothing is left. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#carryOut(this.#options.core.handle({ type: 'stop-requested' }, this.#options.clock.now()))
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#inbox.close()
    await this.#options.host.stop()
    await Promise.all([this.#options.blocks?.close(), this.#storeRunner.close()])
  }

  #put(event: Event): void {
    if (this.#isStopped) return
    this.#inbox.put(event)
    this.#scheduleTurn()
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled || !this.#isStarted || this.#isStopped) return
    this.#isTurnScheduled = true
    this.#turnScheduledMs = this.#options.clock.now().monotonicMs
    this.#options.yieldTurn(() => {
      this.#isTurnScheduled = false
      if (!this.#isStopped) this.#turn()
    })
  }

  /** As soon as whoever brought something is done: the loop is never entered twice. */
  #runSoon(run: () => void): void {
    if (this.#isRunSoon) return
    this.#isRunSoon = true
    queueMicrotask(() => {
      this.#isRunSoon = false
      if (!this.#isStopped) run()
    })
  }

  #isTurnLate(): boolean {
    return this.#isTurnScheduled && this.#options.clock.now().monotonicMs > this.#turnScheduledMs + TURN_WAIT_MS_MAX
  }

  #isAnswerTime(): boolean {
    return this.#options.clock.now().monotonicMs < this.#answersUntilMs
  }

  #turn(): void {
    const { clock } = this.#options
    const start = clock.now()
    this.#noticeClockJump(start)
    this.#lastTurn = start
    this.#carryOut([]) // what the start left to this turn
    this.#handleQueued(start.monotonicMs + TURN_MS_MAX)
    this.#turnScheduledMs = clock.now().monotonicMs
    this.#answersUntilMs = this.#turnScheduledMs + ANSWERS_MS_MAX
  }

  #handleQueued(untilMs: number): void {
    const { clock, core, onTurn } = this.#options
    let eventCount = 0
    for (let now = clock.now(); now.monotonicMs < untilMs; now = clock.now()) {
      if (this.#isStopped) return
      if (this.#isTimeoutDue(now)) {
        this.#isTimeoutWaiting = false
        this.#carryOut(core.handleTimeout(now))
        continue
      }
      const isSliceDue = core.hasWork() && (this.#inbox.isEmpty || eventCount >= EVENTS_PER_SLICE_MAX)
      if (isSliceDue) {
        eventCount = 0
        this.#carryOut(core.handleWork(now))
        continue
      }
      const event = this.#inbox.take()
      if (event === undefined) break
      eventCount += 1
      this.#carryOut(core.handle(event, now))
    }
    if (this.#isStopped) return
    onTurn()
    const nextMs = core.nextTimeout() ?? Infinity
    if (!this.#inbox.isEmpty || core.hasWork() || nextMs <= clock.now().monotonicMs) this.#scheduleTurn()
    this.#setTimer(nextMs)
  }

  /** Due by the clock, and everything that was queued when it came due is handled. */
  #isTimeoutDue(now: Instant): boolean {
    const dueMs = this.#options.core.nextTimeout()
    if (dueMs === undefined || dueMs > now.monotonicMs) {
      this.#isTimeoutWaiting = false
      return false
    }
    if (!this.#isTimeoutWaiting) this.#inbox.mark()
    this.#isTimeoutWaiting = true
    return this.#inbox.markedCount === 0
  }

  #setTimer(nextMs: number): void {
    this.#cancelTimer?.()
    const nowMs = this.#options.clock.now().monotonicMs
    const delayMs = Math.min(HEARTBEAT_MS, Math.max(0, nextMs - nowMs))
    this.#timerDueMs = nowMs + delayMs
    this.#cancelTimer = this.#options.clock.setTimer(delayMs, () => this.#scheduleTurn())
  }

  /** Obligation 6: the wall clock moved by itself, or we slept through our own timer. */
  #noticeClockJump(now: Instant): void {
    const last = this.#lastTurn
    const driftMs = now.unixMs - last.unixMs - (now.monotonicMs - last.monotonicMs)
    const lateMs = this.#timerDueMs === undefined ? 0 : Math.max(0, now.monotonicMs - this.#timerDueMs)
    if (Math.abs(driftMs) <= CLOCK_JUMP_MS && lateMs <= CLOCK_JUMP_MS) return
    const aheadMs = lateMs > CLOCK_JUMP_MS ? lateMs : 0
    this.#carryOut(this.#options.core.handle({ type: 'clock-jumped', aheadMs }, now))
  }

  #carryOut(effects: readonly Effect[]): void {
    this.#effects.push(...effects)
    if (this.#isCarryingOut) return
    this.#isCarryingOut = true
    try {
      for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) {
        this.#perform(effect)
      }
    } finally {
      this.#isCarryingOut = false
    }
  }

  #perform(effect: Effect): void {
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
        this.#options.host.perform(effect)
        return
      case 'load-headers':
      case 'persist':
        this.#storeRunner.perform(effect)
        return
      case 'find-blocks':
      case 'load-blocks':
      case 'load-outline':
      case 'save-blocks':
        this.#options.blocks?.perform(effect)
        return
      case 'peer-ready':
      case 'peer-gone':
      case 'head-changed':
      case 'reorganised':
      case 'status-changed':
      case 'connect-settled':
      case 'headers-settled':
      case 'want-failed':
      case 'warning':
      case 'want-settled':
      case 'outline-settled':
        this.#options.onEffect(effect)
        return
      default:
        assertNever(effect)
    }
  }
}
