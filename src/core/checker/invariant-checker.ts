/**
 * The rules of the core, checked on the trace of its events and effects after every step, and against what it shows (`view`,
 * `syncView`, `exchangeView`). Numbers as in the project's table of invariants.
 */
import type { CoreOptions, CoreView, LightNodeCore } from '../core.ts'
import type { Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import { ConnectionRules } from './connection-rules.ts'
import { DialRules } from './dial-rules.ts'
import { ExchangeRules } from './exchange-rules.ts'
import { broken } from './invariant-error.ts'
import type { Cause } from './cause.ts'
import { PeersRules } from './peers-rules.ts'
import { StoreRules } from './store-rules.ts'
import { SyncRules } from './sync-rules.ts'
import { SyncStateRules } from './sync-state-rules.ts'
import { WantRules } from './want-rules.ts'

export interface InvariantOptions {
  readonly chain: string
  readonly genesis: string
  readonly maxPeers: number
  /** The core's configured addresses. */
  readonly peers?: readonly string[]
  /** Checks what the core shows too; costs a view a step. */
  readonly isThorough: boolean
  /** The core's: what is delivered is hashed again. Without it only what needs no hash is checked of blocks. */
  readonly cidOf?: CoreOptions['cidOf']
}

/** One run of one core. Hand it every step, in order; throws `InvariantError` at the first that breaks a rule. */
export class InvariantChecker {
  private readonly connections: ConnectionRules
  private readonly dials: DialRules
  private readonly peers: PeersRules
  private readonly sync: SyncRules
  private readonly syncState: SyncStateRules
  private readonly store: StoreRules = new StoreRules()
  private readonly exchange: ExchangeRules
  private readonly wants: WantRules
  private readonly options: InvariantOptions
  private isStopped = false

  constructor(options: InvariantOptions) {
    this.options = options
    this.connections = new ConnectionRules(options)
    this.dials = new DialRules(this.connections)
    this.peers = new PeersRules(this.connections, options.peers ?? [])
    this.sync = new SyncRules(this.connections)
    this.syncState = new SyncStateRules(this.connections, this.sync)
    this.exchange = new ExchangeRules(this.connections)
    this.wants = new WantRules(this.exchange, options.cidOf)
  }

  check(cause: Cause, effects: readonly Effect[], now: Instant, core: LightNodeCore): void {
    const nowMs = now.monotonicMs
    if (this.isStopped) {
      this.checkStopped(cause, effects)
      return
    }
    if (this.options.isThorough) this.syncState.before(cause, nowMs)
    this.before(cause, effects, nowMs)
    for (const effect of effects) this.effect(effect, cause, nowMs)
    this.connections.after(cause, nowMs)
    this.sync.after(cause, nowMs)
    if (cause.type === 'stop-requested') this.stopped(core)
    else if (this.options.isThorough) {
      this.checkView(core.view())
      this.syncState.after({ cause, effects, nowMs, sync: core.syncView(), tree: core.tree })
      this.checkExchange(cause, effects, core)
      this.peers.after(core)
    }
  }

  /** Without a peer and a want there is nothing to see. */
  private checkExchange(cause: Cause, effects: readonly Effect[], core: LightNodeCore): void {
    if (this.exchange.peers.size === 0 && this.wants.openCount === 0) return
    const view = core.exchangeView()
    this.exchange.checkView(view)
    this.wants.check(cause, effects, view)
  }

  private before(cause: Cause, effects: readonly Effect[], nowMs: number): void {
    if (cause.type === 'timeout' || cause.type === 'work') {
      this.wants.begin()
      return
    }
    // What is sent by a connection that closes is looked at while it is known.
    this.wants.event(cause)
    this.exchange.event(cause)
    this.connections.event(cause, effects, nowMs)
    if (cause.type === 'handshake-requested' || cause.type === 'handshake-answered')
      this.exchange.mismatched(cause.connection)
    this.dials.event(cause, nowMs)
    this.peers.event(cause)
    this.sync.event(cause, nowMs)
    this.store.event(cause)
  }

  private effect(effect: Effect, cause: Cause, nowMs: number): void {
    this.connections.effect(effect, cause, nowMs)
    this.wants.effect(effect)
    this.exchange.effect(effect)
    this.dials.effect(effect, cause, nowMs)
    this.peers.effect(effect)
    this.sync.effect(effect, nowMs)
    this.store.effect(effect)
  }

  private stopped(core: LightNodeCore): void {
    this.isStopped = true
    if (core.nextTimeout() !== undefined) broken('R1', 'a timer runs after stop')
    if (core.hasWork()) broken('R1', 'work waits after stop')
    if (this.connections.liveCount > 0) broken('R1', `${this.connections.liveCount} connections were left open by stop`)
    if (this.dials.underWayCount > 0) broken('R1', `${this.dials.underWayCount} dials were left under way by stop`)
    this.wants.checkStopped()
    const { wantCount, peers } = core.exchangeView()
    if (wantCount + peers.size > 0)
      broken('R1', `${wantCount} wants and ${peers.size} peers of blocks are left by stop`)
  }

  /** R1: later events change nothing; a connection that opens late is closed. */
  private checkStopped(cause: Cause, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'close-connection' || effect.type === 'connect-settled') continue
      broken('R1', `${effect.type} after stop, at ${cause.type}`)
    }
  }

  /** S1, R1: what is shown agrees with the trace. */
  private checkView(view: CoreView): void {
    let syncPeers = 0
    for (const peer of view.peers) {
      if (!this.connections.isOpen(peer.connection)) broken('R1', `${peer.id} is shown with ${peer.connection}, closed`)
      if ((peer.state === 'ready') !== this.connections.isReady(peer.id))
        broken('L6', `${peer.id} is shown as ${peer.state}`)
      if (!peer.isSyncPeer) continue
      syncPeers += 1
      if (peer.state !== 'ready') broken('S1', `the sync peer ${peer.id} is ${peer.state}`)
    }
    if (syncPeers > 1) broken('S1', `${syncPeers} sync peers at once`)
    for (const peer of this.connections.readyPeers) {
      if (!view.peers.some(({ id }) => id === peer)) broken('L6', `ready ${peer} is not shown`)
    }
  }
}
