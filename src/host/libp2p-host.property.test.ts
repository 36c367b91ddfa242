import { test } from 'vitest'
import { expectPromisesKept } from '../../test/host-promises.ts'

test('in whatever order libp2p tells things, the core is told the truth once, and nothing after a stop', async () => {
  await expectPromisesKept(500)
})
