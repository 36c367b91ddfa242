import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createFileBlockStore } from '../../src/store/block-store-file.nodejs.ts'
import type { BlockStore, BlockStoreOptions } from '../../src/store/block-store.ts'
import type { Block } from './block-store-model.ts'
import { makeBlock, rehash, ROOT_A } from './block-store-model.ts'
import { expectSameBytes } from './store-contract.ts'

let directory: string
let path: string
let warnings: string[]
let stores: BlockStore[]
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rushlight-blocks-damage-'))
  path = join(directory, 'blocks.sqlite')
  warnings = []
  stores = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const store of stores) await store.close()
  await rm(directory, { recursive: true })
})

function createStore(options: Partial<BlockStoreOptions> = {}): BlockStore {
  const store = createFileBlockStore({
    chain: 'bitcoin:regtest',
    sizeBytesMax: 1_000_000,
    rehash,
    onWarning: (detail) => void warnings.push(detail),
    directory,
    ...options,
  })
  stores.push(store)
  return store
}

async function openStore(options: Partial<BlockStoreOptions> = {}): Promise<BlockStore> {
  const store = createStore(options)
  await store.open()
  return store
}

/** Between two stores. */
function withDatabase(work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(path)
  work(database)
  database.close()
}

function read(store: BlockStore, ...blocks: readonly Block[]): Promise<readonly (Uint8Array | undefined)[]> {
  return store.read({ cids: blocks.map(({ cid }) => cid), bytesMax: Infinity })
}

test('damaged bytes are dropped with a warning, and absent', async () => {
  const [good, bad] = [makeBlock(1, 5_000), makeBlock(2, 5_000)]
  const first = await openStore()
  await first.write({ blocks: [good, bad], pin: ROOT_A })
  await first.close()
  withDatabase((database) => {
    const entry = 'SELECT id FROM entries WHERE key = ?'
    const damaged = bad.bytes.map((byte, index) => (index === 4_999 ? byte ^ 1 : byte))
    database.prepare(`UPDATE contents SET bytes = ? WHERE id = (${entry})`).run(damaged, bad.cid)
  })
  const store = await openStore()
  const [foundGood, foundBad] = await read(store, good, bad)
  expectSameBytes(foundGood ?? new Uint8Array(0), good.bytes)
  expect(foundBad).toBeUndefined()
  expect(warnings).toEqual([`${bad.cid} was damaged in the block store and is dropped`])
  expect(await store.sizes([good.cid, bad.cid])).toEqual([5_000, undefined])
  expect(store).toMatchObject({ sizeBytes: 5_000, blockCount: 1 })
  await store.write({ blocks: [bad] })
  expectSameBytes((await read(store, bad))[0] ?? new Uint8Array(0), bad.bytes)
})

test('a damaged outline is dropped with a warning, and absent', async () => {
  const outline = makeBlock(1, 500).bytes
  const first = await openStore()
  await first.write({ blocks: [], outline: { root: ROOT_A, bytes: outline } })
  await first.close()
  withDatabase((database) => {
    const row = database.prepare('SELECT bytes FROM contents').get()
    const bytes = row?.['bytes'] as Uint8Array
    database.prepare('UPDATE contents SET bytes = ?').run(bytes.map((byte, index) => (index === 100 ? byte ^ 1 : byte)))
  })
  const store = await openStore()
  expect(await store.readOutline(ROOT_A)).toBeUndefined()
  expect(warnings).toEqual([`outline:${ROOT_A} was damaged in the block store and is dropped`])
  expect(store.sizeBytes).toBe(0)
})

test.each([
  ['no database', (): Promise<void> => writeFile(path, 'something else, and long enough to be read as a header')],
  [
    'a database whose tables are torn',
    async (): Promise<void> => {
      const store = await openStore()
      for (let seed = 0; seed < 50; seed += 1) await store.write({ blocks: [makeBlock(seed, 2_000)] })
      await store.close()
      const file = await open(path, 'r+')
      // All pages but the first, whose head says that this is a database.
      await file.write(Buffer.alloc((await stat(path)).size - 4_096, 0xff), 0, undefined, 4_096)
      await file.close()
    },
  ],
])('%s is set aside with a warning, and an empty one takes its place', async (_, damage) => {
  await damage()
  const damaged = await readFile(path)
  const store = await openStore()
  expect(await read(store, makeBlock(1, 2_000))).toEqual([undefined])
  expect(warnings).toEqual([
    `${path} is damaged or no file of blocks; renamed to ${path}.unreadable, starting with none`,
  ])
  expect(await readFile(`${path}.unreadable`)).toEqual(damaged)
  await store.write({ blocks: [makeBlock(1, 2_000)] })
  await store.close()
  expect(await (await openStore()).sizes([makeBlock(1, 2_000).cid])).toEqual([2_000])
})

