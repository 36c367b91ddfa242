import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { HeaderStore, StoreOptions, StoreWrite } from '../../src/store/store.ts'
import { StoreError } from '../../src/store/store.ts'
import { makeHeaders, STORE_OPTIONS, StoreModel } from './store-model.ts'

/** A place that stores are opened on, one after another. */
export interface StorePlace {
  /** Another store over the same content; the one before was closed. */
  createStore(options: StoreOptions): HeaderStore
  /** Removes all there is. */
  remove(): Promise<void>
}

/** `toEqual` on large arrays takes seconds. */
export function expectSameBytes(found: Uint8Array, expected: Uint8Array): void {
  expect(found.length).toBe(expected.length)
  expect(found.findIndex((byte, index) => byte !== expected[index])).toBe(-1)
}

/** Registers the tests that every store must pass. */
export function describeStore(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(name, () => {
    let place: StorePlace
    let store: HeaderStore
    beforeEach(async () => {
      place = await makePlace()
      store = place.createStore(STORE_OPTIONS)
    })
    afterEach(async () => {
      await store.close()
      await place.remove()
    })
    const reopen = async (): Promise<Awaited<ReturnType<HeaderStore['open']>>> => {
      await store.close()
      store = place.createStore(STORE_OPTIONS)
      return store.open()
    }

    test('a new store is empty and writable', async () => {
      expect(await store.open()).toEqual({
        headerCount: 0,
        work: 0n,
        isWritable: true,
        reason: undefined,
        warnings: [],
      })
      expect(await store.read({ fromHeight: 0, count: 10 })).toEqual(new Uint8Array(0))
    })

    for (const count of [2_015, 2_016, 2_017, 4_033]) {
      test(`${count} headers in one write are read back, also after reopening`, async () => {
        await store.open()
        const headers = makeHeaders(1, count)
        await store.write([{ truncateTo: 0, append: headers.slice(), work: 7n }])
        expectSameBytes(await store.read({ fromHeight: 0, count: count + 1 }), headers)
        expect(store.sizeBytes).toBeGreaterThanOrEqual(headers.length)
        expect(await reopen()).toMatchObject({ headerCount: count, work: 7n, warnings: [] })
        expectSameBytes(await store.read({ fromHeight: 0, count: count + 1 }), headers)
        expectSameBytes(await store.read({ fromHeight: 2_014, count: 3 }), headers.subarray(2_014 * 80, 2_017 * 80))
      })
    }

    for (const truncateTo of [0, 1, 2_015, 2_016, 2_017, 4_999, 5_000]) {
      test(`a reorganisation to ${truncateTo} headers keeps those and appends the new ones`, async () => {
        await store.open()
        const model = new StoreModel()
        const writes = [
          { truncateTo: 0, append: makeHeaders(1, 5_000), work: 5n },
          { truncateTo, append: makeHeaders(2, 30), work: 6n },
        ]
        for (const write of writes) {
          await store.write([{ ...write, append: write.append.slice() }])
          model.apply(write)
        }
        expect(await reopen()).toMatchObject({ headerCount: truncateTo + 30, work: 6n, warnings: [] })
        expectSameBytes(await store.read({ fromHeight: 0, count: 10_000 }), model.content)
      })
    }

    test('a truncation without an append keeps the work it came with', async () => {
      await store.open()
      await store.write([{ truncateTo: 0, append: makeHeaders(1, 10), work: 9n }])
      await store.write([{ truncateTo: 4, append: new Uint8Array(0), work: 3n }])
      expect(await reopen()).toMatchObject({ headerCount: 4, work: 3n })
      expectSameBytes(await store.read({ fromHeight: 0, count: 10 }), makeHeaders(1, 10).subarray(0, 320))
    })

    test('work of 256 bits survives', async () => {
      await store.open()
      await store.write([{ truncateTo: 0, append: makeHeaders(1, 1), work: 2n ** 256n - 1n }])
      expect((await reopen()).work).toBe(2n ** 256n - 1n)
    })

    test('what was read belongs to the caller', async () => {
      await store.open()
      await store.write([{ truncateTo: 0, append: makeHeaders(1, 2), work: 1n }])
      const read = await store.read({ fromHeight: 0, count: 1 })
      read.fill(0)
      expect(read.buffer.byteLength).toBe(80)
      expectSameBytes(await store.read({ fromHeight: 0, count: 2 }), makeHeaders(1, 2))
    })

    test('a write that does not fit is the caller’s mistake and changes nothing', async () => {
      await store.open()
      await store.write([{ truncateTo: 0, append: makeHeaders(1, 3), work: 1n }])
      const mistakes = [
        { truncateTo: 4, append: new Uint8Array(0), work: 1n },
        { truncateTo: -1, append: new Uint8Array(0), work: 1n },
        { truncateTo: 3, append: new Uint8Array(79), work: 1n },
        { truncateTo: 3, append: new Uint8Array(81), work: 1n },
        { truncateTo: 3, append: new Uint8Array(80), work: -1n },
      ]
      const good = { truncateTo: 2, append: makeHeaders(9, 1), work: 2n }
      for (const mistake of mistakes) await expect(store.write([good, mistake])).rejects.toThrow(RangeError)
      expectSameBytes(await store.read({ fromHeight: 0, count: 9 }), makeHeaders(1, 3))
    })

    test('a closed store says so', async () => {
      await store.open()
      await store.close()
      await expect(store.read({ fromHeight: 0, count: 1 })).rejects.toThrow(StoreError)
      await expect(store.write([])).rejects.toMatchObject({ code: 'write-failed' })
      await store.close()
    })

    test('any writes, read back in any way and reopened at any time, are what an array would hold', async () => {
      await store.open()
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) => runSteps(steps, { reopen, store: () => store })),
        { numRuns: 40 },
      )
    })
  })
}

