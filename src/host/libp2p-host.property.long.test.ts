import { test } from 'vitest'
import { expectPromisesKept } from '../../test/host-promises.ts'

test('20,000 schedules: the core is told the truth once, and nothing after a stop', async () => {
  await expectPromisesKept(20_000)
})
