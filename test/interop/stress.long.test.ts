import { test } from 'vitest'
import { expectToSurvive } from './stress.ts'

test('after 1,000 peers that came and vanished, 300 at once, a live peer is heard within 8 s and nothing is left', async () => {
  await expectToSurvive({ count: 1_000, atOnce: 300, areSilentOnesToStay: true })
})
