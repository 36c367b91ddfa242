import { expect, test, vi } from 'vitest'
import { blockParts } from '../../test/block-parts.ts'
import { syntheticBlock, syntheticTransaction } from '../../test/synthetic-block.ts'
import { bitcoin } from '../bitcoin.ts'
import type { HeaderRecord } from '../core/chain.ts'
import type { ChainContent } from '../core/content.ts'
import type { Root } from '../core/ids.ts'
import { toRoot } from '../core/ids.ts'
import type { BlockStore } from '../store/block-store.ts'
import { StoreError } from '../store/store.ts'
import { WholeBlocks, type FetchWholeBlock } from './whole-blocks.ts'

const CHAIN = bitcoin('regtest')
const CONTENT = CHAIN.content as ChainContent
const BLOCKS = [1, 2, 3, 4].map((salt) => syntheticBlock([syntheticTransaction({ salt })]))
const ROOTS = BLOCKS.map((block) => CONTENT.takeApart(block).root)
const [BLOCK = new Uint8Array(), OTHER = new Uint8Array()] = BLOCKS
const [ROOT = toRoot('')] = ROOTS
const UNKNOWN: Root = toRoot('11'.repeat(32))

interface Asked {
  readonly root: Root
  readonly depth: number | undefined
  /** What the peer sends; the judgement of it. */
  readonly send: (bytes: Uint8Array) => string | undefined
  /** No peer is left. */
  readonly end: (isFetched: boolean) => void
}

interface Rig {
  readonly wholeBlocks: WholeBlocks
  readonly asked: Asked[]
  readonly store: BlockStore
  readonly timers: (() => void)[]
}

/** All blocks' headers are known, five below the head. */
async function createRig(): Promise<Rig> {
  const { blockStore: store } = blockParts(CHAIN.id)
  await store.open()
  const asked: Asked[] = []
  const timers: (() => void)[] = []
  const fetch: FetchWholeBlock = ({ root, depth, problemOf }) =>
    new Promise((resolve) => asked.push({ root, depth, send: problemOf, end: resolve }))
  const wholeBlocks = new WholeBlocks({
    tree: {
      has: (root) => ROOTS.includes(root),
      get: () => ({ height: 95, isOnBestChain: true }) as HeaderRecord,
      tip: { ...CHAIN.createTree().tip, height: 100 },
    },
    content: CONTENT,
    fetch,
    put: (write) => store.write(write),
    clock: {
      now: () => ({ monotonicMs: 0, unixMs: 0 }),
      setTimer: (_delayMs, callback) => {
        timers.push(callback)
        return () => void timers.splice(timers.indexOf(callback), 1)
      },
    },
  })
  return { wholeBlocks, asked, store, timers }
}

/** Lets what is under way go on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

test('a block that came is checked, kept for others, and had with its outline', async () => {
  const { wholeBlocks, asked, store } = await createRig()
  const fetching = wholeBlocks.fetch(ROOT)
  expect(asked).toMatchObject([{ root: ROOT, depth: 5 }])
  expect(asked[0]?.send(BLOCK)).toBeUndefined()
  asked[0]?.end(true)
  const block = await fetching
  expect(block).toMatchObject({ root: ROOT, transactionCount: 2, isKept: true })
  expect(await store.readOutline(ROOT)).toEqual(block?.outline)
  const [, transaction] = CONTENT.wantedCids(block?.outline ?? new Uint8Array())
  expect(await store.sizes(transaction === undefined ? [] : [transaction])).not.toContain(undefined)
})

test('a block whose header is not known is asked of nobody', async () => {
  const { wholeBlocks, asked } = await createRig()
  expect(await wholeBlocks.fetch(UNKNOWN)).toBeUndefined()
  expect(asked).toEqual([])
})

test('what is no block, another block, or not what its header commits to is refused, with what is wrong', async () => {
  const { wholeBlocks, asked, store } = await createRig()
  const fetching = wholeBlocks.fetch(ROOT)
  const [{ send, end }] = asked as [Asked]
  expect(send(BLOCK.subarray(0, 100))).toMatch(new RegExp(`^block ${ROOT}, `))
  expect(send(OTHER)).toBe(`expected block ${ROOT}, got ${ROOTS[1]}`)
  const forged = BLOCK.slice()
  forged[forged.length - 1] = 0xff
  expect(send(forged)).toMatch(new RegExp(`^block ${ROOT}, `))
  end(false)
  expect(await fetching).toBeUndefined()
  expect(store.blockCount).toBe(0)
})

test('two are fetched at once, each once, and the others wait for their turn', async () => {
  const { wholeBlocks, asked } = await createRig()
  const all = ROOTS.map((root) => wholeBlocks.fetch(root))
  expect(wholeBlocks.fetch(ROOT)).toBe(all[0])
  expect(asked.map(({ root }) => root)).toEqual(ROOTS.slice(0, 2))
  for (let done = 0; done < ROOTS.length; done += 1) {
    asked[done]?.end(false)
    await settled()
    expect(asked.length).toBe(Math.min(ROOTS.length, done + 3))
  }
  expect(await Promise.all(all)).toEqual(ROOTS.map(() => undefined))
  void wholeBlocks.fetch(ROOT)
  expect(asked.length).toBe(ROOTS.length + 1)
})

test('where it cannot be kept the app has it, and peers are told no', async () => {
  const { wholeBlocks, asked, store } = await createRig()
  vi.spyOn(store, 'write').mockRejectedValue(new StoreError('quota-exceeded', 'full'))
  const fetching = wholeBlocks.fetch(ROOT)
  const forPeer = wholeBlocks.fetchOutline(ROOT)
  asked[0]?.send(BLOCK)
  asked[0]?.end(true)
  expect(await fetching).toMatchObject({ root: ROOT, isKept: false })
  expect(await forPeer).toBeUndefined()
})

test('a block whose parts have somebody to come from is asked for once they take too long', async () => {
  const { wholeBlocks, asked, timers } = await createRig()
  wholeBlocks.fetchLater(ROOT)()
  expect(timers).toEqual([])
  wholeBlocks.fetchLater(ROOT)
  timers[0]?.()
  expect(asked.length).toBe(1)
})
