/** What is above a gap, kept over a restart. */
import { describe, expect, test } from 'vitest'
import { checkpointed, head, headers, START, STEP, tree } from '../../test/backfill-world.ts'
import { fail, FIRST_TIME, genesis, mine, SIZE, World } from '../../test/sync-world.ts'
import type { Effect } from './effect.ts'
import { joinBytes } from './join-bytes.ts'
import * as limits from './limits.ts'
import { answer } from './serving.ts'

const whole = joinBytes([genesis, headers])
const aboveStart = headers.slice(START * SIZE)

/** A store of two parts, and one light node after another on it. */
class Disk {
  lower: Uint8Array = new Uint8Array(0)
  upper: Uint8Array = new Uint8Array(0)
  /** Writes so far, how many of them to the upper part, and how many are carried out. */
  writeCount = 0
  upperWriteCount = 0
  writeCountMax = Infinity
  failsReads: 'lower' | 'upper' | undefined
  failsWrites = false

  start(options: { readonly isWritable?: boolean } = {}): World {
    return new World({ chain: checkpointed, store: this.lower, upper: this.upper, ...options })
  }

  /** Carries out what the light node asks of the store, until it asks for nothing more. */
  serve(world: World): void {
    for (;;) {
      const asked = world.effects.filter(({ type }) => type === 'load-headers' || type === 'persist')
      if (asked.length === 0) return
      world.effects = world.effects.filter((effect) => !asked.includes(effect))
      for (const effect of asked) this.#perform(world, effect)
      world.settle()
    }
  }

  #perform(world: World, effect: Effect): void {
    if (effect.type === 'load-headers') {
      const { isUpper = false, fromHeight, count } = effect
      const part = isUpper ? this.upper : this.lower
      if (this.failsReads === (isUpper ? 'upper' : 'lower')) {
        world.send({ type: 'load-failed', isUpper, fromHeight, reason: 'the disk does not answer' })
        return
      }
      const loaded = part.slice(fromHeight * SIZE, (fromHeight + count) * SIZE)
      world.send({ type: 'headers-loaded', isUpper, fromHeight, headers: loaded })
    } else if (effect.type === 'persist') {
      this.writeCount += 1
      if (this.writeCount > this.writeCountMax) return
      const { isUpper = false, truncateTo, append, sequence } = effect
      if (this.failsWrites) {
        world.send({ type: 'persist-failed', sequence, reason: 'write-failed', detail: 'gone' })
        return
      }
      const part = isUpper ? this.upper : this.lower
      if (isUpper) this.upperWriteCount += 1
      expect(truncateTo * SIZE).toBeLessThanOrEqual(part.length)
      const after = joinBytes([part.subarray(0, truncateTo * SIZE), append])
      if (isUpper) this.upper = after
      else this.lower = after
      world.send({ type: 'persisted', sequence })
    }
  }

  /** A peer answers this many requests, and the store everything. */
  sync(world: World, requestCount = Infinity): void {
    const remote = world.join('a', head)
    for (let left = requestCount; left > 0;) {
      this.serve(world)
      const requests = remote.requests()
      if (requests.length === 0) return
      for (const request of requests.slice(0, left)) remote.send(answer(request, tree))
      left -= requests.length
    }
    this.serve(world)
  }
}

function state(world: World): readonly unknown[] {
  const { head: shown, verifiedHeight } = world.core.view()
  return [shown.height, shown.trust, verifiedHeight]
}

/** Stopped in the middle of a back-fill: three ranges are there, and what is above the checkpoint. */
function half(): Disk {
  const disk = new Disk()
  disk.lower = whole.slice(0, (3 * STEP + 1) * SIZE)
  disk.upper = aboveStart
  return disk
}

test('reloaded in mid-back-fill a light node shows its head at once and goes on where it was', () => {
  const disk = new Disk()
  const first = disk.start()
  disk.sync(first, 5)
  const { height, trust } = first.core.view().head
  const { verifiedHeight } = first.core.view()
  expect([height, trust, verifiedHeight % STEP]).toEqual([1_000, 'backfilling', 0])
  expect(disk.upper).toEqual(aboveStart)

  const world = disk.start()
  expect(state(world)).toEqual([1_000, 'stored', 0])
  disk.serve(world)
  expect(state(world)).toEqual([1_000, 'backfilling', verifiedHeight])
  expect(world.core.view().head).toMatchObject(tree.tip)
  disk.sync(world)
  expect(state(world)).toEqual([1_000, 'genesis', 1_000])
  expect([disk.lower, disk.upper.length]).toEqual([whole, 0])
  expect(world.warnings()).toEqual([])
})

