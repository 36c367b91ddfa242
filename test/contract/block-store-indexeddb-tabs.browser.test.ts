import { deleteDB, openDB } from 'idb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createIndexedDbBlockStore } from '../../src/store/block-store-indexeddb.ts'
import type { BlockStore, BlockStoreOptions } from '../../src/store/block-store.ts'
import type { Block } from './block-store-model.ts'
import { makeBlock, rehash, ROOT_A } from './block-store-model.ts'
import { expectSameBytes } from './store-contract.ts'

// Two stores in one page stand for two tabs: Web Locks and IndexedDB know stores, not tabs.

const OTHER_TAB = 'another tab of this page keeps the blocks; this one keeps few, in memory'
const MEMORY_BYTES_MAX = 16 * 1024 * 1024

let testCount = 0
let name: string
let warnings: string[]
let stores: BlockStore[]
beforeEach(() => {
  testCount += 1
  name = `block-tabs-${testCount}`
  warnings = []
  stores = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const store of stores) await store.close()
  await deleteDB(name)
})

function createStore(options: Partial<BlockStoreOptions> = {}): BlockStore {
  const onWarning = (detail: string): void => void warnings.push(detail)
  const store = createIndexedDbBlockStore({ chain: 'c', sizeBytesMax: 1e9, rehash, onWarning, ...options, name })
  stores.push(store)
  return store
}

async function openStore(options: Partial<BlockStoreOptions> = {}): Promise<BlockStore> {
  const store = createStore(options)
  await store.open()
  return store
}

async function sizesOf(store: BlockStore, ...blocks: readonly Block[]): Promise<readonly (number | undefined)[]> {
  return (await store.read({ cids: blocks.map(({ cid }) => cid), bytesMax: Infinity })).map((bytes) => bytes?.length)
}

const [ONE, TWO, THREE] = [makeBlock(1, 100), makeBlock(2, 200), makeBlock(3, 300)]

test('a second tab reads what the first keeps, keeps its own in memory, and says so', async () => {
  const writer = await openStore()
  await writer.write({ blocks: [ONE] })
  const reader = await openStore()
  expect(writer.reason).toBeUndefined()
  expect(reader.reason).toBe(OTHER_TAB)
  await writer.write({ blocks: [TWO] })
  await reader.write({ blocks: [THREE] })
  expect(await sizesOf(reader, THREE, TWO, makeBlock(9, 9), ONE)).toEqual([300, 200, undefined, 100])
  expect(await reader.sizes([THREE, TWO, ONE].map(({ cid }) => cid))).toEqual([300, 200, 100])
  expect(await sizesOf(writer, THREE)).toEqual([undefined])
  const cids = [THREE, TWO, ONE].map(({ cid }) => cid)
  expect((await reader.read({ cids, bytesMax: 500 })).map((bytes) => bytes?.length)).toEqual([300, 200])
  expect((await reader.read({ cids: cids.toReversed(), bytesMax: 599 })).map((bytes) => bytes?.length)).toEqual([
    100, 200,
  ])
  // What the first tab keeps was cut off there, and is not absent.
  expect((await reader.read({ cids: cids.toReversed(), bytesMax: 299 })).map((bytes) => bytes?.length)).toEqual([100])
})

test('what a second tab keeps in memory is bounded', async () => {
  await openStore()
  const reader = await openStore()
  const blocks = [1, 2, 3].map((seed) => makeBlock(seed, MEMORY_BYTES_MAX / 2))
  for (const block of blocks) await reader.write({ blocks: [block], isChecked: true })
  expect(reader.sizeBytes).toBe(MEMORY_BYTES_MAX)
  expect((await reader.sizes(blocks.map(({ cid }) => cid))).map((size) => size !== undefined)).toEqual([
    false,
    true,
    true,
  ])
})

test('when the first tab closes, the next one keeps what it has and what comes', async () => {
  const writer = await openStore()
  await writer.write({ blocks: [ONE] })
  const reader = await openStore()
  const outline = makeBlock(4, 50).bytes
  await reader.write({ blocks: [TWO], pin: ROOT_A, outline: { root: ROOT_A, bytes: outline } })
  await reader.write({ blocks: [THREE] })
  await writer.close()
  await vi.waitFor(() => expect(reader.reason).toBeUndefined(), { timeout: 60_000 })
  await reader.write({ blocks: [makeBlock(5, 500)] })
  await reader.close()
  const next = await openStore({ sizeBytesMax: 350 })
  expect(next.reason).toBeUndefined()
  // Pinned still, while the rest gives way to a lower cap.
  expect(await sizesOf(next, ONE, TWO, THREE)).toEqual([undefined, 200, undefined])
  expectSameBytes((await next.readOutline(ROOT_A)) ?? new Uint8Array(0), outline)
})

test('what the next tab cannot write when it takes over is told', async () => {
  const writer = await openStore()
  await writer.write({ blocks: [ONE], pin: ROOT_A })
  const reader = await openStore({ sizeBytesMax: 350 })
  await reader.write({ blocks: [THREE] })
  await writer.close()
  await vi.waitFor(() => expect(warnings).not.toEqual([]), { timeout: 60_000 })
  expect(warnings).toEqual([expect.stringContaining('blocks that waited in memory are not kept: expected at most 350')])
  await reader.write({ blocks: [TWO] })
  expect(await sizesOf(reader, ONE, TWO, THREE)).toEqual([100, 200, undefined])
})

