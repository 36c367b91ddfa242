import { test } from 'vitest'
import { expectOneReadyEach } from './simultaneous-dial.ts'

test('60 times over every transport: each is ready once, one connection is left, no trial in limbo', async () => {
  await expectOneReadyEach(60)
})
