import { expect, test } from 'vitest'
import { fuzzExchange } from './exchange-fuzz.ts'

/** A few seconds of what the long form does for minutes; the first of them are always the same. */
const FIXED_SEEDS = 300
const FRESH_SEEDS = 300
const EVENTS = 60

test('a core bears 600 random sequences of exchange events: nothing throws, every rule and bound holds', () => {
  const base = Number(process.env['FUZZ_SEED'] ?? crypto.getRandomValues(new Uint32Array(1))[0])
  const seeds = [
    ...Array.from({ length: FIXED_SEEDS }, (_, index) => index),
    ...Array.from({ length: FRESH_SEEDS }, (_, index) => (base + index) >>> 0),
  ]
  for (const seed of seeds) fuzzExchange(seed, EVENTS)
  expect(seeds).toHaveLength(FIXED_SEEDS + FRESH_SEEDS)
})
