import type { Gateway, Snapshot, Status } from '../nodejs.ts'

/** DESIGN, `/healthz`: more work is to be had and nothing was verified for this long. */
export const UNVERIFIED_MS_MAX = 60_000
/** DESIGN, `/healthz`: the loop has not turned for this long. */
export const LOOP_AGE_MS_MAX = 10_000

export interface Vitals {
  readonly status: Status
  readonly readyPeerCount: number
  /** How long a ready peer has had more than we have verified; 0 when none has. */
  readonly behindForMs: number
  readonly lastVerifiedAgoMs: number
  readonly loopAgeMs: number
  /** A practice chain needs nobody else. */
  readonly isPractice: boolean
}

export interface Health {
  readonly healthy: boolean
  readonly reason: 'synced' | 'syncing' | 'quiet' | 'no-peers' | 'wedged'
}

export function judgeHealth(vitals: Vitals): Health {
  if (vitals.loopAgeMs >= LOOP_AGE_MS_MAX) return { healthy: false, reason: 'wedged' }
  // A peer that has just announced something after a quiet hour is no sign of trouble: both must have lasted.
  const stuckForMs = Math.min(vitals.behindForMs, vitals.lastVerifiedAgoMs)
  if (stuckForMs >= UNVERIFIED_MS_MAX) return { healthy: false, reason: 'wedged' }
  if (vitals.readyPeerCount === 0) return { healthy: vitals.isPractice, reason: 'no-peers' }
  if (vitals.behindForMs > 0) return { healthy: true, reason: 'syncing' }
  if (vitals.status === 'synced') return { healthy: true, reason: 'synced' }
  if (vitals.status === 'stale') return { healthy: true, reason: 'quiet' }
  return { healthy: true, reason: 'syncing' }
}

/** Watches how long peers have been ahead. */
export class VitalsWatch {
  readonly #gateway: Gateway
  readonly #nowMs: () => number
  readonly #isPractice: boolean
  #behindSinceMs: number | undefined

  constructor(options: { readonly gateway: Gateway; readonly nowMs: () => number; readonly isPractice: boolean }) {
    this.#gateway = options.gateway
    this.#nowMs = options.nowMs
    this.#isPractice = options.isPractice
    this.#update()
    this.#gateway.subscribe(() => this.#update())
  }

  read(): Vitals {
    const snapshot = this.#gateway.snapshot()
    return {
      status: snapshot.status,
      readyPeerCount: readyPeers(snapshot).length,
      behindForMs: this.#behindSinceMs === undefined ? 0 : Math.max(1, this.#nowMs() - this.#behindSinceMs),
      lastVerifiedAgoMs: this.#gateway.lastVerifiedAgoMs(),
      loopAgeMs: this.#gateway.loopAgeMs(),
      isPractice: this.#isPractice,
    }
  }

  #update(): void {
    if (!isBehind(this.#gateway.snapshot())) this.#behindSinceMs = undefined
    else this.#behindSinceMs ??= this.#nowMs()
  }
}

/** A ready peer delivered or claims more than is verified. */
export function isBehind(snapshot: Snapshot): boolean {
  return readyPeers(snapshot).some(({ head }) => head !== undefined && head.work > snapshot.head.work)
}

function readyPeers(snapshot: Snapshot): Snapshot['peers'] {
  return snapshot.peers.filter((peer) => peer.state === 'ready')
}
