import { test } from 'vitest'
import { fuzzBitswap } from '../../test/bitswap-fuzz.ts'

test('a million broken bitswap messages are refused with a wire error or understood correctly, within bounds', () => {
  fuzzBitswap({ seed: 20261121, frameCount: 1_000_000 })
})
