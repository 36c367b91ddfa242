/**
 * A moment, handed to the core with everything that happens.
 * Timers use `monotonicMs`, which never decreases; rules about header times use `unixMs`, which may jump.
 */
export interface Instant {
  readonly monotonicMs: number
  readonly unixMs: number
}
