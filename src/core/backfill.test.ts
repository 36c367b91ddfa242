/** A start above the last checkpoint, and the headers below it filled in. */
import { expect, test } from 'vitest'
import { checkpointed, checkpointsOf, head, headers, START, tree } from '../../test/backfill-world.ts'
import {
  ask,
  asked,
  chain,
  fail,
  FIRST_TIME,
  genesis,
  mine,
  type Remote,
  SIZE,
  treeOf,
  World,
} from '../../test/sync-world.ts'
import type { HeaderTree } from './chain.ts'
import * as limits from './limits.ts'
import type { GetHeaders } from './message.ts'
import { answer } from './serving.ts'

/** Its first question for a range; what it is asked before is answered. */
function askRange(remote: Remote): GetHeaders {
  for (let request = ask(remote); ; request = ask(remote)) {
    if (request.stop !== undefined) return request
    remote.send(answer(request, tree))
  }
}

function trust(world: World): string {
  return world.core.view().head.trust
}

/** Appended to what has been stored from genesis on, as the light node asked for it. */
function stored(world: World): number {
  let count = 0
  for (const effect of world.effects) {
    if (effect.type !== 'persist') continue
    world.send({ type: 'persisted', sequence: effect.sequence })
    if (effect.isUpper === true) continue
    expect(effect.truncateTo).toBe(count)
    count = effect.truncateTo + effect.append.length / SIZE
  }
  return count
}

test('the first question is for what follows the last checkpoint; the head is there with the first answer', () => {
  const world = new World({ chain: checkpointed })
  const remote = world.join('a', head)
  const first = ask(remote)
  expect(first.locator).toEqual([tree.summary(START)?.root, chain.genesis])
  remote.send(answer(first, tree))
  const view = world.core.view()
  expect(view.head).toEqual({ ...tree.tip, trust: 'checkpoint', confirmedBy: 1 })
  expect([view.status, view.isInStep, view.verifiedHeight]).toEqual(['synced', true, 0])
  expect(view.verifiedShare).toBeCloseTo(1 - START / 1_001)
})

test('ranges below come from several peers at once, and with the last of them every header is verified', () => {
  const world = new World({ chain: checkpointed })
  const [a, b] = [world.join('a', head), world.join('b', head)]
  a.send(answer(ask(a), tree))
  b.send(answer(ask(b), tree))
  const stops: (number | undefined)[] = []
  const trusts: string[] = []
  for (let round = 0; round < 20; round += 1) {
    for (const remote of [b, a]) {
      for (const request of asked(remote)) {
        if (request.stop !== undefined) stops.push(tree.summary(request.stop)?.height)
        remote.send(answer(request, tree))
        trusts.push(trust(world))
        expect(world.core.view().status).toBe('synced')
      }
    }
  }
  expect(stops.toSorted((left, right) => Number(left) - Number(right))).toEqual([
    100, 200, 300, 400, 500, 600, 700, 800, 900,
  ])
  expect([...new Set(trusts)]).toEqual(['checkpoint', 'backfilling', 'genesis'])
  expect(world.core.view()).toMatchObject({ verifiedHeight: 1_000, verifiedShare: 1, isInStep: true })
  expect(world.core.tree.range({ fromHeight: 1, count: 1_000 })).toEqual(headers)
  expect(stored(world)).toBe(1_001)
  expect(world.warnings()).toEqual([])
})

test('new headers and reorganisations are followed while the back-fill goes on', () => {
  const world = new World({ chain: checkpointed })
  const [a, silent] = [world.join('a', head), world.join('silent', head)]
  a.send(answer(ask(a), tree))
  silent.send(answer(ask(silent), tree))
  expect(asked(silent)).toHaveLength(1)
  const next = mine({ count: 1, parent: headers.slice(-SIZE), firstTime: FIRST_TIME + 1_000 })
  a.announce(next)
  expect(world.height).toBe(1_001)
  const parent = headers.slice(997 * SIZE, 998 * SIZE)
  a.announce(mine({ count: 5, parent, firstTime: FIRST_TIME + 998, salt: 1 }))
  expect(world.height).toBe(1_003)
  expect(world.effects.some(({ type }) => type === 'reorganised')).toBe(true)
  expect(trust(world)).toBe('checkpoint')
})

test('what is below the gap is served to nobody, what is above it to whoever has some of it', () => {
  const world = new World({ chain: checkpointed })
  const remote = world.join('a', head)
  remote.send(answer(ask(remote), tree))
  const request = { type: 'get-headers', request: 77 as never, stop: undefined, countMax: 10 } as const
  remote.received()
  remote.send({ ...request, locator: [chain.genesis] })
  expect(remote.received()).toMatchObject([{ type: 'refused', reason: 'busy' }])
  remote.send({ ...request, locator: [tree.summary(995)?.root ?? head.root, chain.genesis] })
  expect(remote.received()).toMatchObject([{ type: 'headers', hasMore: false, headers: headers.slice(995 * SIZE) }])
  const ancestors = { type: 'get-ancestors', request: 78 as never, roots: [head.root], countMax: 10 } as const
  remote.send({ ...ancestors, known: [chain.genesis] })
  remote.send({ ...ancestors, known: [tree.summary(998)?.root ?? head.root, chain.genesis] })
  expect(remote.received().map(({ type }) => type)).toEqual(['refused', 'ancestors'])
})

