import type { Instant } from '../core/instant.ts'

/** Where time and turns come from; the only reader of clocks. */
export interface Clock {
  now(): Instant
  /** Calls once after `delayMs`; returns what cancels it. */
  setTimer(delayMs: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => ({ monotonicMs: performance.now(), unixMs: Date.now() }),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}