type Step =
  | { readonly type: 'reopen' }
  | { readonly type: 'read'; readonly from: number; readonly count: number }
  | { readonly type: 'write'; readonly writes: readonly { drop: number; append: number; seed: number }[] }

/** Heights are drawn as shares of what is there, so that most of them mean something. */
const share: fc.Arbitrary<number> = fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }))
const appendCount: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(20) },
  { weight: 1, arbitrary: fc.nat(3_000) },
  { weight: 1, arbitrary: fc.constantFrom(2_015, 2_016, 2_017) },
)
const drop: fc.Arbitrary<number> = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: share })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('read' as const), from: share, count: share }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      writes: fc.array(fc.record({ drop, append: appendCount, seed: fc.nat() }), { maxLength: 4 }),
    }),
  },
)

async function runSteps(
  steps: readonly Step[],
  { store, reopen }: { store(): HeaderStore; reopen(): Promise<{ headerCount: number; work: bigint }> },
): Promise<void> {
  const model = new StoreModel()
  await store().write([{ truncateTo: 0, append: new Uint8Array(0), work: 0n }])
  let work = 0n
  for (const next of steps) {
    if (next.type === 'write') {
      const writes: StoreWrite[] = []
      for (const { drop: dropped, append, seed } of next.writes) {
        work += 1n
        const truncateTo = model.headerCount - Math.floor(dropped * model.headerCount)
        const write = { truncateTo, append: makeHeaders(seed, append), work }
        model.apply(write)
        writes.push({ ...write, append: write.append.slice() })
      }
      await store().write(writes)
    } else if (next.type === 'read') {
      const fromHeight = Math.floor(next.from * model.headerCount)
      const count = Math.floor(next.count * model.headerCount)
      expectSameBytes(await store().read({ fromHeight, count }), model.slice(fromHeight, count))
    } else {
      expect(await reopen()).toMatchObject({ headerCount: model.headerCount, work: model.work, warnings: [] })
    }
  }
  await reopen()
  expectSameBytes(await store().read({ fromHeight: 0, count: model.headerCount + 1 }), model.content)
}
