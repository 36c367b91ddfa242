import type { Effect } from './effect.ts'
import type { NetworkFailure } from './failure.ts'
import type { ConnectionId, DialId, PeerId } from './ids.ts'
import { toDialId } from './ids.ts'
import {
  DIAL_ANSWER_GRACE_MS,
  DIAL_BACKOFF_MS_MAX,
  DIAL_BACKOFF_MS_MIN,
  DIAL_TIMEOUT_MS,
  DIALS_AT_ONCE_MAX,
  OUTBOUND_PEERS_WANTED,
  TARGETS_MAX,
} from './limits.ts'
import type { RandomSource } from './random.ts'

/** Why a `connect` did not end in a ready peer. */
export interface ConnectFailure {
  readonly code: 'undialable-address' | 'peer-refused' | 'wrong-chain'
  readonly detail: string
}

/** The dial to a learnt peer led nowhere, or that peer is gone. */
type LearntFailed = (args: { peer: PeerId; nowMs: number; backoffMs: number | undefined }) => void

type Phase =
  | { readonly phase: 'due' }
  | { readonly phase: 'dialing'; readonly dial: DialId; readonly deadlineMs: number }
  | { readonly phase: 'handshaking'; readonly peer: PeerId; readonly connection: ConnectionId }
  | { readonly phase: 'connected'; readonly peer: PeerId }
  /** `isEarned`: for what the peer is or did, not for the network's failure; good news of the network changes nothing. */
  | { readonly phase: 'backoff'; readonly untilMs: number; readonly isEarned: boolean }
  /** The app said disconnect; only a new connect wakes it. */
  | { readonly phase: 'suspended' }

interface Target {
  readonly address: string
  /** Configured addresses are dialled for ever; those of a connect only once it has worked. */
  isKept: boolean
  readonly isConfigured: boolean
  /** Whom others told of: dialled once, and not kept. Undefined once the app asks for the same address. */
  learnt: { readonly peer: PeerId; readonly furtherAddresses: readonly string[] } | undefined
  /** Whom it led to last. */
  peer: PeerId | undefined
  state: Phase
  failureCount: number
  /** Connects of the app that wait for this target. */
  tokens: number[]
  /** The last failure told as a warning, so that a retry does not tell it again. */
  toldDetail: string | undefined
}

/**
 * Whom to reach, and when: every target is due, dialling, shaking hands, connected, backing off or suspended.
 * 1. A peer that is ready or being dialled is not dialled again by the same target.
 * 2. Every dial ends, by the host's answer or by its deadline.
 * 3. Back-off doubles from 0.5 s to 30 s with jitter; network failures never do more than that.
 * 4. Peers that others told of come last: none while a few are dialled, none while another is due, and never two in a row
 *    while another is not reached. So half of all dials at least go to those that the app has named.
 */
export class DialSchedule {
  /** Bounded by TARGETS_MAX. */
  readonly #targets = new Map<string, Target>()
  readonly #random: RandomSource
  readonly #effects: Effect[]
  readonly #learntFailed: LearntFailed
  #nextDial = 1
  #wasLastLearnt = false

  constructor(options: {
    peers: readonly string[]
    random: RandomSource
    effects: Effect[]
    learntFailed: LearntFailed
  }) {
    this.#random = options.random
    this.#effects = options.effects
    this.#learntFailed = options.learntFailed
    for (const address of options.peers.slice(0, TARGETS_MAX)) {
      this.#targets.set(address, newTarget({ address, isConfigured: true, learnt: undefined }))
    }
  }

