import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DataFolder } from '../../src/store/data-folder.nodejs.ts'
import { openDataFolder } from '../../src/store/data-folder.nodejs.ts'
import { createFileStore } from '../../src/store/file.nodejs.ts'
import { encodePrefix, encodeRecord } from '../../src/store/header-log.nodejs.ts'
import type { HeaderStore, OpenedStore, StoreWrite } from '../../src/store/store.ts'
import { expectSameBytes } from './store-contract.ts'
import { makeHeaders, STORE_OPTIONS, StoreModel } from './store-model.ts'

let folder: DataFolder
let path: string
beforeEach(async () => {
  folder = await openDataFolder({ directory: await mkdtemp(join(tmpdir(), 'rushlight-damage-')) })
  path = join(folder.directory, 'headers.log')
})
afterEach(async () => {
  await folder.close()
  await rm(folder.directory, { recursive: true })
})

async function withStore<Value>(use: (store: HeaderStore, opened: OpenedStore) => Promise<Value>): Promise<Value> {
  const store = createFileStore({ ...STORE_OPTIONS, folder })
  try {
    return await use(store, await store.open())
  } finally {
    await store.close()
  }
}

/** Carries these out one by one; resolves to what the store held after each, the first being nothing, and where the file ended. */
async function writeAll(writes: readonly StoreWrite[]): Promise<{ states: Uint8Array[]; ends: number[] }> {
  const model = new StoreModel()
  return withStore(async (store) => {
    const states = [model.content]
    const ends = [store.sizeBytes]
    for (const write of writes) {
      model.apply(write)
      await store.write([{ ...write, append: write.append.slice() }])
      states.push(model.content)
      ends.push(store.sizeBytes)
    }
    return { states, ends }
  })
}

/** Opens the store over these bytes: it must hold `expected`, warn or not, take a write and hold that too. */
async function expectOpens(args: { bytes: Uint8Array; expected: Uint8Array; isWarned: boolean }): Promise<void> {
  const headerCount = args.expected.length / 80
  await writeFile(path, args.bytes)
  await withStore(async (store, opened) => {
    expect(opened).toMatchObject({ headerCount, isWritable: true })
    expect(opened.warnings.length).toBe(args.isWarned ? 1 : 0)
    expectSameBytes(await store.read({ fromHeight: 0, count: headerCount + 1 }), args.expected)
    await store.write([{ truncateTo: headerCount, append: makeHeaders(77, 1), work: 77n }])
  })
  await withStore(async (store, opened) => {
    expect(opened).toMatchObject({ headerCount: headerCount + 1, work: 77n, warnings: [] })
    expectSameBytes(await store.read({ fromHeight: headerCount, count: 1 }), makeHeaders(77, 1))
  })
}

const WRITES: readonly StoreWrite[] = [
  { truncateTo: 0, append: makeHeaders(1, 3), work: 1n },
  { truncateTo: 3, append: makeHeaders(2, 1), work: 2n },
  { truncateTo: 2, append: makeHeaders(3, 4), work: 3n },
]

