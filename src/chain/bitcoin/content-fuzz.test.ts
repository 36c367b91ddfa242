import { test } from 'vitest'
import { expectDamageSeen } from '../../../test/content-fuzz.ts'

test('damaged blocks, outlines and proofs are refused in one line, or say what they said before', () => {
  expectDamageSeen(2_000)
})
