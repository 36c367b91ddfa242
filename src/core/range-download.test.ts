/** Header sync between checkpoints: ranges from several peers at once. */
import { expect, test } from 'vitest'
import {
  ask,
  asked,
  chain,
  fail,
  FIRST_TIME,
  last,
  mine,
  type Remote,
  SIZE,
  treeOf,
  World,
} from '../../test/sync-world.ts'
import type { Chain, HeaderTree } from './chain.ts'
import * as limits from './limits.ts'
import type { GetHeaders, SyncMessage } from './message.ts'
import { answer } from './serving.ts'

const STEP = 100
const headers: Uint8Array = mine({ count: 1_000 })
const tree: HeaderTree = treeOf(headers)
const heights: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((step) => step * STEP)

const checkpointed: Chain = {
  ...chain,
  checkpoints: heights.map((height) => tree.summary(height) ?? fail('a header')),
}

const { height, root, work } = tree.tip
const head = { height, root, work }

function createWorld(ownChain: Chain = checkpointed): World {
  return new World({ chain: ownChain })
}

/** Where a question begins and ends, by height on the chain of the test. */
function rangeOf({ locator, stop, countMax }: GetHeaders): readonly (number | undefined)[] {
  const [from] = locator
  return [from && tree.summary(from)?.height, stop && tree.summary(stop)?.height, countMax]
}

/** Each has answered its first question with 16 headers. */
function join(world: World, names: readonly string[], from: HeaderTree = tree): Remote[] {
  const remotes = names.map((name) => world.join(name, head))
  for (const remote of remotes) {
    const request = ask(remote)
    remote.send(answer({ ...request, countMax: 16 }, from))
  }
  return remotes
}

test('each peer is asked for a range of its own, from one checkpoint to the next', () => {
  const world = createWorld()
  const [a, b, c] = join(world, ['a', 'b', 'c'])
  if (a === undefined || b === undefined || c === undefined) fail('three')
  expect(world.height).toBe(16)
  expect([a, b, c].map((remote) => rangeOf(ask(remote)))).toEqual([
    [0, 100, 100],
    [100, 200, 100],
    [200, 300, 100],
  ])
})

test('the first question ends at a checkpoint, so that what follows is a whole range', () => {
  const world = createWorld()
  const remote = world.join('a', head)
  const first = ask(remote)
  expect(rangeOf(first)).toEqual([0, undefined, 100])
  remote.send(answer(first, tree))
  expect(rangeOf(ask(remote))).toEqual([100, 200, 100])
})

test('ranges that come in any order are verified in order, and all of them are asked for once', () => {
  const world = createWorld()
  const remotes = join(world, ['a', 'b', 'c'])
  const [a, b, c] = remotes
  if (a === undefined || b === undefined || c === undefined) fail('three')
  const ranges: (readonly (number | undefined)[])[] = []
  for (let round = 0; round < 20; round += 1) {
    for (const remote of [c, b, a]) {
      for (const request of asked(remote)) {
        if (request.stop !== undefined) ranges.push(rangeOf(request))
        remote.send(answer(request, tree))
      }
    }
  }
  expect(world.height).toBe(1_000)
  expect(world.core.tree.tip.root).toBe(tree.tip.root)
  expect(ranges.map(([, to]) => to).sort((left, right) => Number(left) - Number(right))).toEqual(heights)
  expect(world.core.view()).toMatchObject({ status: 'synced', isInStep: true })
  expect(world.warnings()).toEqual([])
})

test('what is held waits for the range below it, and until then the light node is not in step', () => {
  const world = createWorld()
  const [a, b] = join(world, ['a', 'b'])
  if (a === undefined || b === undefined) fail('two')
  const first = ask(a)
  b.send(answer(ask(b), tree))
  expect(world.height).toBe(16)
  expect(rangeOf(ask(b))).toEqual([200, 300, 100])
  a.send(answer(first, tree))
  expect(world.height).toBe(200)
  expect(world.core.view().isInStep).toBe(false)
})

test('a slow range is asked of another peer too; the first answer wins, and the other one is innocent', () => {
  const world = createWorld()
  const [slow, fast] = join(world, ['slow', 'fast'])
  if (slow === undefined || fast === undefined) fail('two')
  const late = ask(slow)
  world.advance(limits.RANGE_SLOW_MS)
  fast.send(answer(ask(fast), tree))
  const [again] = asked(fast)
  if (again === undefined) fail('the slow range')
  expect(rangeOf(again)).toEqual([16, 100, 84])
  fast.send(answer(again, tree))
  expect(world.height).toBe(200)
  fast.serve(tree)
  slow.send(answer(late, tree))
  slow.serve(tree)
  expect(world.height).toBe(1_000)
  expect(world.core.view().peers.map(({ strikes, state }) => [strikes, state])).toEqual([
    [0, 'ready'],
    [0, 'ready'],
  ])
})

