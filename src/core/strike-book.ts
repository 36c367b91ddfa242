import type { PeerId } from './ids.ts'
import { BAN_MS, REMEMBERED_PEERS_MAX, STRIKE_DECAY_MS, STRIKES_MAX } from './limits.ts'

interface Strikes {
  count: number
  /** When the count was last right; it decays from here. */
  sinceMs: number
  bannedUntilMs: number
}

/** Who misbehaved, how often lately, and who is banned. Network failures never come here. */
export class StrikeBook {
  /** Bounded by REMEMBERED_PEERS_MAX, oldest strike forgotten first. */
  readonly #strikes = new Map<PeerId, Strikes>()

  /** Adds one strike and says whether the peer is banned from now on. */
  strike(peer: PeerId, nowMs: number): { count: number; isBanned: boolean } {
    const count = this.count(peer, nowMs) + 1
    const bannedUntilMs = count >= STRIKES_MAX ? nowMs + BAN_MS : 0
    this.#strikes.delete(peer)
    this.#strikes.set(peer, { count, sinceMs: nowMs, bannedUntilMs })
    for (const oldest of this.#strikes.keys()) {
      if (this.#strikes.size <= REMEMBERED_PEERS_MAX) break
      this.#strikes.delete(oldest)
    }
    return { count, isBanned: bannedUntilMs > 0 }
  }

  count(peer: PeerId, nowMs: number): number {
    const strikes = this.#strikes.get(peer)
    if (strikes === undefined) return 0
    return Math.max(0, strikes.count - Math.floor((nowMs - strikes.sinceMs) / STRIKE_DECAY_MS))
  }

  isBanned(peer: PeerId, nowMs: number): boolean {
    const strikes = this.#strikes.get(peer)
    return strikes !== undefined && nowMs < strikes.bannedUntilMs
  }
}
