import { test } from 'vitest'
import { expectOneReadyEach } from './simultaneous-dial.ts'

test('two that dial each other at once are each ready once, and one connection is left, over every transport', async () => {
  await expectOneReadyEach(6)
})