describe('a damaged file of headers', () => {
  test('cut off at any byte, it holds what was committed before', async () => {
    const { states, ends } = await writeAll(WRITES)
    const bytes = await readFile(path)
    for (let length = ends[0] ?? 0; length <= bytes.length; length += 1) {
      const whole = ends.findLastIndex((end) => end <= length)
      const expected = states[whole] ?? new Uint8Array(0)
      await expectOpens({ bytes: bytes.subarray(0, length), expected, isWarned: length !== ends[whole] })
    }
  })

  test('with any byte flipped in a bit, it holds what was committed before that byte', async () => {
    const { states, ends } = await writeAll(WRITES)
    const bytes = await readFile(path)
    for (let index = 0; index < bytes.length; index += 1) {
      const flipped = Uint8Array.from(bytes)
      flipped[index] = (bytes[index] ?? 0) ^ (1 << (index % 8))
      const whole = Math.max(
        0,
        ends.findLastIndex((end) => end <= index),
      )
      await expectOpens({ bytes: flipped, expected: states[whole] ?? new Uint8Array(0), isWarned: true })
    }
  })

  test('a torn write of many headers leaves none of them', async () => {
    const { states, ends } = await writeAll([...WRITES, { truncateTo: 1, append: makeHeaders(4, 16_000), work: 4n }])
    const bytes = await readFile(path)
    const start = ends[3] ?? 0
    for (const share of [0.001, 0.3, 0.5, 0.9, 0.9999]) {
      const length = start + Math.floor((bytes.length - start) * share)
      await expectOpens({ bytes: bytes.subarray(0, length), expected: states[3] ?? new Uint8Array(0), isWarned: true })
    }
  })

  test('zeros where a write was to be are cut off', async () => {
    const { states } = await writeAll(WRITES)
    const bytes = await readFile(path)
    const expected = states[3] ?? new Uint8Array(0)
    await expectOpens({ bytes: Buffer.concat([bytes, new Uint8Array(4_096)]), expected, isWarned: true })
  })

  test('a record copied from elsewhere in the file does not count', async () => {
    const { states, ends } = await writeAll(WRITES)
    const bytes = await readFile(path)
    const copied = bytes.subarray(ends[1], ends[2])
    const expected = states[3] ?? new Uint8Array(0)
    await expectOpens({ bytes: Buffer.concat([bytes, copied]), expected, isWarned: true })
  })

  test('a record that keeps more headers than there are is cut off, whatever its checksum', async () => {
    const prefix = encodePrefix(STORE_OPTIONS)
    const record = { truncateTo: 5, appendCount: 1, work: 1n, pieces: [makeHeaders(1, 1)] }
    const bytes = Buffer.concat([prefix, encodeRecord(record, crc32(prefix)).bytes])
    await expectOpens({ bytes, expected: new Uint8Array(0), isWarned: true })
  })

  test.each([
    ['empty', new Uint8Array(0)],
    ['shorter than its first line', new Uint8Array(100)],
    ['of something else', makeHeaders(5, 100)],
  ])('a file that is %s is set aside', async (_, bytes) => {
    await expectOpens({ bytes, expected: new Uint8Array(0), isWarned: true })
    expect(new Uint8Array(await readFile(`${path}.unreadable`))).toEqual(bytes)
  })

  test.each(['headers.log', 'headers-upper.log'])('%s alone loses what is damaged in it', async (name) => {
    const isUpper = name !== 'headers.log'
    await writeAll([...WRITES, ...WRITES.map((write) => ({ ...write, isUpper: true }))])
    const damaged = join(folder.directory, name)
    const [bytes, other] = [
      await readFile(damaged),
      join(folder.directory, isUpper ? 'headers.log' : 'headers-upper.log'),
    ]
    const otherBytes = await readFile(other)
    for (let index = 0; index < bytes.length; index += 37) {
      const flipped = Uint8Array.from(bytes)
      flipped[index] = (bytes[index] ?? 0) ^ 1
      for (const content of [flipped, bytes.subarray(0, index)]) {
        await writeFile(damaged, content)
        await withStore(async (store, opened) => {
          expect(opened.warnings.length).toBeLessThanOrEqual(1)
          expect(isUpper ? opened.headerCount : opened.upper.headerCount).toBe(6)
          expect(isUpper ? opened.upper.headerCount : opened.headerCount).toBeLessThan(6)
          const intact = await store.read({ fromHeight: 0, count: 9, isUpper: !isUpper })
          expectSameBytes(intact, Buffer.concat([makeHeaders(1, 2), makeHeaders(3, 4)]))
        })
        expect(await readFile(other)).toEqual(otherBytes)
      }
    }
  })

  test('an upper part that is left without headers leaves no file', async () => {
    await writeAll([...WRITES, { truncateTo: 0, append: makeHeaders(4, 2), work: 4n, isUpper: true }])
    expect(await readdir(folder.directory)).toContain('headers-upper.log')
    await withStore((store) => store.write([{ truncateTo: 0, append: new Uint8Array(0), work: 0n, isUpper: true }]))
    expect(await readdir(folder.directory)).not.toContain('headers-upper.log')
  })

  test('an upper part that follows another checkpoint leaves no file', async () => {
    await writeAll([{ truncateTo: 0, append: makeHeaders(4, 2), work: 4n, isUpper: true }])
    const store = createFileStore({ ...STORE_OPTIONS, startsAbove: 'c1'.repeat(32), folder })
    await store.open()
    await store.close()
    expect(await readdir(folder.directory)).not.toContain('headers-upper.log')
  })

  test('a missing file is made anew', async () => {
    await writeAll(WRITES)
    await rm(path)
    await withStore(async (_, opened) => expect(opened).toMatchObject({ headerCount: 0, warnings: [] }))
  })

  test('what a killed rewrite left behind is removed', async () => {
    const { states } = await writeAll(WRITES)
    await writeFile(`${path}.new`, makeHeaders(1, 1))
    await expectOpens({ bytes: await readFile(path), expected: states[3] ?? new Uint8Array(0), isWarned: false })
    await expect(stat(`${path}.new`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a folder in its place is refused in one line', async () => {
    await mkdir(path)
    const message = expect.stringMatching(/^cannot use data folder .*EISDIR.*$/) as string
    await expect(withStore(async () => undefined)).rejects.toMatchObject({ code: 'unavailable', message })
  })

  test.each([
    ['chain', { chain: 'bitcoin:mainnet' }],
    ['genesis', { genesis: '0e'.repeat(32) }],
    ['header size', { headerSizeBytes: 81 }],
  ])('another %s is refused, and the file untouched', async (_, other) => {
    await writeAll(WRITES)
    const before = await readFile(path)
    const store = createFileStore({ ...STORE_OPTIONS, ...other, folder })
    await expect(store.open()).rejects.toMatchObject({ code: 'wrong-chain' })
    const { message } = (await store.open().catch((error: Error) => error)) as Error
    expect(message).toContain('expected bitcoin:')
    expect(message).toContain(`got bitcoin:regtest with genesis ${STORE_OPTIONS.genesis} and headers of 80 bytes`)
    expect(await readFile(path)).toEqual(before)
  })
})

describe('compaction', () => {
  test('many small writes become chunks: the file shrinks and nothing else changes', async () => {
    const kept: Uint8Array[] = []
    let work = 0n
    const sizeBytesMax = await withStore(async (store) => {
      for (let sizeBytesBefore = 0; store.sizeBytes > sizeBytesBefore; work += 1n) {
        sizeBytesBefore = store.sizeBytes
        if (work % 5n === 4n) kept.splice(-2)
        const truncateTo = kept.length
        kept.push(makeHeaders(Number(work), 1))
        await store.write([{ truncateTo, append: makeHeaders(Number(work), 1), work: work + 1n }])
        if (store.sizeBytes < sizeBytesBefore) return sizeBytesBefore
      }
      return 0
    })
    const content = Buffer.concat(kept)
    await withStore(async (store, opened) => {
      expect(opened).toMatchObject({ headerCount: kept.length, work: work + 1n, warnings: [] })
      expectSameBytes(await store.read({ fromHeight: 0, count: kept.length + 1 }), content)
      expect(store.sizeBytes).toBeLessThan(content.length + 1_024)
      expect(sizeBytesMax).toBeGreaterThan(content.length * 1.5)
    })
  })

  test('a chunk ends only where its work is known, so that a file cut short tells no wrong work', async () => {
    await withStore(async (store) => {
      await store.write([{ truncateTo: 0, append: makeHeaders(1, 10), work: 1n }])
      await store.write([{ truncateTo: 10, append: makeHeaders(2, 230_000), work: 2n }])
      await store.write([{ truncateTo: 5_000, append: makeHeaders(3, 1), work: 3n }])
      expect(store.sizeBytes).toBeLessThan(5_001 * 80 + 1_024)
    })
    const bytes = await readFile(path)
    await writeFile(path, bytes.subarray(0, -1))
    await withStore(async (_, opened) => expect(opened).toMatchObject({ headerCount: 0, work: 0n }))
  })

  test('headers that were reorganised away do not pile up', async () => {
    await withStore(async (store) => {
      for (let index = 0; index < 8; index += 1) {
        await store.write([{ truncateTo: 0, append: makeHeaders(index, 60_000), work: BigInt(index) }])
        expect(store.sizeBytes).toBeLessThan(2 * 60_000 * 80 + 17 * 1024 * 1024)
      }
      expectSameBytes(await store.read({ fromHeight: 0, count: 60_000 }), makeHeaders(7, 60_000))
    })
  })
})
