import { expect, test } from 'vitest'
import { bitcoin } from '../bitcoin.ts'
import { withCheckpoints } from './load-checkpoints.ts'
import { silentLog } from './log.ts'

test('a chain starts with its network’s checkpoints, and one that has its own keeps them', async () => {
  expect((await withCheckpoints(bitcoin('signet'), silentLog)).checkpoints?.at(-1)?.height).toBe(308_447)
  expect((await withCheckpoints(bitcoin('regtest'), silentLog)).checkpoints).toEqual([])
  const own = { ...bitcoin('signet'), checkpoints: [] }
  expect(await withCheckpoints(own, silentLog)).toBe(own)
})

test('checkpoints that cannot be loaded are done without', async () => {
  const chain = { ...bitcoin('signet'), loadCheckpoints: () => Promise.reject(new Error('no such chunk')) }
  const logged: unknown[] = []
  const started = await withCheckpoints(chain, (...line) => logged.push(line))
  expect(started.checkpoints).toBeUndefined()
  expect(logged).toEqual([['checkpoints-not-loaded', { reason: 'no such chunk' }]])
})
