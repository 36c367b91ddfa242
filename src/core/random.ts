/** A seeded source of numbers from 0 to below 1. The same seed gives the same numbers everywhere. */
export type RandomSource = () => number

/** Mulberry32 (Tommy Ettinger, public domain): 32 bits of state, enough for jitter and ties; never for keys. */
export function createRandomSource(seed: number): RandomSource {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