test('a page without Web Locks reads, and says why it keeps little', async () => {
  const writer = await openStore()
  await writer.write({ blocks: [ONE] })
  await writer.close()
  vi.spyOn(navigator, 'locks', 'get').mockReturnValue(undefined as unknown as LockManager)
  const reader = await openStore()
  expect(reader.reason).toBe(
    'this page has no Web Locks (they need https or localhost), so few blocks are kept, in memory',
  )
  expect(await sizesOf(reader, ONE)).toEqual([100])
})

test('a page without IndexedDB is told so', async () => {
  vi.stubGlobal('indexedDB', undefined)
  const message = 'this page has no IndexedDB'
  await expect(createStore().open()).rejects.toMatchObject({ code: 'unavailable', message })
  vi.unstubAllGlobals()
})

test('a browser that refuses IndexedDB is told of in one line, and the lock is free again', async () => {
  vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw new DOMException('The user denied permission.', 'SecurityError')
  })
  const message = 'The user denied permission.'
  await expect(createStore().open()).rejects.toMatchObject({ code: 'unavailable', message })
  vi.restoreAllMocks()
  expect((await openStore()).reason).toBeUndefined()
})

test('a database deleted under the writer ends its writing and frees the lock', async () => {
  const writer = await openStore()
  await writer.write({ blocks: [ONE] })
  await deleteDB(name)
  await expect(writer.write({ blocks: [ONE] })).rejects.toMatchObject({ code: 'lost-lock' })
  await expect(sizesOf(writer, ONE)).rejects.toMatchObject({ code: 'lost-lock' })
  expect(writer.reason).toContain('was deleted or closed')
  const next = await openStore()
  expect(next.reason).toBeUndefined()
  expect(await sizesOf(next, ONE)).toEqual([undefined])
})

test('a lock taken away ends the writing', async () => {
  const writer = await openStore()
  await navigator.locks.request(name, { steal: true }, () => undefined)
  await expect(vi.waitFor(() => writer.write({ blocks: [ONE] }), { timeout: 1 })).rejects.toMatchObject({
    code: 'lost-lock',
  })
})

test('blocks of another chain under the same name are refused, and the lock is free again', async () => {
  const writer = await openStore()
  await writer.write({ blocks: [ONE] })
  await writer.close()
  const message = 'expected blocks of other, got those of c'
  await expect(openStore({ chain: 'other' })).rejects.toMatchObject({ code: 'wrong-chain', message })
  expect(await sizesOf(await openStore(), ONE)).toEqual([100])
})

test('damaged bytes are dropped with a warning, and absent', async () => {
  const writer = await openStore()
  await writer.write({ blocks: [ONE, TWO] })
  const database = await openDB(name)
  await database.put('contents', makeBlock(7, 200).bytes, TWO.cid)
  database.close()
  expect(await sizesOf(writer, ONE, TWO)).toEqual([100, undefined])
  expect(warnings).toEqual([`${TWO.cid} was damaged in the block store and is dropped`])
  expect(writer).toMatchObject({ sizeBytes: 100, blockCount: 1 })
  expect(await writer.sizes([TWO.cid])).toEqual([undefined])
})

test('a full disk is told apart, leaves what was there, and passes', async () => {
  // A real quota cannot be set for one test: the browser knows quotas by origin, and every test file has the same.
  const store = await openStore()
  await store.write({ blocks: [ONE] })
  const put = IDBObjectStore.prototype.put
  let putCount = 0
  const spy = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...record) {
    putCount += 1
    if (putCount === 4) throw new DOMException('full', 'QuotaExceededError')
    return put.apply(this, record)
  })
  await expect(store.write({ blocks: [TWO, THREE] })).rejects.toMatchObject({ code: 'quota-exceeded' })
  expect(await sizesOf(store, ONE, TWO, THREE)).toEqual([100, undefined, undefined])
  expect(store).toMatchObject({ sizeBytes: 100, blockCount: 1 })
  spy.mockRestore()
  await store.write({ blocks: [TWO, THREE] })
  expect(await sizesOf(store, ONE, TWO, THREE)).toEqual([100, 200, 300])
})

test('a transaction that the browser ends half-way leaves what was there', async () => {
  const store = await openStore({ sizeBytesMax: 400 })
  await store.write({ blocks: [ONE, TWO] })
  const put = IDBObjectStore.prototype.put
  let putCount = 0
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...record) {
    putCount += 1
    const request = put.apply(this, record)
    if (putCount === 3) request.addEventListener('success', () => this.transaction.abort())
    return request
  })
  await expect(store.write({ blocks: [makeBlock(4, 50), makeBlock(5, 60)] })).rejects.toMatchObject({
    code: 'write-failed',
  })
  expect(putCount).toBe(4)
  vi.restoreAllMocks()
  expect(await sizesOf(store, ONE, TWO, makeBlock(4, 50), makeBlock(5, 60))).toEqual([100, 200, undefined, undefined])
  expect(store).toMatchObject({ sizeBytes: 300, blockCount: 2 })
})
