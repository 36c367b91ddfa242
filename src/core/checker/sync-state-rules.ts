/** S1, S2 and S6 as far as they need to see whom sync follows and what it misses. */
import type { HeaderTree } from '../chain.ts'
import type { SyncView } from '../core.ts'
import type { Effect } from '../effect.ts'
import type { ConnectionId, PeerId, Root } from '../ids.ts'
import * as limits from '../limits.ts'
import type { Cause } from './cause.ts'
import type { ConnectionRules } from './connection-rules.ts'
import { broken } from './invariant-error.ts'
import type { SyncRules } from './sync-rules.ts'

/** Missing roots whose owners are looked at after every step; of more, after those that run timers. */
const OWNERS_CHECKED_MAX = 64

interface Step {
  readonly cause: Cause
  readonly effects: readonly Effect[]
  readonly nowMs: number
  readonly sync: SyncView
  readonly tree: HeaderTree
}

export class SyncStateRules {
  private readonly connections: ConnectionRules
  private readonly trace: SyncRules
  /** Every root that was ever missing and is neither delivered nor failed. */
  private readonly missing = new Set<Root>()
  /** After the step before. */
  private syncPeer: PeerId | undefined
  /** The connection on which the sync peer owes us headers for too long, in this step. */
  private overdue: ConnectionId | undefined
  /** Until when each ready peer is not elected, after the step before. */
  private readonly asideUntilMs = new Map<PeerId, number>()

  constructor(connections: ConnectionRules, trace: SyncRules) {
    this.connections = connections
    this.trace = trace
  }

  before(cause: Cause, nowMs: number): void {
    const { syncPeer } = this
    const isTimeout = cause.type === 'timeout'
    this.overdue = isTimeout && syncPeer !== undefined ? this.trace.takeStall(syncPeer, nowMs) : undefined
  }

  after(step: Step): void {
    const { syncPeer, isRunning } = step.sync
    if (syncPeer !== undefined && !this.connections.isReady(syncPeer))
      broken('S1', `the sync peer ${syncPeer} is not ready`)
    this.checkSetAside(step)
    if (isRunning) this.checkElection(step)
    this.checkStall(step)
    // What it owed before it was elected is no stall of a sync peer.
    if (syncPeer !== this.syncPeer && syncPeer !== undefined) this.trace.takeStall(syncPeer, step.nowMs)
    this.syncPeer = syncPeer
    this.checkMissing(step)
  }

  /**
   * S2: nobody is kept from being elected without a cause that the trace shows: headers that it owed for too long, its own
   * answer or refusal, or something that was verified; nor for longer than that cause allows. Whether what was verified was
   * of any use the trace does not show: there the core is believed.
   */
  private checkSetAside({ cause, nowMs, sync: { peers } }: Step): void {
    for (const [id, { stalledUntilMs }] of peers) {
      if (stalledUntilMs > (this.asideUntilMs.get(id) ?? 0)) {
        const isHeard = cause.type === 'message-received' && this.connections.get(cause.connection)?.peer === id
        const hasCause = isHeard || cause.type === 'work' || (cause.type === 'timeout' && this.trace.giveUp(id, nowMs))
        if (!hasCause)
          broken('S2', `${id} is not elected until ${stalledUntilMs} ms, without a cause, at ${cause.type}`)
        const msMax = cause.type === 'work' ? limits.FUTURE_RETRY_MS_MAX : limits.STALL_COOLDOWN_MS
        if (stalledUntilMs > nowMs + msMax) broken('S2', `${id} is not elected for ${stalledUntilMs - nowMs} ms`)
      }
      this.asideUntilMs.set(id, stalledUntilMs)
    }
    if (this.asideUntilMs.size === peers.size) return
    for (const id of this.asideUntilMs.keys()) if (!peers.has(id)) this.asideUntilMs.delete(id)
  }

  /** S2: whoever has more is followed, by the peer's last answer and by what the core made of it. */
  private checkElection({ cause, effects, nowMs, sync }: Step): void {
    if (sync.syncPeer !== undefined) return
    const deliveredMore = cause.type === 'message-received' ? this.trace.deliveredMore : undefined
    for (const [id, { hasMore, stalledUntilMs }] of sync.peers) {
      if (stalledUntilMs > nowMs) continue
      if (hasMore) broken('S2', `${id} has more and there is no sync peer`)
      if (id !== deliveredMore) continue
      const isStruck = effects.some(({ type }) => type === 'warning')
      if (!isStruck) broken('S2', `${id} answered that it has more and there is no sync peer`)
    }
  }

  /** S2: without an answer for the stall time the sync peer is changed, and not for itself. */
  private checkStall({ effects, nowMs, sync: { syncPeer } }: Step): void {
    const { overdue } = this
    if (overdue === undefined || syncPeer !== this.syncPeer) return
    const isClosed = effects.some((effect) => effect.type === 'close-connection' && effect.connection === overdue)
    if (!isClosed) broken('S2', `${syncPeer} stalled at ${nowMs} ms and is the sync peer still`)
  }

  /** S6: a root that is missing no longer was delivered, or told as failed; one that is owned is owed to us. */
  private checkMissing(step: Step): void {
    const { cause, effects, tree, sync } = step
    const { missing } = sync
    // Ten thousand roots are looked at when timers run, which is when they are asked for and let go.
    if (missing.size <= OWNERS_CHECKED_MAX || cause.type === 'timeout') this.checkOwners(step)
    for (const effect of effects) if (effect.type === 'want-failed') this.missing.delete(effect.root)
    if (cause.type === 'message-received' && cause.message.type === 'announce' && cause.message.headers.length > 0) {
      const { parent } = tree.inspect(cause.message.headers)
      if (missing.has(parent)) this.missing.add(parent)
    }
    // Most steps change nothing here; comparing all roots in each would cost more than the core itself.
    if (this.missing.size === missing.size) return
    for (const root of this.missing) {
      if (missing.has(root)) continue
      if (!tree.has(root)) broken('S6', `the missing root ${root} was forgotten`)
      this.missing.delete(root)
    }
    for (const root of missing.roots) this.missing.add(root)
  }

  /** S3, S6: whoever was asked for a root is ready, and owes us the answer or has given it. */
  private checkOwners({ cause, effects, nowMs, sync: { missing } }: Step): void {
    for (const root of missing.roots) {
      const owner = missing.ownerOf(root)
      if (owner === undefined) continue
      if (!this.connections.isReady(owner)) broken('S3', `the missing root ${root} is owned by ${owner}, not ready`)
      if (this.trace.owes(owner, root, cause, nowMs) || missing.isHeld(root)) continue
      // Of a peer that did not answer a ping either the connection goes first; what else is over has its turn at once.
      const isLosing = effects.some(
        (effect) => effect.type === 'close-connection' && this.connections.get(effect.connection)?.peer === owner,
      )
      if (!isLosing) broken('S6', `the missing root ${root} is owned by ${owner}, who does not owe it`)
    }
  }
}