test('stopped after any write, the next light node has the head if it was written, and ends with all of the chain', () => {
  const complete = new Disk()
  complete.sync(complete.start())
  expect(complete.writeCount).toBeGreaterThan(10)
  for (let count = 0; count <= complete.writeCount; count += 1) {
    const disk = new Disk()
    disk.writeCountMax = count
    disk.sync(disk.start())
    disk.writeCountMax = Infinity
    const isHeadKept = disk.upper.length > 0 || disk.lower.length === whole.length
    const world = disk.start()
    if (isHeadKept) expect(world.core.view().head).toMatchObject({ height: 1_000, trust: 'stored' })
    disk.serve(world)
    if (isHeadKept) expect(world.core.view().head.height).toBe(1_000)
    disk.sync(world)
    expect([state(world), world.warnings()]).toEqual([[1_000, 'genesis', 1_000], []])
    expect([disk.lower, disk.upper.length]).toEqual([whole, 0])
  }
})

test.each([
  ['the chain', whole.slice(201 * SIZE, 250 * SIZE)],
  [
    'another branch',
    mine({ count: 49, parent: whole.slice(200 * SIZE, 201 * SIZE), firstTime: FIRST_TIME + 200, salt: 3 }),
  ],
])('a part of a range that was stored, of %s, is let go without a write above the gap', (_, part) => {
  const disk = half()
  disk.lower = joinBytes([whole.slice(0, 201 * SIZE), part])
  const world = disk.start()
  disk.serve(world)
  expect([state(world), disk.upperWriteCount]).toEqual([[1_000, 'backfilling', 200], 0])
  disk.sync(world)
  // It is dropped, and no more.
  expect([disk.lower, disk.upper.length, disk.upperWriteCount]).toEqual([whole, 0, 1])
})

test.each([
  ['goes on', whole.slice(0, 950 * SIZE)],
  [
    'is another branch',
    joinBytes([
      whole.slice(0, 901 * SIZE),
      mine({ count: 5, parent: headers.slice(899 * SIZE, 900 * SIZE), firstTime: FIRST_TIME + 901, salt: 3 }),
    ]),
  ],
])('what is stored twice because the join was cut short is one chain, where the lower one %s', (_, lower) => {
  const disk = half()
  disk.lower = lower
  const world = disk.start()
  disk.serve(world)
  expect(state(world)).toEqual([1_000, 'genesis', 1_000])
  expect([disk.lower, disk.upper.length, world.warnings()]).toEqual([whole, 0, []])
})

test('what is above the gap is kept until its place below is durable', () => {
  const disk = half()
  disk.lower = whole.slice(0, (START - STEP + 1) * SIZE)
  const world = disk.start()
  disk.serve(world)
  const remote = world.join('a', head)
  for (let requests = remote.requests(); requests.length > 0; requests = remote.requests()) {
    for (const request of requests) remote.send(answer(request, tree))
  }
  expect(state(world)).toEqual([1_000, 'genesis', 1_000])
  const first = world.effects.find((effect) => effect.type === 'persist') ?? fail('a write')
  if (first.type !== 'persist') fail('a write')
  world.effects = world.effects.filter(({ type }) => type !== 'persist')
  world.send({ type: 'persist-failed', sequence: first.sequence, reason: 'write-failed', detail: 'gone' })
  disk.serve(world)
  expect(disk.upper).toEqual(aboveStart)
  world.advance(limits.PERSIST_RETRY_MS)
  expect(world.effects.some((effect) => effect.type === 'persist' && effect.isUpper === true)).toBe(false)
  disk.serve(world)
  expect([disk.lower, disk.upper.length]).toEqual([whole, 0])
})

test('new headers and reorganisations above the gap are written to what is stored there', () => {
  const disk = half()
  const world = disk.start()
  disk.serve(world)
  const next = mine({ count: 1, parent: headers.slice(-SIZE), firstTime: FIRST_TIME + 1_000 })
  const remote = world.join('a', { height: 1_001 })
  remote.announce(next)
  disk.serve(world)
  expect(disk.upper).toEqual(joinBytes([aboveStart, next]))
  const parent = headers.slice(997 * SIZE, 998 * SIZE)
  const branch = mine({ count: 5, parent, firstTime: FIRST_TIME + 998, salt: 1 })
  remote.announce(branch)
  disk.serve(world)
  expect(world.height).toBe(1_003)
  expect(disk.upper).toEqual(joinBytes([aboveStart.slice(0, 98 * SIZE), branch]))
  expect(disk.lower).toEqual(half().lower)
})

