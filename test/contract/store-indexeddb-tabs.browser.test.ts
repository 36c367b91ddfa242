import { deleteDB, openDB } from 'idb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createIndexedDbStore } from '../../src/store/indexeddb.ts'
import type { HeaderStore, OpenedStore, StoreOptions } from '../../src/store/store.ts'
import { expectSameBytes } from './store-contract.ts'
import { makeHeaders, STORE_OPTIONS } from './store-model.ts'

// Two stores in one page stand for two tabs: Web Locks and IndexedDB know stores, not tabs.

let testCount = 0
let name: string
let stores: HeaderStore[]
beforeEach(() => {
  testCount += 1
  name = `tabs-${testCount}`
  stores = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const store of stores) await store.close()
  await deleteDB(name)
})

function createStore(options: Partial<StoreOptions> = {}): HeaderStore {
  const store = createIndexedDbStore({ ...STORE_OPTIONS, ...options, name })
  stores.push(store)
  return store
}

function untilWritable(store: HeaderStore): Promise<OpenedStore> {
  return new Promise((resolve) => store.onWritable(resolve))
}

const FIRST = { truncateTo: 0, append: makeHeaders(1, 3_000), work: 1n }

test('a second tab reads along, may not write, and says why', async () => {
  const [writer, reader] = [createStore(), createStore()]
  await writer.open()
  await writer.write([FIRST])
  expect(await reader.open()).toEqual({
    headerCount: 3_000,
    work: 1n,
    upper: { headerCount: 0, work: 0n },
    isWritable: false,
    reason: 'another tab of this page keeps the headers; this one follows in memory',
    warnings: [],
  })
  await expect(reader.write([{ truncateTo: 0, append: makeHeaders(9, 1), work: 9n }])).rejects.toMatchObject({
    code: 'locked',
  })
  await writer.write([{ truncateTo: 2_990, append: makeHeaders(2, 20), work: 2n }])
  expectSameBytes(await reader.read({ fromHeight: 2_990, count: 100 }), makeHeaders(2, 20))
})

test('when the writer closes, the next tab takes over with what is there then', async () => {
  const [writer, reader, third] = [createStore(), createStore(), createStore()]
  await writer.open()
  await reader.open()
  await third.open()
  const opened = untilWritable(reader)
  const onThird = vi.fn()
  third.onWritable(onThird)
  await writer.write([FIRST])
  await writer.close()
  expect(await opened).toEqual({
    headerCount: 3_000,
    work: 1n,
    upper: { headerCount: 0, work: 0n },
    isWritable: true,
    reason: undefined,
    warnings: [],
  })
  await reader.write([{ truncateTo: 3_000, append: makeHeaders(2, 1), work: 2n }])
  expect(onThird).not.toHaveBeenCalled()
  await expect(third.write([])).rejects.toMatchObject({ code: 'locked' })
})

test('whoever asks late is told of the take-over all the same, once', async () => {
  const [writer, reader] = [createStore(), createStore()]
  await writer.open()
  await reader.open()
  await writer.close()
  await vi.waitFor(() => reader.write([FIRST]), { timeout: 60_000 })
  expect(await untilWritable(reader)).toMatchObject({ isWritable: true })
  const again = vi.fn()
  reader.onWritable(again)
  await reader.read({ fromHeight: 0, count: 1 })
  expect(again).not.toHaveBeenCalled()
})

test('a tab that was killed leaves its headers whole and its place free', async () => {
  const frame = document.createElement('iframe')
  document.body.append(frame)
  const held = Promise.withResolvers<undefined>()
  const locks = frame.contentWindow?.navigator.locks
  void locks?.request(name, () => {
    held.resolve(undefined)
    return new Promise(() => undefined)
  })
  await held.promise
  const store = createStore()
  expect(await store.open()).toMatchObject({ isWritable: false })
  const opened = untilWritable(store)
  frame.remove()
  expect(await opened).toMatchObject({ isWritable: true })
})

test('a tab that stopped waiting does not take the lock', async () => {
  const [writer, gone, last] = [createStore(), createStore(), createStore()]
  await writer.open()
  await gone.open()
  const onGone = vi.fn()
  gone.onWritable(onGone)
  await gone.close()
  await writer.close()
  expect(await last.open()).toMatchObject({ isWritable: true })
  expect(onGone).not.toHaveBeenCalled()
})

