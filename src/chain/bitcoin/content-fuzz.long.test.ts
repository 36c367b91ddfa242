import { test } from 'vitest'
import { expectDamageSeen } from '../../../test/content-fuzz.ts'

test('100,000 times: damaged blocks, outlines and proofs are refused in one line, or say what they said before', () => {
  expectDamageSeen(100_000)
})