describe('damage', () => {
  /** It names another parent. */
  const flipped = (part: Uint8Array, index: number): Uint8Array => {
    const damaged = part.slice()
    damaged[index * SIZE + 4] = (damaged[index * SIZE + 4] ?? 0) ^ 1
    return damaged
  }

  test.each([
    ['below the gap loses what follows it there', 'lower', 250, [1_000, 'backfilling', 200]],
    ['above the gap loses what follows it there', 'upper', 50, [950, 'backfilling', 300]],
    ['right above the gap loses all of that part', 'upper', 0, [300, 'genesis', 300]],
  ] as const)('a damaged header %s, and it is fetched anew', (_, part, index, expected) => {
    const disk = half()
    disk[part] = flipped(disk[part], index)
    const world = disk.start()
    disk.serve(world)
    expect([state(world), world.warnings()]).toEqual([expected, ['store-tail-dropped']])
    disk.sync(world)
    expect(state(world)).toEqual([1_000, 'genesis', 1_000])
    expect([disk.lower, disk.upper.length]).toEqual([whole, 0])
  })

  test.each([
    ['lower', [1_000, 'checkpoint', 0]],
    ['upper', [300, 'genesis', 300]],
  ] as const)('where the %s part cannot be read, the other one can', (part, expected) => {
    const disk = half()
    disk.failsReads = part
    const world = disk.start()
    disk.serve(world)
    expect([state(world), world.warnings()]).toEqual([expected, ['store-read-failed']])
    disk.sync(world)
    expect([state(world), disk.lower, disk.upper.length]).toEqual([[1_000, 'genesis', 1_000], whole, 0])
  })

  test('an answer of the lower part that comes when that was given up is not taken for one of the upper part', () => {
    const disk = half()
    const world = disk.start()
    world.take()
    world.send({ type: 'load-failed', fromHeight: 0, reason: 'the disk does not answer' })
    world.send({ type: 'headers-loaded', fromHeight: 0, headers: disk.lower })
    world.send({ type: 'load-failed', fromHeight: 0, reason: 'the disk does not answer' })
    world.settle()
    disk.serve(world)
    expect(state(world)).toEqual([1_000, 'checkpoint', 0])
  })

  test('where what is below the gap has left the checkpoints, what is above it is dropped, and the gap with it', () => {
    const disk = half()
    disk.lower = joinBytes([genesis, mine({ count: 250, salt: 7 })])
    const world = disk.start()
    disk.serve(world)
    expect([state(world), world.warnings()]).toEqual([[250, 'genesis', 250], ['store-tail-dropped']])
    expect(disk.upper.length).toBe(0)
    disk.sync(world)
    expect([state(world), disk.lower]).toEqual([[1_000, 'genesis', 1_000], whole])
  })
})

test('what was stored above the gap is dropped once, though that fails at first', () => {
  const disk = half()
  disk.lower = whole
  const world = disk.start()
  disk.failsWrites = true
  disk.serve(world)
  expect([disk.upper, world.warnings()]).toEqual([aboveStart, ['store-write-failed']])
  disk.failsWrites = false
  world.advance(limits.PERSIST_RETRY_MS)
  disk.serve(world)
  world.advance(limits.PERSIST_RETRY_MS)
  disk.serve(world)
  expect([disk.upper.length, disk.upperWriteCount]).toEqual([0, 1])
})

test('headers above the gap do not count as stored from genesis on', () => {
  const disk = new Disk()
  const world = disk.start()
  disk.sync(world, 1)
  expect([disk.upper.length > 0, world.core.view().storedHeaderCount * SIZE]).toEqual([true, disk.lower.length])
})

test('a write above the gap that failed is made again, and holds up nothing below', () => {
  const disk = new Disk()
  const world = disk.start()
  const remote = world.join('a', head)
  disk.serve(world)
  for (const request of remote.requests()) remote.send(answer(request, tree))
  const write = world.effects.find((effect) => effect.type === 'persist') ?? fail('a write')
  if (write.type !== 'persist') fail('a write')
  expect([write.isUpper, write.truncateTo, write.append]).toEqual([true, 0, aboveStart])
  world.effects = world.effects.filter((effect) => effect !== write)
  const { sequence } = write
  world.send({ type: 'persist-failed', sequence, reason: 'quota-exceeded', detail: 'full' })
  disk.serve(world)
  expect(disk.upper.length).toBe(0)
  world.advance(limits.PERSIST_RETRY_MS)
  disk.serve(world)
  expect(disk.upper).toEqual(aboveStart)
})

test.each([
  ['nothing', new Uint8Array(0)],
  ['another branch', mine({ count: 3, parent: headers.slice(899 * SIZE, 900 * SIZE), salt: 3 })],
])('a tab that takes over writes its own head, where %s is stored above the gap by then', (_, stored) => {
  const disk = half()
  disk.upper = aboveStart.slice(0, 60 * SIZE)
  const world = disk.start({ isWritable: false })
  disk.serve(world)
  disk.sync(world, 2)
  expect(world.height).toBe(1_000)
  const samples = [{ height: 300, header: whole.slice(300 * SIZE, 301 * SIZE) }]
  disk.upper = stored
  world.send({ type: 'store-became-writable', headerCount: 301, samples, hasUpper: stored.length > 0 })
  disk.serve(world)
  expect([state(world), disk.upper]).toEqual([[1_000, 'backfilling', 400], aboveStart])
  expect(disk.lower).toEqual(whole.slice(0, 401 * SIZE))
})

test('a tab that takes over with all of the chain drops what is stored above a gap', () => {
  const disk = half()
  const world = disk.start({ isWritable: false })
  disk.serve(world)
  disk.sync(world)
  expect(state(world)).toEqual([1_000, 'genesis', 1_000])
  const samples = [{ height: 300, header: whole.slice(300 * SIZE, 301 * SIZE) }]
  world.send({ type: 'store-became-writable', headerCount: 301, samples, hasUpper: true })
  disk.serve(world)
  expect([disk.lower, disk.upper.length]).toEqual([whole, 0])
})
