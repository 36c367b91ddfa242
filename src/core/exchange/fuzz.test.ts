import { expect, test } from 'vitest'
import { fuzzEngine } from '../../../test/exchange/fuzz-engine.ts'

test.each([1, 2, 3, 4])('messages that no honest peer sends break no rule, seed %i', (seed) => {
  const { core } = fuzzEngine({ seed, messageCount: 1_000 })
  expect(core.exchangeView().blocksReceived).toBeGreaterThan(0)
})
