/** What goes wrong between store, chain and app. What needs peers stands in test/contract/content.isomorphic.test.ts. */
import { expect, test, vi } from 'vitest'
import { blockParts } from '../../test/block-parts.ts'
import { syntheticBlock, syntheticTransaction } from '../../test/synthetic-block.ts'
import { bitcoin } from '../bitcoin.ts'
import type { BlockStore } from '../store/block-store.ts'
import { StoreError } from '../store/store.ts'
import { LightNodeError } from './api.ts'
import { ContentAccess } from './content-access.ts'
import { Wants } from './wants.ts'

const CHAIN = bitcoin('regtest')
const CID = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
/** Some slices of work. */
const LARGE_BLOCK = syntheticBlock(
  [1, 2, 3, 4, 5].map((salt) => syntheticTransaction({ salt, witnessItemSizeBytes: 140_000 })),
)

interface Rig {
  readonly content: ContentAccess
  readonly store: BlockStore
  readonly wants: Wants
  readonly turns: (() => void)[]
}

async function createRig(): Promise<Rig> {
  const { blockStore: store } = blockParts(CHAIN.id)
  const wants = new Wants(() => {})
  const turns: (() => void)[] = []
  const content = new ContentAccess({
    chain: CHAIN,
    tree: CHAIN.createTree(),
    store,
    put: (write) => store.write(write),
    wants,
    yieldTurn: (callback) => void turns.push(callback),
  })
  await store.open()
  return { content, store, wants, turns }
}

test('a store that cannot be read or written is an error with a code, and the reason as its cause', async () => {
  const { content, store } = await createRig()
  const { root } = await content.importBlock(LARGE_BLOCK)
  const cause = new StoreError('read-failed', 'expected a disk, got none')
  for (const name of ['sizes', 'read', 'readOutline', 'write'] as const) {
    vi.spyOn(store, name).mockRejectedValue(cause)
  }
  for (const call of [
    content.has(CID),
    content.getBytes(CID, undefined),
    content.getBlock(root, undefined),
    content.getTransaction({ block: root, index: 0 }, undefined),
    content.putBytes(CID, new Uint8Array()),
    content.importBlock(LARGE_BLOCK),
  ]) {
    await expect(call).rejects.toMatchObject({ code: 'store-unavailable', message: cause.message, cause })
  }
})

test('what a stop closes under a call is told as the stop', async () => {
  const { content, store, wants } = await createRig()
  await store.close()
  wants.stop(new LightNodeError('stopped', 'the light node was stopped'))
  for (const call of [content.has(CID), content.getBytes(CID, undefined), content.importBlock(LARGE_BLOCK)]) {
    await expect(call).rejects.toBe(wants.stopped)
  }
})

test('a bug is not taken for a failure of the store', async () => {
  const { content, store } = await createRig()
  const bug = new TypeError('expected no bug')
  vi.spyOn(store, 'sizes').mockRejectedValue(bug)
  await expect(content.has(CID)).rejects.toBe(bug)
})

test('a large block is put together over several turns', async () => {
  const { content, turns } = await createRig()
  const { root } = await content.importBlock(LARGE_BLOCK)
  const fetching = content.getBlock(root, undefined)
  let turnCount = 0
  // The store answers within a turn of Node.js.
  for (let idleCount = 0; idleCount < 3; idleCount += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    const turn = turns.shift()
    if (turn === undefined) continue
    idleCount = 0
    turnCount += 1
    turn()
  }
  expect((await fetching).bytes).toEqual(LARGE_BLOCK)
  expect((await fetching).transactions).toHaveLength(6)
  // One to name its parts, one for each of them, as each is larger than a slice, and one to join them.
  expect(turnCount).toBe(7)
})
