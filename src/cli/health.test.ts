import { expect, test } from 'vitest'
import { judgeHealth, VitalsWatch, type Vitals } from './health.ts'
import type { Gateway, Snapshot } from '../nodejs.ts'

const WELL: Vitals = {
  status: 'synced',
  readyPeerCount: 1,
  behindForMs: 0,
  lastVerifiedAgoMs: 3_600_000,
  loopAgeMs: 5,
  isPractice: false,
}

test.each<[string, Partial<Vitals>, boolean, string]>([
  ['in step', {}, true, 'synced'],
  ['in step with an old head', { status: 'stale' }, true, 'quiet'],
  ['catching up', { status: 'syncing', behindForMs: 500_000, lastVerifiedAgoMs: 10 }, true, 'syncing'],
  ['behind and idle for just under a minute', { behindForMs: 59_999 }, true, 'syncing'],
  ['behind and idle for a minute', { behindForMs: 60_000 }, false, 'wedged'],
  [
    'behind for an hour, verified just under a minute ago',
    { behindForMs: 3_600_000, lastVerifiedAgoMs: 59_999 },
    true,
    'syncing',
  ],
  ['behind for an hour, verified a minute ago', { behindForMs: 3_600_000, lastVerifiedAgoMs: 60_000 }, false, 'wedged'],
  ['a loop that turned just under 10 s ago', { loopAgeMs: 9_999 }, true, 'synced'],
  ['a loop that turned 10 s ago', { loopAgeMs: 10_000 }, false, 'wedged'],
  ['nobody there', { status: 'offline', readyPeerCount: 0 }, false, 'no-peers'],
  ['nobody there, on a practice chain', { readyPeerCount: 0, isPractice: true }, true, 'no-peers'],
  [
    'nobody there, and the loop stands still',
    { readyPeerCount: 0, isPractice: true, loopAgeMs: 10_000 },
    false,
    'wedged',
  ],
  ['ready, but not yet asked', { status: 'connecting' }, true, 'syncing'],
])('%s', (_, changes, healthy, reason) => {
  expect(judgeHealth({ ...WELL, ...changes })).toEqual({ healthy, reason })
})

test('time behind begins anew each time a peer gets ahead', () => {
  let nowMs = 0
  let claimed = 10n
  let changed = (): void => {}
  const gateway = {
    snapshot: () =>
      ({
        status: 'synced',
        head: { work: 10n },
        peers: [{ state: 'ready', head: { work: claimed } }],
      }) as unknown as Snapshot,
    subscribe(callback: () => void) {
      changed = callback
      return () => {}
    },
    lastVerifiedAgoMs: () => 3_600_000,
    loopAgeMs: () => 0,
  } as unknown as Gateway
  const watch = new VitalsWatch({ gateway, nowMs: () => nowMs, isPractice: false })
  const claim = (work: bigint): void => {
    claimed = work
    changed()
  }

  expect(watch.read().behindForMs).toBe(0)
  claim(11n)
  expect(judgeHealth(watch.read())).toEqual({ healthy: true, reason: 'syncing' })
  nowMs = 59_000
  claim(12n)
  expect(watch.read().behindForMs).toBe(59_000)
  claim(10n)
  nowMs = 70_000
  claim(11n)
  expect(watch.read().behindForMs).toBe(1)
  nowMs = 130_000
  expect(judgeHealth(watch.read())).toEqual({ healthy: false, reason: 'wedged' })
})