  get hasTargets(): boolean {
    for (const target of this.#targets.values()) if (target.state.phase !== 'suspended') return true
    return false
  }

  /** True while somebody is being reached who has not failed since the last time it worked. */
  get isDialing(): boolean {
    for (const { state, failureCount, learnt } of this.#targets.values()) {
      if (failureCount > 0 || learnt !== undefined) continue
      if (state.phase === 'due' || state.phase === 'dialing' || state.phase === 'handshaking') return true
    }
    return false
  }

  /** Why a target that is not reached yet failed last, in one line; undefined when none did. */
  get lastFailure(): string | undefined {
    for (const { state, toldDetail } of this.#targets.values()) {
      // What is being tried again says so too: else the reason would come and go with every retry.
      if (state.phase !== 'suspended' && toldDetail !== undefined) return toldDetail
    }
    return undefined
  }

  /** Fewer peers than wanted were dialled or are being dialled. */
  get wantsLearnt(): boolean {
    let activeCount = 0
    for (const { state } of this.#targets.values()) {
      if (state.phase === 'dialing' || state.phase === 'handshaking' || state.phase === 'connected') activeCount += 1
    }
    return activeCount < OUTBOUND_PEERS_WANTED
  }

  /** A learnt peer may be dialled now (4). */
  get hasRoomForLearnt(): boolean {
    for (const { state, learnt } of this.#targets.values()) {
      if (learnt !== undefined) continue
      if (state.phase === 'due') return false
      if (this.#wasLastLearnt && (state.phase === 'dialing' || state.phase === 'backoff')) return false
    }
    return this.wantsLearnt
  }

  /** Some target leads to this peer, or did when it last worked: a second way at once would be in the way. */
  isAfter(peer: PeerId): boolean {
    return [...this.#targets.values()].some((target) => target.peer === peer || namesPeer(target.address, peer))
  }

  /** Dials a peer that others told of, at once and once; the first address names it. Needs `hasRoomForLearnt`. */
  dialLearnt(args: { peer: PeerId; addresses: readonly string[]; nowMs: number }): void {
    const { peer, nowMs } = args
    const [address, ...furtherAddresses] = args.addresses
    if (address === undefined) return
    const target = newTarget({ address, isConfigured: false, learnt: { peer, furtherAddresses } })
    this.#targets.set(address, target)
    this.#dial(target, nowMs)
  }

  /** When the next target is dialled again, or the next dial is given up; undefined when none waits. */
  nextTimeout(): number | undefined {
    let next = Infinity
    for (const { state } of this.#targets.values()) {
      if (state.phase === 'backoff') next = Math.min(next, state.untilMs)
      else if (state.phase === 'dialing') next = Math.min(next, state.deadlineMs)
    }
    return next === Infinity ? undefined : next
  }

  /** backoff → due; a dial past its deadline → backoff. */
  handleTimeout(nowMs: number): void {
    for (const target of this.#targets.values()) {
      const { state } = target
      if (state.phase === 'backoff' && nowMs >= state.untilMs) target.state = { phase: 'due' }
      if (state.phase === 'dialing' && nowMs >= state.deadlineMs) {
        this.#effects.push({ type: 'cancel-dial', dial: state.dial })
        this.#fail(target, { code: 'undialable-address', detail: `no answer from ${target.address}` }, nowMs)
      }
    }
    this.dialDue(nowMs)
  }

  /** due → dialing, as far as there is room. */
  dialDue(nowMs: number): void {
    let roomCount = DIALS_AT_ONCE_MAX
    let isAnyDue = false
    for (const { state } of this.#targets.values()) {
      if (state.phase === 'dialing') roomCount -= 1
      else if (state.phase === 'due') isAnyDue = true
    }
    // Every step of the core comes here, and next to none finds anything to do.
    if (!isAnyDue) return
    for (const target of this.#targets.values()) {
      if (roomCount <= 0) return
      if (target.state.phase !== 'due') continue
      this.#dial(target, nowMs)
      roomCount -= 1
    }
  }

  #dial(target: Target, nowMs: number): void {
    const dial = toDialId(this.#nextDial++)
    target.state = { phase: 'dialing', dial, deadlineMs: nowMs + DIAL_TIMEOUT_MS + DIAL_ANSWER_GRACE_MS }
    const { address, learnt } = target
    const further = learnt && { furtherAddresses: learnt.furtherAddresses }
    this.#effects.push({ type: 'dial', dial, address, ...further, timeoutMs: DIAL_TIMEOUT_MS })
    this.#wasLastLearnt = learnt !== undefined
  }

  /** An app's connect: any → due, unless it is under way or done already. Returns the ready peer when it is. */
  connect(args: { token: number; address: string; nowMs: number }): PeerId | undefined {
    let target = this.#targets.get(args.address)
    if (target !== undefined) target.learnt = undefined
    if (target?.state.phase === 'connected') {
      target.isKept = true
      return target.state.peer
    }
    if (target === undefined) {
      if (this.#targets.size >= TARGETS_MAX) {
        const detail = `expected at most ${TARGETS_MAX} addresses to stay connected to`
        this.#settle(args.token, { code: 'peer-refused', detail })
        return undefined
      }
      target = newTarget({ address: args.address, isConfigured: false, learnt: undefined })
      this.#targets.set(args.address, target)
    }
    target.tokens.push(args.token)
    if (target.state.phase === 'backoff' || target.state.phase === 'suspended') target.state = { phase: 'due' }
    this.dialDue(args.nowMs)
    return undefined
  }

  /** The app gave up; an address that was never reached is forgotten. */
  cancelConnect(token: number): void {
    for (const target of this.#targets.values()) {
      if (!target.tokens.includes(token)) continue
      target.tokens = target.tokens.filter((other) => other !== token)
      if (target.isKept || target.tokens.length > 0) return
      if (target.state.phase === 'dialing') this.#effects.push({ type: 'cancel-dial', dial: target.state.dial })
      this.#targets.delete(target.address)
      return
    }
  }

  /** dialing → handshaking. False when nobody waits for that dial any more: its connection is not wanted. */
  succeeded(args: { dial: DialId; peer: PeerId; connection: ConnectionId }): boolean {
    const target = this.#dialing(args.dial)
    if (target === undefined) return false
    target.state = { phase: 'handshaking', peer: args.peer, connection: args.connection }
    target.peer = args.peer
    return true
  }

  /** dialing → backoff */
  failed(args: { dial: DialId; failure: NetworkFailure; detail: string; nowMs: number }): void {
    const target = this.#dialing(args.dial)
    if (target === undefined) return
    this.#fail(target, { code: 'undialable-address', detail: args.detail }, args.nowMs)
    this.dialDue(args.nowMs)
  }

  /** handshaking → connected, for every target that led to this peer. */
  peerReady(peer: PeerId): void {
    for (const target of this.#targets.values()) {
      const { state } = target
      const isSamePeer = state.phase === 'handshaking' ? state.peer === peer : namesPeer(target.address, peer)
      if (!isSamePeer || state.phase === 'suspended' || state.phase === 'dialing') continue
      target.state = { phase: 'connected', peer }
      target.isKept = target.learnt === undefined
      target.failureCount = 0
      target.toldDetail = undefined
      for (const token of target.tokens.splice(0)) {
        this.#effects.push({ type: 'connect-settled', token, outcome: { type: 'ready', peer } })
      }
    }
  }

  /** connected → backoff: soon again after a lost connection, later after `backoffMs`. */
  peerGone(args: { peer: PeerId; nowMs: number; backoffMs: number | undefined }): void {
    for (const target of this.#targets.values()) {
      if (target.state.phase !== 'connected' || target.state.peer !== args.peer) continue
      if (target.learnt === undefined) target.state = this.#backoff({ failureCount: 0, ...args })
      else this.#forgetLearnt(target, args)
    }
  }

  /**
   * handshaking → backoff: the connection of a dial ended before its peer was ready.
   * Where it is `isAlive` all the same a kept target stays as it is; whoever waits for it is told.
   */
  connectionFailed(args: {
    connection: ConnectionId
    failure: ConnectFailure
    nowMs: number
    backoffMs?: number | undefined
    isAlive?: boolean
  }): void {
    for (const target of this.#targets.values()) {
      if (target.state.phase !== 'handshaking' || target.state.connection !== args.connection) continue
      if (args.isAlive === true && target.isKept) {
        for (const token of target.tokens.splice(0)) this.#settle(token, args.failure)
        continue
      }
      this.#fail(target, args.failure, args.nowMs, args.backoffMs)
    }
  }

  /** any → suspended: the app does not want this peer for now. An address that came from a connect is forgotten. */
  suspend(peer: PeerId): void {
    for (const target of this.#targets.values()) {
      const { state } = target
      const isSamePeer =
        state.phase === 'connected' || state.phase === 'handshaking'
          ? state.peer === peer
          : namesPeer(target.address, peer)
      if (!isSamePeer) continue
      if (state.phase === 'dialing') this.#effects.push({ type: 'cancel-dial', dial: state.dial })
      target.state = { phase: 'suspended' }
      if (!target.isConfigured) this.#targets.delete(target.address)
      const failure: ConnectFailure = { code: 'peer-refused', detail: 'disconnected by the app' }
      for (const token of target.tokens.splice(0)) this.#settle(token, failure)
    }
  }

  /** backoff → due: the network is back, or a sleep has ended. */
  retryNow(nowMs: number): void {
    for (const target of this.#targets.values()) {
      const isWaiting = target.state.phase === 'backoff' && !target.state.isEarned
      if (isWaiting && target.failureCount > 0) target.state = { phase: 'due' }
    }
    this.dialDue(nowMs)
  }

  shift(byMs: number): void {
    for (const target of this.#targets.values()) {
      const { state } = target
      if (state.phase === 'dialing') target.state = { ...state, deadlineMs: state.deadlineMs + byMs }
    }
  }

  stop(): void {
    for (const target of this.#targets.values()) {
      if (target.state.phase === 'dialing') this.#effects.push({ type: 'cancel-dial', dial: target.state.dial })
    }
    this.#targets.clear()
  }

  #dialing(dial: DialId): Target | undefined {
    for (const target of this.#targets.values()) {
      if (target.state.phase === 'dialing' && target.state.dial === dial) return target
    }
    return undefined
  }

  #fail(target: Target, failure: ConnectFailure, nowMs: number, backoffMs?: number): void {
    for (const token of target.tokens.splice(0)) this.#settle(token, failure)
    if (target.learnt !== undefined) return this.#forgetLearnt(target, { nowMs, backoffMs })
    if (!target.isKept) {
      this.#targets.delete(target.address)
      return
    }
    // Nor does another target that fails for the same reason.
    const isTold = [...this.#targets.values()].some(({ toldDetail }) => toldDetail === failure.detail)
    target.toldDetail = failure.detail
    if (!isTold) {
      const code = failure.code === 'wrong-chain' ? 'wrong-chain' : 'dial-failed'
      this.#effects.push({ type: 'warning', code, detail: failure.detail })
    }
    target.failureCount += 1
    target.state = this.#backoff({ failureCount: target.failureCount, backoffMs, nowMs })
  }

  #forgetLearnt(target: Target, args: { nowMs: number; backoffMs: number | undefined }): void {
    this.#targets.delete(target.address)
    if (target.learnt !== undefined) this.#learntFailed({ ...args, peer: target.learnt.peer })
  }

  #backoff(args: { failureCount: number; backoffMs: number | undefined; nowMs: number }): Phase {
    const { failureCount, backoffMs, nowMs } = args
    const untilMs = nowMs + (backoffMs ?? this.#backoffMs(failureCount))
    return { phase: 'backoff', untilMs, isEarned: backoffMs !== undefined }
  }

  /** Doubles with every failure, and a random quarter off so that many do not come back at the same moment. */
  #backoffMs(failureCount: number): number {
    const fullMs = Math.min(DIAL_BACKOFF_MS_MAX, DIAL_BACKOFF_MS_MIN * 2 ** Math.min(failureCount, 16))
    return fullMs * (0.75 + 0.25 * this.#random())
  }

  #settle(token: number, failure: ConnectFailure): void {
    this.#effects.push({ type: 'connect-settled', token, outcome: { type: 'failed', ...failure } })
  }
}

function newTarget(options: Pick<Target, 'address' | 'isConfigured' | 'learnt'>): Target {
  return {
    ...options,
    peer: undefined,
    isKept: options.isConfigured,
    state: { phase: 'due' },
    failureCount: 0,
    tokens: [],
    toldDetail: undefined,
  }
}

/** A multiaddr may say whom it leads to: `…/p2p/PEER`. */
function namesPeer(address: string, peer: PeerId): boolean {
  return address.endsWith(`/p2p/${peer}`)
}