test('a page without Web Locks reads, and says why it does not keep', async () => {
  const writer = createStore()
  await writer.open()
  await writer.write([FIRST])
  await writer.close()
  vi.spyOn(navigator, 'locks', 'get').mockReturnValue(undefined as unknown as LockManager)
  const reader = createStore()
  const reason = 'this page has no Web Locks (they need https or localhost), so headers are read but not kept'
  expect(await reader.open()).toMatchObject({ headerCount: 3_000, isWritable: false, reason })
  expectSameBytes(await reader.read({ fromHeight: 0, count: 3_000 }), FIRST.append)
})

test('a page without IndexedDB is told so', async () => {
  vi.stubGlobal('indexedDB', undefined)
  await expect(createStore().open()).rejects.toMatchObject({
    code: 'unavailable',
    message: 'this page has no IndexedDB',
  })
  vi.unstubAllGlobals()
})

test('a browser that refuses IndexedDB is told of in one line, and the lock is free again', async () => {
  vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw new DOMException('The user denied permission.', 'SecurityError')
  })
  await expect(createStore().open()).rejects.toMatchObject({
    code: 'unavailable',
    message: 'The user denied permission.',
  })
  vi.restoreAllMocks()
  expect(await createStore().open()).toMatchObject({ isWritable: true })
})

test('a database deleted under the writer ends its writing and frees the lock', async () => {
  const writer = createStore()
  await writer.open()
  await writer.write([FIRST])
  await deleteDB(name)
  await expect(writer.write([FIRST])).rejects.toMatchObject({ code: 'lost-lock' })
  await expect(writer.read({ fromHeight: 0, count: 1 })).rejects.toMatchObject({ code: 'lost-lock' })
  expect(await createStore().open()).toMatchObject({ headerCount: 0, isWritable: true })
})

test('a lock taken away ends the writing', async () => {
  const writer = createStore()
  await writer.open()
  await navigator.locks.request(name, { steal: true }, () => undefined)
  await expect(vi.waitFor(() => writer.write([FIRST]), { timeout: 1 })).rejects.toMatchObject({ code: 'lost-lock' })
})

test('another genesis under the same name is refused, and the lock is free again', async () => {
  const writer = createStore()
  await writer.open()
  await writer.write([FIRST])
  await writer.close()
  const genesis = '0e'.repeat(32)
  const message = expect.stringContaining(`expected bitcoin:regtest with genesis ${genesis}`) as string
  await expect(createStore({ genesis }).open()).rejects.toMatchObject({ code: 'wrong-chain', message })
  expect(await createStore().open()).toMatchObject({ headerCount: 3_000, isWritable: true })
})

test.each([
  ['missing', 2, undefined, 4_032],
  ['short', 3, makeHeaders(3, 100).slice(0, -1), 6_147],
])('a chunk that is %s is cut off with a warning', async (_, index, chunk, found) => {
  const writer = createStore()
  await writer.open()
  await writer.write([{ truncateTo: 0, append: makeHeaders(1, 7_000), work: 1n }])
  await writer.close()
  const database = await openDB(name)
  if (chunk === undefined) await database.delete('chunks', index)
  else await database.put('chunks', chunk, index)
  database.close()
  const second = createStore()
  const warnings = [`database ${name}: expected 7000 headers, found ${found}; the rest is cut off`]
  expect(await second.open()).toMatchObject({ headerCount: found, work: 0n, isWritable: true, warnings })
  await second.write([{ truncateTo: found, append: makeHeaders(2, 1), work: 2n }])
  expectSameBytes(await second.read({ fromHeight: found, count: 9 }), makeHeaders(2, 1))
  await second.close()
  expect(await createStore().open()).toMatchObject({ headerCount: found + 1, work: 2n, warnings: [] })
})

