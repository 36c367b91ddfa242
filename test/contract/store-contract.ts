import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { HeaderStore, OpenedStore, StoreOptions, StoreWrite } from '../../src/store/store.ts'
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
        upper: { headerCount: 0, work: 0n },
        isWritable: true,
        reason: undefined,
        warnings: [],
      })
      expect(await store.read({ fromHeight: 0, count: 10 })).toEqual(new Uint8Array(0))
      expect(await store.read({ fromHeight: 0, count: 10, isUpper: true })).toEqual(new Uint8Array(0))
    })

    test('what is above a gap is a part of its own, until it is left without headers', async () => {
      await store.open()
      const [lower, upper] = [makeHeaders(1, 2_020), makeHeaders(2, 4_100)]
      await store.write([{ truncateTo: 0, append: upper.slice(0, 80), work: 7n, isUpper: true }])
      await store.write([{ truncateTo: 0, append: lower.slice(), work: 2n }])
      await store.write([{ truncateTo: 1, append: upper.slice(80), work: 9n, isUpper: true }])
      expect(store.sizeBytes).toBeGreaterThanOrEqual(lower.length + upper.length)
      const both = { headerCount: 2_020, work: 2n, upper: { headerCount: 4_100, work: 9n } }
      expect(await reopen()).toMatchObject({ ...both, warnings: [] })
      expectSameBytes(await store.read({ fromHeight: 0, count: 9_999 }), lower)
      expectSameBytes(await store.read({ fromHeight: 0, count: 9_999, isUpper: true }), upper)
      expectSameBytes(
        await store.read({ fromHeight: 2_015, count: 3, isUpper: true }),
        upper.subarray(2_015 * 80, 2_018 * 80),
      )
      await store.write([{ truncateTo: 5, append: new Uint8Array(0), work: 1n }])
      expectSameBytes(await store.read({ fromHeight: 0, count: 9_999, isUpper: true }), upper)
      await store.write([{ truncateTo: 0, append: new Uint8Array(0), work: 0n, isUpper: true }])
      expect(await reopen()).toMatchObject({ headerCount: 5, work: 1n, upper: { headerCount: 0 }, warnings: [] })
      expectSameBytes(await store.read({ fromHeight: 0, count: 9_999 }), lower.subarray(0, 5 * 80))
      expect(await store.read({ fromHeight: 0, count: 1, isUpper: true })).toEqual(new Uint8Array(0))
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

    test('what was above another checkpoint is not there', async () => {
      await store.open()
      await store.write([{ truncateTo: 0, append: makeHeaders(1, 3), work: 1n }])
      await store.write([{ truncateTo: 0, append: makeHeaders(2, 4_100), work: 9n, isUpper: true }])
      await store.close()
      store = place.createStore({ ...STORE_OPTIONS, startsAbove: 'c1'.repeat(32) })
      // One that lives in memory is not made anew for another version of the program.
      if (store.kind === 'memory') return
      expect(await store.open()).toMatchObject({ headerCount: 3, upper: { headerCount: 0 }, warnings: [] })
      expect(await store.read({ fromHeight: 0, count: 1, isUpper: true })).toEqual(new Uint8Array(0))
      await store.write([{ truncateTo: 0, append: makeHeaders(3, 5), work: 5n, isUpper: true }])
      await store.close()
      store = place.createStore({ ...STORE_OPTIONS, startsAbove: 'c1'.repeat(32) })
      expect(await store.open()).toMatchObject({ headerCount: 3, upper: { headerCount: 5, work: 5n }, warnings: [] })
      expectSameBytes(await store.read({ fromHeight: 0, count: 9, isUpper: true }), makeHeaders(3, 5))
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
  | { readonly type: 'read'; readonly from: number; readonly count: number; readonly isUpper: boolean }
  | {
      readonly type: 'write'
      readonly isUpper: boolean
      readonly writes: readonly { drop: number; append: number; seed: number }[]
    }

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
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('read' as const), from: share, count: share, isUpper: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      isUpper: fc.boolean(),
      writes: fc.array(fc.record({ drop, append: appendCount, seed: fc.nat() }), {
        maxLength: 4,
      }),
    }),
  },
)

async function runSteps(
  steps: readonly Step[],
  { store, reopen }: { store(): HeaderStore; reopen(): ReturnType<HeaderStore['open']> },
): Promise<void> {
  const model = new StoreModel()
  const nothing = { truncateTo: 0, append: new Uint8Array(0), work: 0n }
  for (const isUpper of [false, true]) await store().write([{ ...nothing, isUpper }])
  let work = 0n
  for (const next of steps) {
    if (next.type === 'write') {
      const writes: StoreWrite[] = []
      const { isUpper } = next
      for (const { drop: dropped, append, seed } of next.writes) {
        work += 1n
        const { headerCount } = isUpper ? model.upper : model
        const truncateTo = headerCount - Math.floor(dropped * headerCount)
        const write = { truncateTo, append: makeHeaders(seed, append), work, isUpper }
        model.apply(write)
        writes.push({ ...write, append: write.append.slice() })
      }
      await store().write(writes)
    } else if (next.type === 'read') {
      const { isUpper } = next
      const part = isUpper ? model.upper : model
      const fromHeight = Math.floor(next.from * part.headerCount)
      const count = Math.floor(next.count * part.headerCount)
      expectSameBytes(await store().read({ fromHeight, count, isUpper }), part.slice(fromHeight, count))
    } else expectToHold(await reopen(), model)
  }
  expectToHold(await reopen(), model)
  expectSameBytes(await store().read({ fromHeight: 0, count: model.headerCount + 1 }), model.content)
  const count = model.upper.headerCount + 1
  expectSameBytes(await store().read({ fromHeight: 0, count, isUpper: true }), model.upper.content)
}

function expectToHold(opened: OpenedStore, { headerCount, work, upper }: StoreModel): void {
  expect(opened).toMatchObject({ headerCount, work, upper: { headerCount: upper.headerCount }, warnings: [] })
  // Of none it means nothing.
  if (upper.headerCount > 0) expect(opened.upper.work).toBe(upper.work)
}
