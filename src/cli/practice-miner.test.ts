import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { bitcoin, type Head, type HeaderRecord, type HeaderTree, type Snapshot, type Status } from '../nodejs.ts'
import { nextTimes, PracticeMiner } from './practice-miner.ts'

const NOW_UNIX_MS = 1_800_000_000_000

/** A gateway that takes headers at once. */
class TakingGateway {
  readonly tree: HeaderTree = bitcoin('regtest').createTree()
  readonly reorgs: { reverted: number; adopted: number }[] = []
  status: Status = 'synced'
  trust: Head['trust'] = 'genesis'
  #callback = (): void => {}

  get head(): Head {
    return { ...this.tree.tip, trust: this.trust, confirmedBy: 0 }
  }
  snapshot(): Snapshot {
    return { status: this.status } as unknown as Snapshot
  }
  getHeader(height: number | string): Promise<HeaderRecord | undefined> {
    return Promise.resolve(typeof height === 'number' ? this.tree.get(height) : undefined)
  }
  subscribe(callback: () => void): () => void {
    this.#callback = callback
    return () => {}
  }
  change(): void {
    this.#callback()
  }
  submitHeaders(headers: Uint8Array): void {
    const before = this.tree.tip.height
    const count = headers.length / 80
    const { stop, headChange } = this.tree.add({ headers, index: 0, count, nowUnixMs: NOW_UNIX_MS })
    expect(stop).toBeUndefined()
    const reverted = headChange?.reverted.length ?? 0
    if (reverted > 0) this.reorgs.push({ reverted, adopted: this.tree.tip.height - before + reverted })
  }
}

let gateway = new TakingGateway()
let miner: PracticeMiner | undefined
beforeEach(() => {
  vi.useFakeTimers()
  gateway = new TakingGateway()
})
afterEach(() => {
  miner?.stop()
  vi.useRealTimers()
})

function mine(reorgEvery?: number): void {
  miner = new PracticeMiner({
    gateway,
    intervalMs: 1_000,
    reorgEvery,
    log: (event, fields) => expect.unreachable(`${event} ${JSON.stringify(fields)}`),
    nowUnixMs: () => NOW_UNIX_MS,
  })
}

test('a new chain has 2,016 headers at once, the last one new, and one more each interval', async () => {
  mine()
  await vi.advanceTimersByTimeAsync(0)
  expect(gateway.tree.tip).toMatchObject({ height: 2_016, time: NOW_UNIX_MS / 1_000 })
  await vi.advanceTimersByTimeAsync(999)
  expect(gateway.tree.tip.height).toBe(2_016)
  await vi.advanceTimersByTimeAsync(1)
  expect(gateway.tree.tip.height).toBe(2_017)
  await vi.advanceTimersByTimeAsync(3_000)
  expect(gateway.tree.tip.height).toBe(2_020)
})

test('a chain that was begun is continued, and not before its stored headers are verified', async () => {
  mine()
  await vi.advanceTimersByTimeAsync(0)
  miner?.stop()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(gateway.tree.tip.height).toBe(2_016)

  gateway.trust = 'stored'
  mine()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(gateway.tree.tip.height).toBe(2_016)
  gateway.trust = 'genesis'
  gateway.change()
  gateway.change()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(gateway.tree.tip.height).toBe(2_018)
})

test('every third header two give way to three', async () => {
  mine(3)
  await vi.advanceTimersByTimeAsync(6_000)
  expect(gateway.tree.tip.height).toBe(2_022)
  expect(gateway.reorgs).toEqual([
    { reverted: 2, adopted: 3 },
    { reverted: 2, adopted: 3 },
  ])
})

test('fast headers keep above the median time, and no further ahead than they must', () => {
  const before: number[] = [50]
  for (let round = 0; round < 100; round += 1) {
    const [time = 0] = nextTimes({ before: before.slice(0, 11), nowSeconds: 100, count: 1 })
    const median = before.slice(0, 11).sort((one, other) => one - other)[Math.floor(Math.min(before.length, 11) / 2)]
    expect(time).toBe(Math.max(100, (median ?? 0) + 1))
    before.unshift(time)
  }
  expect(before[0]).toBeLessThan(125)
})