test.each([
  ['from genesis on', false],
  ['above a gap', true],
])('a chunk that is missing %s costs the other part nothing', async (_, isUpper) => {
  const writer = createStore()
  await writer.open()
  await writer.write([FIRST])
  await writer.write([{ ...FIRST, append: makeHeaders(2, 3_000), isUpper: true }])
  await writer.close()
  const database = await openDB(name)
  const keys = await database.getAllKeys('chunks')
  await database.delete('chunks', keys[isUpper ? 3 : 1] ?? -1)
  database.close()
  const second = createStore()
  const opened = await second.open()
  const [lower, upper] = isUpper ? [3_000, 2_016] : [2_016, 3_000]
  expect(opened).toMatchObject({ headerCount: lower, upper: { headerCount: upper } })
  expect(opened.warnings.length).toBe(1)
  expectSameBytes(
    await second.read({ fromHeight: 0, count: 9_999, isUpper: !isUpper }),
    makeHeaders(isUpper ? 1 : 2, 3_000),
  )
})

test('a reorganisation to fewer headers leaves no chunk behind', async () => {
  const writer = createStore()
  await writer.open()
  await writer.write([{ truncateTo: 0, append: makeHeaders(1, 7_000), work: 1n }])
  await writer.write([{ truncateTo: 2_016, append: new Uint8Array(0), work: 2n }])
  const database = await openDB(name)
  expect(await database.getAllKeys('chunks')).toEqual([0])
  database.close()
})

test('what was above another checkpoint leaves no chunk behind', async () => {
  const before = createStore()
  await before.open()
  await before.write([{ truncateTo: 0, append: makeHeaders(1, 7_000), work: 1n, isUpper: true }])
  await before.close()
  const writer = createStore({ startsAbove: 'c1'.repeat(32) })
  await writer.open()
  await writer.write([{ truncateTo: 0, append: makeHeaders(2, 1), work: 2n, isUpper: true }])
  const database = await openDB(name)
  expect(await database.getAllKeys('chunks')).toHaveLength(1)
  database.close()
})

test('a chunk that is short in the middle is never read past', async () => {
  const writer = createStore()
  await writer.open()
  await writer.write([{ truncateTo: 0, append: makeHeaders(1, 7_000), work: 1n }])
  const database = await openDB(name)
  await database.put('chunks', makeHeaders(3, 100), 1)
  database.close()
  await expect(writer.read({ fromHeight: 0, count: 5_000 })).rejects.toMatchObject({ code: 'read-failed' })
  await expect(writer.read({ fromHeight: 2_015, count: 300 })).rejects.toMatchObject({ code: 'read-failed' })
  expect((await writer.read({ fromHeight: 0, count: 2_016 })).length).toBe(2_016 * 80)
})

test('a full disk is told apart, leaves what was there, and passes', async () => {
  // A real quota cannot be set for one test: the browser knows quotas by origin, and every test file has the same.
  const store = createStore()
  await store.open()
  await store.write([FIRST])
  const put = vi.spyOn(IDBObjectStore.prototype, 'put')
  put.mockImplementationOnce(() => {
    throw new DOMException('full', 'QuotaExceededError')
  })
  const large = { truncateTo: 10, append: makeHeaders(2, 5_000), work: 2n }
  await expect(store.write([large])).rejects.toMatchObject({ code: 'quota-exceeded' })
  expectSameBytes(await store.read({ fromHeight: 0, count: 9_999 }), FIRST.append)
  put.mockRestore()
  await store.write([large])
  expectSameBytes(await store.read({ fromHeight: 10, count: 5_000 }), large.append)
})

test('a transaction that the browser ends half-way leaves what was there', async () => {
  const store = createStore()
  await store.open()
  await store.write([FIRST])
  const put = IDBObjectStore.prototype.put
  let putCount = 0
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...record) {
    putCount += 1
    const request = put.apply(this, record)
    if (putCount === 3) request.addEventListener('success', () => this.transaction.abort())
    return request
  })
  const large = { truncateTo: 10, append: makeHeaders(2, 5_000), work: 2n }
  await expect(store.write([large])).rejects.toMatchObject({ code: 'write-failed' })
  expect(putCount).toBe(3)
  vi.restoreAllMocks()
  expectSameBytes(await store.read({ fromHeight: 0, count: 9_999 }), FIRST.append)
})
