import { expect, test } from 'vitest'
import { chain } from '../../test/sync-world.ts'
import type { HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import { HEADERS_PER_LOAD } from './limits.ts'
import { StoreWriter } from './store-writer.ts'

test('a long chain is written in writes of one load at most, below and above a gap', () => {
  const height = 2 * HEADERS_PER_LOAD + 8
  const tip = { ...chain.createTree().tip, height }
  for (const gap of [undefined, { fromHeight: HEADERS_PER_LOAD + 5, toHeight: HEADERS_PER_LOAD + 6 }]) {
    const effects: Effect[] = []
    const range: HeaderTree['range'] = ({ count }) => new Uint8Array(count)
    const tree = { tip, gap, range, summary: () => tip } as unknown as HeaderTree
    const writer = new StoreWriter({ tree, effects })
    writer.enable(0)
    for (let sequence = 1; sequence <= effects.length; sequence += 1)
      writer.persisted({ type: 'persisted', sequence }, 0)
    const writes = effects.map((effect) => effect.type === 'persist' && [effect.truncateTo, effect.append.length])
    const [first, second] = [
      [0, HEADERS_PER_LOAD],
      [HEADERS_PER_LOAD, gap === undefined ? HEADERS_PER_LOAD : 5],
    ]
    const rest = gap === undefined ? [[2 * HEADERS_PER_LOAD, 9]] : []
    const above = gap === undefined ? [] : [first, [HEADERS_PER_LOAD, 2]]
    expect(writes).toEqual([...above, first, second, ...rest])
  }
})
