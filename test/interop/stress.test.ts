import { test } from 'vitest'
import { expectToSurvive } from './stress.ts'

test('after 300 peers that came and vanished, 100 at once, a live peer is heard within 8 s and nothing is left', async () => {
  await expectToSurvive({ count: 300, atOnce: 100, areSilentOnesToStay: false })
})
