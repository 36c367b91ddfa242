/** What hostile and short peers can do to a back-fill. */
import { expect, test } from 'vitest'
import { checkpointed, head, headers, STEP, tree } from '../../test/backfill-world.ts'
import { ask, asked, genesis, mine, SIZE, treeOf, World } from '../../test/sync-world.ts'
import * as limits from './limits.ts'
import type { SyncMessage } from './message.ts'
import { answer } from './serving.ts'

/** What is in the store from genesis on when every write is done. */
function stored(world: World): Uint8Array {
  let kept = new Uint8Array(0)
  for (const effect of world.effects) {
    if (effect.type !== 'persist') continue
    world.send({ type: 'persisted', sequence: effect.sequence })
    if (effect.isUpper === true) continue
    expect(effect.truncateTo * SIZE).toBeLessThanOrEqual(kept.length)
    kept = new Uint8Array([...kept.subarray(0, effect.truncateTo * SIZE), ...effect.append])
  }
  return kept
}

test('headers that were passed off as the beginning of a range are no part of the chain, and others fill it in', () => {
  const world = new World({ chain: checkpointed })
  const [liar, a] = [world.join('liar', head), world.join('a', head)]
  const first = ask(a)
  liar.send(answer(ask(liar), tree))
  const range = ask(liar)
  expect(range.stop).toBe(tree.summary(STEP)?.root)
  // Its own headers, each with its work, and at the end the checkpoint.
  const own = mine({ count: 60, salt: 3 })
  const lie = new Uint8Array([...own, ...headers.subarray(60 * SIZE, STEP * SIZE)])
  liar.send({ type: 'headers', request: range.request, headers: lie, hasMore: false, head })
  expect(world.warnings()).toEqual(['peer-struck'])
  a.send(answer(first, tree))
  a.serve(tree)
  expect(world.core.view()).toMatchObject({ verifiedHeight: 1_000, head: { height: 1_000, trust: 'genesis' } })
  expect(stored(world)).toEqual(new Uint8Array([...genesis, ...headers]))
})

test('a peer that ends below the checkpoint fills in what it has', () => {
  const world = new World({ chain: checkpointed })
  const short = treeOf(headers.subarray(0, 850 * SIZE))
  const [a, low] = [world.join('a', head), world.join('low', short.tip)]
  const fromGenesis = ask(low)
  a.send(answer(ask(a), tree))
  expect(world.height).toBe(1_000)
  a.close()
  low.send(answer(fromGenesis, short))
  low.serve(short)
  world.advance(limits.ASK_AGAIN_INTERVAL_MS)
  low.serve(short)
  expect(world.core.view().verifiedHeight).toBe(800)
})

test('two peers that send a range header by header do not keep it from a third', () => {
  const world = new World({ chain: checkpointed })
  const [x, y] = [world.join('x', head), world.join('y', head)]
  const a = world.join('a', head)
  const first = ask(a)
  const drip = (): void => {
    for (const remote of [x, y]) {
      for (const request of asked(remote)) {
        const sent = answer({ ...request, countMax: request.stop === undefined ? request.countMax : 1 }, tree)
        remote.send({ ...sent, head } as SyncMessage)
      }
    }
  }
  drip()
  y.serve(tree)
  world.advance(limits.RANGE_SLOW_MS)
  drip()
  a.send(answer(first, tree))
  expect(world.core.view().verifiedHeight).toBe(0)
  for (let round = 0; round < 12; round += 1) {
    world.advance(limits.RANGE_SLOW_MS)
    a.serve(tree)
    drip()
  }
  expect(world.core.view().verifiedHeight).toBe(1_000)
})