test('a peer that does not reach the checkpoint is synced from genesis on, as ever', () => {
  const short = treeOf(headers.subarray(0, 250 * SIZE))
  const world = new World({ chain: checkpointed })
  world.join('short', short.tip).serve(short)
  expect([world.height, trust(world), world.core.view().status]).toEqual([250, 'genesis', 'synced'])
  world.join('a', head).serve(tree)
  expect([world.height, trust(world)]).toEqual([1_000, 'genesis'])
})

test('a peer that claims the checkpoint and has it not, costs nothing', () => {
  const short = treeOf(headers.subarray(0, 250 * SIZE))
  const world = new World({ chain: checkpointed })
  const remote = world.join('short', head)
  for (let requests = remote.requests(); requests.length > 0; requests = remote.requests()) {
    for (const request of requests) remote.send(answer(request, short))
  }
  expect([world.height, world.core.view().status]).toEqual([250, 'synced'])
  expect(world.warnings()).toEqual([])
})

test('headers from genesis on that came meanwhile go before the start, and the sync goes on from there', () => {
  const short = treeOf(headers.subarray(0, 50 * SIZE))
  const world = new World({ chain: checkpointed })
  const [a, low] = [world.join('a', head), world.join('low', short.tip)]
  const [fromStart, fromGenesis] = [ask(a), ask(low)]
  const now = { monotonicMs: 0, unixMs: world.unixMs }
  const deliver = (remote: Remote, request: GetHeaders, from: HeaderTree): void => {
    const message = answer(request, from)
    world.effects.push(...world.core.handle({ type: 'message-received', connection: remote.connection, message }, now))
  }
  deliver(low, fromGenesis, short)
  deliver(a, fromStart, tree)
  world.settle()
  low.serve(short)
  a.serve(tree)
  expect([world.height, trust(world)]).toEqual([1_000, 'genesis'])
  expect(world.warnings()).toEqual([])
})

test('a light node that is stopped in the middle starts above the checkpoint again, and fills in what is left', () => {
  const world = new World({
    chain: checkpointed,
    store: new Uint8Array([...genesis, ...headers.subarray(0, 300 * SIZE)]),
  })
  world.send({
    type: 'headers-loaded',
    fromHeight: 0,
    headers: new Uint8Array([...genesis, ...headers.subarray(0, 300 * SIZE)]),
  })
  world.settle()
  expect([world.height, trust(world)]).toEqual([300, 'genesis'])
  const remote = world.join('a', head)
  const first = ask(remote)
  remote.send(answer(first, tree))
  expect([world.height, trust(world), world.core.view().verifiedHeight]).toEqual([1_000, 'backfilling', 300])
  remote.serve(tree)
  expect([world.height, trust(world), world.core.view().verifiedHeight]).toEqual([1_000, 'genesis', 1_000])
})

test('what a peer announces below the gap is not taken in', () => {
  const world = new World({ chain: checkpointed })
  const remote = world.join('a', head)
  remote.send(answer(ask(remote), tree))
  remote.received()
  remote.announce(mine({ count: 3, salt: 5 }))
  expect([world.core.view().verifiedHeight, remote.isReady]).toEqual([0, true])
})

test('a lie in the back-fill is a strike, and the range comes from another peer', () => {
  const world = new World({ chain: checkpointed })
  const [a, liar] = [world.join('a', head), world.join('liar', head)]
  a.send(answer(ask(a), tree))
  const range = answer(askRange(liar), tree)
  if (range.type !== 'headers') fail('headers')
  const lie = range.headers.slice()
  lie[50 * SIZE + 40] = (lie[50 * SIZE + 40] ?? 0) ^ 1
  liar.send({ ...range, headers: lie })
  a.serve(tree)
  expect(world.warnings()).toEqual(['peer-struck'])
  expect(liar.isReady).toBe(false)
  expect([world.height, trust(world)]).toEqual([1_000, 'genesis'])
})

test('a checkpoint with other work than its chain has is given up with a warning, and the sync goes on from genesis', () => {
  const wrong = checkpointsOf(tree).map((checkpoint) =>
    checkpoint.start === undefined ? checkpoint : { ...checkpoint, start: { ...checkpoint.start, work: 1n } },
  )
  const world = new World({ chain: { ...chain, checkpoints: wrong } })
  const remote = world.join('a', head)
  remote.send(answer(ask(remote), tree))
  expect(trust(world)).toBe('checkpoint')
  remote.serve(tree)
  expect(world.warnings()).toEqual(['checkpoint-refused'])
  world.advance(limits.ASK_AGAIN_INTERVAL_MS)
  remote.serve(tree)
  expect([world.height, trust(world)]).toEqual([1_000, 'genesis'])
  expect(stored(world)).toBe(1_001)
})
