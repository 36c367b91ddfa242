import { mkdir, mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeHeaders, STORE_OPTIONS } from '../../test/contract/store-model.ts'
import { KeptFile } from './kept-file.nodejs.ts'

/** Of 9.6 MB. */
const LONG = { truncateTo: 0, append: makeHeaders(1, 120_000), work: 1n }
const ONE = { truncateTo: 0, append: makeHeaders(2, 1), work: 2n }

let folder: string
let path: string
let file: KeptFile

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rushlight-kept-'))
  path = join(folder, 'headers.log')
  file = new KeptFile(path, STORE_OPTIONS)
  await file.load()
})

afterEach(async () => {
  vi.restoreAllMocks()
  await file.close()
  await rm(folder, { recursive: true })
})

test('where a shorter file cannot be written the long one goes on, and is not tried again at every write', async () => {
  await file.write([LONG])
  await file.write([LONG])
  await mkdir(`${path}.new`)
  await file.write([ONE])
  await rm(`${path}.new`, { recursive: true })
  await file.write([{ ...ONE, truncateTo: 1 }])
  expect([file.headerCount, file.sizeBytes > 2 * LONG.append.length]).toEqual([2, true])
  await file.close()
  file = new KeptFile(path, STORE_OPTIONS)
  await file.load()
  expect([file.headerCount, (await stat(path)).size < 1_000]).toEqual([2, true])
})

test('where a shorter file cannot take the place of the long one nothing more is written: it may be either', async () => {
  await file.write([LONG])
  await file.write([LONG])
  await rm(path)
  await mkdir(path)
  await expect(file.write([ONE])).rejects.toThrow('EISDIR')
  await expect(file.write([ONE])).rejects.toThrow('the store is closed')
})

test('a write is synced before it is acknowledged', async () => {
  const handle = await open(join(folder, 'other'), 'w')
  const datasync = vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, 'datasync')
  await handle.close()
  await file.write([ONE])
  expect(datasync).toHaveBeenCalledTimes(1)
})
