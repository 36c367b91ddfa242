import { expect, test } from 'vitest'
import type { CoreView } from '../core/core.ts'
import { toRoot } from '../core/ids.ts'
import { bitcoin } from '../bitcoin.ts'
import { FakeHost, VirtualClock } from '../../test/driver-parts.ts'
import { Snapshots } from './snapshots.ts'

const CHAIN = bitcoin('regtest')

interface Rig {
  readonly clock: VirtualClock
  readonly snapshots: Snapshots
  /** Moves the head; `touch` is what the driver does after every turn. */
  readonly grow: () => void
  readonly setStatus: (status: CoreView['status']) => void
}

function createRig(): Rig {
  const clock = new VirtualClock()
  let height = 0
  let status: CoreView['status'] = 'synced'
  const view = (): CoreView => ({
    status,
    statusReason: '',
    isInStep: true,
    hasTargets: true,
    head: { height, root: toRoot('00'.repeat(32)), time: 0, work: 1n, trust: 'genesis', confirmedBy: 0 },
    targetHeight: undefined,
    verifiedShare: 1,
    verifiedHeight: height,
    peers: [],
    storedHeaderCount: 0,
  })
  const store = () => ({ kind: 'memory', reason: undefined, sizeBytes: 0 }) as const
  const counts = { blocksReceived: 0, bytesReceived: 0, duplicateBlocks: 0, unwantedBlocks: 0 }
  const snapshots = new Snapshots({
    chain: CHAIN,
    host: new FakeHost(),
    clock,
    view,
    exchange: () => ({ ...counts, blocksSent: 0, bytesSent: 0, wantCount: 0, peers: new Map() }),
    blockStore: { blockCount: 0, sizeBytes: 0 },
    store,
  })
  snapshots.touch()
  clock.advance(60_000)
  return { clock, snapshots, grow: () => (height += 1), setStatus: (next) => (status = next) }
}

test('the same reference until something changes', () => {
  const { clock, snapshots, grow } = createRig()
  const first = snapshots.current
  for (let count = 0; count < 100; count += 1) {
    clock.advance(100)
    snapshots.touch()
    expect(snapshots.current).toBe(first)
  }
  clock.advance(1_000)
  grow()
  snapshots.touch()
  expect(snapshots.current).not.toBe(first)
  expect(snapshots.current.head.height).toBe(1)
  expect(first.head.height).toBe(0)
  expect(Object.isFrozen(first) && Object.isFrozen(first.head) && Object.isFrozen(first.peers)).toBe(true)
})

test('at most 10 changes in any second, whatever changes and however urgent, and the last one is shown', () => {
  const { clock, snapshots, grow } = createRig()
  const changedAtMs: number[] = []
  const seen = new Set([snapshots.current])
  snapshots.subscribe(() => changedAtMs.push(clock.monotonicMs))
  for (let count = 0; count < 2_000; count += 1) {
    clock.advance(2)
    grow()
    if (count % 3 === 0) snapshots.touchNow()
    else snapshots.touch()
    seen.add(snapshots.current)
  }
  clock.advance(2_000)
  expect(snapshots.current.head.height).toBe(2_000)
  expect(changedAtMs.length).toBeGreaterThan(30)
  // Reading is no way around the limit.
  expect(seen.size).toBeLessThanOrEqual(changedAtMs.length + 1)
  for (const [index, atMs] of changedAtMs.entries()) {
    expect((changedAtMs[index + 10] ?? Infinity) - atMs).toBeGreaterThanOrEqual(1_000)
  }
})

test('what is urgent is seen at once, also while progress waits its turn', () => {
  const { clock, snapshots, grow, setStatus } = createRig()
  const statuses: string[] = []
  snapshots.subscribe(() => statuses.push(snapshots.current.status))
  clock.advance(1_000)
  grow()
  snapshots.touch()
  clock.advance(10)
  grow()
  snapshots.touch()
  expect(statuses).toEqual(['synced'])
  setStatus('connecting')
  snapshots.touchNow()
  expect(statuses).toEqual(['synced', 'connecting'])
  expect(snapshots.current.head.height).toBe(2)
})

test('a subscriber that throws is told to the platform, and takes nothing from the others', async () => {
  const { snapshots, grow } = createRig()
  const reported = Promise.withResolvers<unknown>()
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', reported.resolve)
  let callCount = 0
  const mistake = new Error('a mistake of the app')
  snapshots.subscribe(() => {
    throw mistake
  })
  snapshots.subscribe(() => (callCount += 1))
  grow()
  snapshots.touch()
  expect(callCount).toBe(1)
  expect(await reported.promise).toBe(mistake)
  for (const other of others) process.on('uncaughtException', other)
})

test('one function subscribed twice is two subscriptions, each ended by its own', () => {
  const { clock, snapshots, grow } = createRig()
  let callCount = 0
  const callback = (): void => void (callCount += 1)
  const end = snapshots.subscribe(callback)
  const endOther = snapshots.subscribe(callback)
  const change = (): void => {
    clock.advance(1_000)
    grow()
    snapshots.touch()
  }
  change()
  expect(callCount).toBe(2)
  end()
  end()
  change()
  expect(callCount).toBe(3)
  endOther()
  change()
  expect(callCount).toBe(3)
})

test('the last picture says stopped; then it never changes and no timer is left', () => {
  const { clock, snapshots, grow, setStatus } = createRig()
  let callCount = 0
  snapshots.subscribe(() => (callCount += 1))
  grow()
  snapshots.touch()
  grow()
  snapshots.touch()
  setStatus('stopped')
  snapshots.stop()
  const last = snapshots.current
  expect(last.status).toBe('stopped')
  expect(callCount).toBe(2)
  grow()
  snapshots.touch()
  snapshots.touchNow()
  clock.advance(60_000)
  expect(snapshots.current).toBe(last)
  expect(callCount).toBe(2)
})
