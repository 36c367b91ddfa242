import { expect, test } from 'vitest'
import { chain, genesis } from '../../test/sync-world.ts'
import type { Effect } from './effect.ts'
import type { StoreOpened } from './event.ts'
import { HEADERS_PER_LOAD } from './limits.ts'
import { StoredChain } from './stored-chain.ts'

function open(part: Partial<StoreOpened>): { readonly stored: StoredChain; readonly effects: Effect[] } {
  const effects: Effect[] = []
  const stored = new StoredChain({ chain, tree: chain.createTree(), effects })
  const opened = { type: 'store-opened', headerCount: 3 * HEADERS_PER_LOAD, lastHeader: genesis, work: 5n } as const
  stored.opened({ ...opened, isWritable: true, ...part })
  return { stored, effects }
}

test('one load is under way at a time, and only the headers that were asked for answer it', () => {
  const { stored, effects } = open({})
  stored.loadMore()
  expect(effects).toEqual([{ type: 'load-headers', fromHeight: 0, count: HEADERS_PER_LOAD }])
  expect(stored.loaded({ fromHeight: 1, headerCount: 1 })).toBe(false)
  expect(stored.loaded({ fromHeight: 0, headerCount: 0 })).toBe(false)
  stored.loadMore()
  expect(effects).toHaveLength(1)
  expect(stored.loaded({ fromHeight: 0, headerCount: 10 })).toBe(true)
  stored.loadMore()
  expect(effects.slice(1)).toEqual([{ type: 'load-headers', fromHeight: 10, count: HEADERS_PER_LOAD }])
})

test.each([79, 81])('a last header of %i bytes is not shown', (sizeBytes) => {
  expect(open({ lastHeader: new Uint8Array(sizeBytes) }).stored.head).toBeUndefined()
  expect(open({}).stored.head).toMatchObject({ height: 3 * HEADERS_PER_LOAD - 1, work: 5n })
})