test('a range that two peers are slow with is not asked of a third as soon as of the second', () => {
  const world = createWorld({ ...chain, checkpoints: [tree.summary(900) ?? fail('a header')] })
  const remotes = join(world, ['a', 'b', 'c'])
  const counts = (): number[] => remotes.map((remote) => asked(remote).length)
  expect(counts()).toEqual([1, 0, 0])
  world.advance(limits.RANGE_SLOW_MS)
  expect(counts()).toEqual([0, 1, 0])
  world.advance(3 * limits.RANGE_SLOW_MS)
  expect(counts()).toEqual([0, 0, 0])
})

test('no more is held than the bound, however long the lowest range takes', () => {
  const long = mine({ count: 30 * STEP, salt: 7 })
  const longTree = treeOf(long)
  const ends = Array.from({ length: 30 }, (_, index) => longTree.summary((index + 1) * STEP) ?? fail('a header'))
  const world = createWorld({ ...chain, checkpoints: ends })
  const remotes = ['silent', 'fast'].map((name) => world.join(name, longTree.tip))
  const [silent, fast] = remotes
  if (silent === undefined || fast === undefined) fail('two')
  for (const remote of remotes) remote.send(answer({ ...ask(remote), countMax: 16 }, longTree))
  const frontier = ask(silent)
  fast.serve(longTree)
  expect(world.height).toBe(16)
  expect(fast.requests()).toEqual([])
  const probe = world.core.nextTimeout()
  expect(probe).toBeLessThanOrEqual(limits.RANGE_SLOW_MS)
  silent.send(answer(frontier, longTree))
  expect(world.height).toBe((1 + limits.RANGES_AHEAD_MAX) * STEP)
})

test('a peer that does not have a range is asked for lower ones, and is struck for nothing', () => {
  const world = createWorld()
  const short = treeOf(headers.subarray(0, 150 * SIZE))
  const [a, b] = join(world, ['a', 'b'])
  if (a === undefined || b === undefined) fail('two')
  // It claims as much as the other one.
  b.send({ ...answer(ask(b), short), head } as SyncMessage)
  expect(asked(b)).toEqual([])
  a.serve(tree)
  expect(world.height).toBe(1_000)
  expect(world.warnings()).toEqual([])
})

test('a range that ends elsewhere than in the checkpoint is not held, and struck for nothing', () => {
  const fork = mine({ count: 150, parent: headers.slice(99 * SIZE, 100 * SIZE), salt: 6, firstTime: FIRST_TIME + 100 })
  const forked = treeOf(new Uint8Array([...headers.subarray(0, 100 * SIZE), ...fork]))
  const world = createWorld()
  const [a, b] = join(world, ['a', 'b'])
  if (a === undefined || b === undefined) fail('two')
  const frontier = ask(a)
  b.send({ ...answer(ask(b), forked), head } as SyncMessage)
  a.send(answer(frontier, tree))
  expect(world.height).toBe(100)
  a.serve(tree)
  expect(world.core.tree.tip.root).toBe(tree.tip.root)
  expect(world.warnings()).toEqual([])
})

test('a peer that says itself that it ends below a range is not asked for it', () => {
  const world = createWorld()
  const short = treeOf(headers.subarray(0, 150 * SIZE))
  const [a] = join(world, ['a'])
  const low = world.join('low', short.tip)
  low.send(answer(ask(low), short))
  expect(asked(low)).toEqual([])
  a?.serve(tree)
  expect(world.height).toBe(1_000)
})

test('headers that do not follow the checkpoint are a strike, and another peer is asked', () => {
  const world = createWorld()
  const [a, liar] = join(world, ['a', 'liar'])
  if (a === undefined || liar === undefined) fail('two')
  const request = ask(liar)
  const elsewhere = headers.slice(300 * SIZE, 400 * SIZE)
  liar.send({ type: 'headers', request: request.request, headers: elsewhere, hasMore: true, head })
  expect(world.warnings()).toEqual(['peer-struck'])
  expect(liar.isReady).toBe(false)
  a.serve(tree)
  expect(world.height).toBe(1_000)
})