test('a file that turns out damaged while it is used is set aside, and the call is carried out on an empty one', async () => {
  const blocks = Array.from({ length: 50 }, (_, seed) => makeBlock(seed, 2_000))
  const first = await openStore()
  await first.write({ blocks })
  await first.close()
  const store = await openStore()
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc((await stat(path)).size - 4_096, 0xff), 0, undefined, 4_096)
  await file.close()
  const calls = [read(store, ...blocks), store.write({ blocks: blocks.slice(0, 1) })] as const
  await Promise.all(calls)
  expect(warnings.length).toBe(1)
  expect(store).toMatchObject({ blockCount: 1, sizeBytes: 2_000 })
})

test('a full disk is told apart, leaves what was there, and passes', async () => {
  const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
  const store = await openStore({ sizeBytesMax: 1e9 })
  const database = exec.mock.contexts[0] as DatabaseSync
  const [before, large] = [makeBlock(1, 1_000), makeBlock(2, 200_000)]
  await store.write({ blocks: [before] })
  // SQLite's own border: beyond it a write fails as on a disk without room.
  database.exec('PRAGMA max_page_count = 20')
  const failed = store.write({ blocks: [makeBlock(3, 10), large], pin: ROOT_A })
  await expect(failed).rejects.toMatchObject({ code: 'quota-exceeded', message: 'the disk is full' })
  expect(await store.sizes([before, makeBlock(3, 10), large].map(({ cid }) => cid))).toEqual([
    1_000,
    undefined,
    undefined,
  ])
  expect(store).toMatchObject({ sizeBytes: 1_000, blockCount: 1 })
  database.exec('PRAGMA max_page_count = 100000')
  await store.write({ blocks: [large], pin: ROOT_A })
  expectSameBytes((await read(store, large))[0] ?? new Uint8Array(0), large.bytes)
  expect(warnings).toEqual([])
})

test('reading goes on while the disk is full', async () => {
  const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
  const store = await openStore()
  const database = exec.mock.contexts[0] as DatabaseSync
  const blocks = Array.from({ length: 2_000 }, (_, seed) => makeBlock(seed, 20))
  await store.write({ blocks })
  exec.mockImplementation(() => {
    throw Object.assign(new Error('database or disk is full'), { errcode: 13 })
  })
  const found = await read(store, ...blocks)
  expect(found.filter((bytes) => bytes === undefined)).toEqual([])
  await store.close()
  expect(database.isOpen).toBe(false)
})

test('a cap that is lower than before is kept from the start', async () => {
  const blocks = Array.from({ length: 10 }, (_, seed) => makeBlock(seed, 100))
  const first = await openStore()
  await first.write({ blocks: blocks.slice(0, 5), pin: ROOT_A })
  await first.write({ blocks: blocks.slice(5) })
  await first.close()
  const second = await openStore({ sizeBytesMax: 700 })
  expect(second).toMatchObject({ sizeBytes: 700, blockCount: 7 })
  await second.close()
  // What is pinned stays even then; there is only no room for more.
  const third = await openStore({ sizeBytesMax: 300 })
  expect(third).toMatchObject({ sizeBytes: 500, blockCount: 5 })
  await expect(third.write({ blocks: [makeBlock(99, 1)] })).rejects.toMatchObject({ code: 'quota-exceeded' })
})

test('what was read is remembered as used by the next process', async () => {
  const blocks = Array.from({ length: 10 }, (_, seed) => makeBlock(seed, 100))
  const [oldest, older] = blocks
  const first = await openStore({ sizeBytesMax: 1_000 })
  for (const block of blocks) await first.write({ blocks: [block] })
  await read(first, ...blocks.slice(0, 1))
  await first.close()
  const second = await openStore({ sizeBytesMax: 1_000 })
  await second.write({ blocks: [makeBlock(99, 100)] })
  expect(await second.sizes([oldest, older].flatMap((block) => (block === undefined ? [] : [block.cid])))).toEqual([
    100,
    undefined,
  ])
})

test('blocks of another chain are refused', async () => {
  await (await openStore()).close()
  await expect(openStore({ chain: 'bitcoin:signet' })).rejects.toMatchObject({
    code: 'wrong-chain',
    message: 'expected blocks of bitcoin:signet, got those of bitcoin:regtest',
  })
})

test('a file of a later version is left alone', async () => {
  await (await openStore()).close()
  withDatabase((database) => database.exec('PRAGMA user_version = 2'))
  await expect(openStore()).rejects.toMatchObject({
    code: 'unavailable',
    message: 'expected blocks in version 1, got version 2',
  })
  expect(warnings).toEqual([])
})

test('one store at a time has the file', async () => {
  const first = await openStore()
  await expect(openStore()).rejects.toMatchObject({
    code: 'locked',
    message: `cannot use ${path}: another process has it open`,
  })
  await expect(first.open()).rejects.toMatchObject({ code: 'unavailable', message: 'the block store is open already' })
  await first.close()
  await openStore()
})

test('a folder that is not there is told of in one line', async () => {
  const store = createFileBlockStore({
    chain: 'c',
    sizeBytesMax: 1,
    rehash,
    onWarning: () => undefined,
    directory: join(directory, 'missing'),
  })
  await expect(store.open()).rejects.toMatchObject({
    code: 'unavailable',
    message: `cannot use ${join(directory, 'missing', 'blocks.sqlite')}: no file can be written there`,
  })
})
