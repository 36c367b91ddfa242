/** The only source of chance in a simulation: 32 bits decide everything. */
export interface Random {
  /** A whole number from 0 up to 2^32 - 1. */
  next32(): number
  /** A whole number from 0 up to `limit` - 1. */
  below(limit: number): number
  /** A whole number from `from` up to and with `to`. */
  between(from: number, to: number): number
  /** True this share of the time. */
  chance(probability: number): boolean
  /** One of these. Throws `RangeError` when there is none. */
  pick<Item>(items: readonly Item[]): Item
  /** Another source, decided by this one, so that a draw more here changes nothing there. */
  fork(): Random
}

/** sfc32 (PractRand's small fast counter), seeded from one 32-bit number. */
export function createRandom(seed: number): Random {
  let a = seed | 0
  let b = (seed ^ 0x9e3779b9) | 0
  let c = (seed ^ 0x85ebca6b) | 0
  let counter = 1

  function next32(): number {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return sum >>> 0
  }
  // The first numbers still resemble the seed.
  for (let round = 0; round < 12; round += 1) next32()

  function below(limit: number): number {
    return Math.floor((next32() / 2 ** 32) * limit)
  }
  return {
    next32,
    below,
    between: (from, to) => from + below(to - from + 1),
    chance: (probability) => next32() / 2 ** 32 < probability,
    pick: <Item>(items: readonly Item[]): Item => {
      if (items.length === 0) throw new RangeError('expected something to pick from, got an empty list')
      return items[below(items.length)] as Item
    },
    fork: () => createRandom(next32()),
  }
}