test('a lie inside a range is found when it is verified: its sender is struck, and the range comes from another peer', () => {
  const world = createWorld()
  const [a, liar] = join(world, ['a', 'liar'])
  if (a === undefined || liar === undefined) fail('two')
  const request = ask(liar)
  const honest = answer(request, tree)
  if (honest.type !== 'headers') fail('headers')
  const lie = honest.headers.slice()
  lie[50 * SIZE + 40] = (lie[50 * SIZE + 40] ?? 0) ^ 1
  liar.send({ ...honest, headers: lie })
  expect(world.warnings()).toEqual([])
  a.serve(tree)
  expect(world.warnings()).toEqual(['peer-struck'])
  expect(liar.isReady).toBe(false)
  expect(world.height).toBe(1_000)
})

test('what a liar has sent besides goes with it, and is asked of others', () => {
  const world = createWorld()
  const [a, liar] = join(world, ['a', 'liar'])
  if (a === undefined || liar === undefined) fail('two')
  const frontier = ask(a)
  liar.send(answer(ask(liar), tree))
  liar.send({ type: 'pong', request: frontier.request })
  expect(liar.isReady).toBe(false)
  a.send(answer(frontier, tree))
  expect(world.height).toBe(100)
  a.serve(tree)
  expect(world.height).toBe(1_000)
})

test('a peer that goes leaves its range to the others', () => {
  const world = createWorld()
  const [a, gone] = join(world, ['a', 'gone'])
  if (a === undefined || gone === undefined) fail('two')
  expect(rangeOf(ask(gone))).toEqual([100, 200, 100])
  gone.close()
  a.serve(tree)
  expect(world.height).toBe(1_000)
})

test('a chain with most work that leaves the checkpoints is followed all the same, from one peer', () => {
  const fork = mine({
    count: 1_500,
    parent: headers.slice(249 * SIZE, 250 * SIZE),
    salt: 3,
    firstTime: FIRST_TIME + 250,
  })
  const forked = treeOf(new Uint8Array([...headers.subarray(0, 250 * SIZE), ...fork]))
  const world = createWorld()
  expect(forked.tip.height).toBe(1_750)
  const a = world.join('a', forked.tip)
  const b = world.join('b', forked.tip)
  const stops: unknown[] = []
  for (let round = 0; round < 30; round += 1) {
    for (const remote of [a, b]) {
      for (const request of asked(remote)) {
        if (world.height > 300) stops.push(request.stop)
        remote.send(answer(request, forked))
      }
    }
    world.advance(limits.RANGE_SLOW_MS)
  }
  expect(world.core.tree.tip.root).toBe(forked.tip.root)
  expect(stops.every((stop) => stop === undefined)).toBe(true)
  expect(world.warnings()).toEqual([])
})

test('from a light node on a fork below the checkpoints it goes back to the chain with more work', () => {
  const fork = mine({ count: 60, parent: headers.slice(49 * SIZE, 50 * SIZE), salt: 4, firstTime: FIRST_TIME + 50 })
  const forked = treeOf(new Uint8Array([...headers.subarray(0, 50 * SIZE), ...fork]))
  const world = createWorld()
  world.join('fork', forked.tip).serve(forked)
  expect(world.height).toBe(110)
  world.join('a', head).serve(tree)
  expect(world.core.tree.tip.root).toBe(tree.tip.root)
})

test('a range longer than a message comes in batches, each after the last', () => {
  const long = mine({ count: 3 * limits.HEADERS_PER_MESSAGE_MAX, salt: 9 })
  const longTree = treeOf(long)
  const ends = [10, 10 + 2_500, 10 + 5_000].map((at) => longTree.summary(at) ?? fail('a header'))
  const world = createWorld({ ...chain, checkpoints: ends })
  const remotes = ['a', 'b'].map((name) => world.join(name, longTree.tip))
  const counts: number[] = []
  for (let round = 0; round < 20; round += 1) {
    for (const remote of remotes) {
      for (const request of asked(remote)) {
        counts.push(request.countMax)
        remote.send(answer(request, longTree))
      }
    }
  }
  expect(world.core.tree.tip.root).toBe(longTree.tip.root)
  expect(counts).toContain(2_500 - limits.HEADERS_PER_MESSAGE_MAX)
  expect(last(long)).toEqual(world.core.tree.get(longTree.tip.height)?.bytes)
})
