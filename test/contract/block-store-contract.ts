import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BlockStore, BlockStoreOptions } from '../../src/store/block-store.ts'
import type { Cid } from '../../src/core/ids.ts'
import { StoreError } from '../../src/store/store.ts'
import { HASH_DBL_SHA2_256 } from '../../src/wire/cid.ts'
import type { Block } from './block-store-model.ts'
import { BlockModel, makeBlock, rehash, ROOT_A, ROOT_B } from './block-store-model.ts'
import { expectSameBytes } from './store-contract.ts'

/** A place that stores are opened on, one after another. */
export interface BlockStorePlace {
  /** Another store over the same content; the one before was closed. */
  createStore(options: BlockStoreOptions): BlockStore
  /** Removes all there is. */
  remove(): Promise<void>
}

const SIZE_BYTES_MAX = 1_000
const CHAIN = 'bitcoin:regtest'

/** Registers the tests that every block store must pass. */
export function describeBlockStore(name: string, makePlace: () => Promise<BlockStorePlace>): void {
  describe(name, () => {
    let place: BlockStorePlace
    let store: BlockStore
    let warnings: string[]
    const create = (): BlockStore =>
      place.createStore({
        chain: CHAIN,
        sizeBytesMax: SIZE_BYTES_MAX,
        rehash,
        onWarning: (detail) => void warnings.push(detail),
      })
    beforeEach(async () => {
      warnings = []
      place = await makePlace()
      store = create()
      await store.open()
    })
    afterEach(async () => {
      await store.close()
      await place.remove()
      expect(warnings).toEqual([])
    })
    const reopen = async (): Promise<void> => {
      await store.close()
      store = create()
      await store.open()
    }
    const held = async (blocks: readonly Block[]): Promise<number[]> => {
      const sizes = await store.sizes(cidsOf(blocks))
      return [...blocks.keys()].filter((index) => sizes[index] !== undefined)
    }
    const readAll = (blocks: readonly Block[]): Promise<readonly (Uint8Array | undefined)[]> =>
      store.read({ cids: cidsOf(blocks), bytesMax: Infinity })

    test('a new store is empty', async () => {
      expect(store).toMatchObject({ sizeBytes: 0, blockCount: 0, sizeBytesMax: SIZE_BYTES_MAX, reason: undefined })
      expect(await readAll([makeBlock(1, 10)])).toEqual([undefined])
      expect(await store.readOutline(ROOT_A)).toBeUndefined()
      await store.unpin(ROOT_A)
      expect(await store.read({ cids: [], bytesMax: 0 })).toEqual([])
    })

    test('blocks are read back in the order asked for, absent ones among them, also after reopening', async () => {
      const [small, twice, none, empty] = [
        makeBlock(1, 300),
        makeBlock(2, 80, HASH_DBL_SHA2_256),
        makeBlock(3, 9),
        makeBlock(4, 0),
      ]
      await store.write({ blocks: [small, twice, empty] })
      const check = async (): Promise<void> => {
        const [first, second, third, fourth] = await readAll([twice, none, small, empty])
        expectSameBytes(first ?? new Uint8Array(1), twice.bytes)
        expect(second).toBeUndefined()
        expectSameBytes(third ?? new Uint8Array(1), small.bytes)
        expectSameBytes(fourth ?? new Uint8Array(1), empty.bytes)
        expect(await store.sizes(cidsOf([none, small, empty]))).toEqual([undefined, 300, 0])
        expect(store).toMatchObject({ sizeBytes: 380, blockCount: 3 })
      }
      await check()
      await reopen()
      await check()
    })

    test('a block that is written twice is held once', async () => {
      const block = makeBlock(1, 100)
      await store.write({ blocks: [block, block] })
      await store.write({ blocks: [block] })
      expect(store).toMatchObject({ sizeBytes: 100, blockCount: 1 })
    })

    test.each([
      [99, [100]],
      [100, [100]],
      [299, [100, 100]],
      [300, [100, 100, 100]],
      [301, [100, 100, 100]],
    ])('%i bytes at most are read, but always the first block', async (bytesMax, expected) => {
      const blocks = [1, 2, 3].map((seed) => makeBlock(seed, 100))
      await store.write({ blocks })
      const found = await store.read({ cids: cidsOf(blocks), bytesMax })
      expect(found.map((bytes) => bytes?.length)).toEqual(expected)
    })

    test('what was a part of something larger is kept alone', async () => {
      const { cid, bytes } = makeBlock(1, 100)
      const message = new Uint8Array(100_000)
      message.set(bytes, 500)
      await store.write({ blocks: [{ cid, bytes: message.subarray(500, 600) }] })
      message.fill(0)
      const [found] = await store.read({ cids: [cid], bytesMax: Infinity })
      expectSameBytes(found ?? new Uint8Array(0), bytes)
      expect(found?.buffer.byteLength).toBeLessThan(1_000)
    })

    test('bytes that do not hash to their CID are refused, with all that was to be written beside them', async () => {
      const [good, other] = [makeBlock(1, 100), makeBlock(2, 100)]
      const wrong = { cid: makeBlock(3, 100).cid, bytes: other.bytes }
      await expect(store.write({ blocks: [good, wrong] })).rejects.toMatchObject({
        code: 'hash-mismatch',
        message: `expected bytes of ${wrong.cid}, got those of ${other.cid}`,
      })
      expect(await held([good, other])).toEqual([])
      expect(store).toMatchObject({ sizeBytes: 0, blockCount: 0 })
    })

    test('a CID of an unknown hash function is refused', async () => {
      const sha512 = `bafkrgq${'a'.repeat(103)}` as Cid
      await expect(store.write({ blocks: [{ cid: sha512, bytes: new Uint8Array(1) }] })).rejects.toMatchObject({
        code: 'unknown-hash',
      })
    })

    test('the cap is reached and never passed: what was used longest ago gives way', async () => {
      const blocks = Array.from({ length: 13 }, (_, seed) => makeBlock(seed, 100))
      for (const block of blocks.slice(0, 10)) await store.write({ blocks: [block] })
      expect(await held(blocks)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      // Reading and writing count as use, asking for the size does not.
      await readAll(blocks.slice(0, 1))
      await store.write({ blocks: blocks.slice(1, 2) })
      await store.sizes(cidsOf(blocks.slice(2, 3)))
      await store.write({ blocks: blocks.slice(10, 11) })
      expect(await held(blocks)).toEqual([0, 1, 3, 4, 5, 6, 7, 8, 9, 10])
      await reopen()
      await store.write({ blocks: blocks.slice(11) })
      expect(await held(blocks)).toEqual([0, 1, 5, 6, 7, 8, 9, 10, 11, 12])
      expect(store).toMatchObject({ sizeBytes: 1_000, blockCount: 10 })
    })

    test('a write that was refused forgets nothing of what was used before', async () => {
      const blocks = Array.from({ length: 11 }, (_, seed) => makeBlock(seed, 100))
      for (const block of blocks.slice(0, 10)) await store.write({ blocks: [block] })
      await readAll(blocks.slice(0, 1))
      expect(await codesOf(store.write({ blocks: [makeBlock(99, 1_001)] }))).toEqual(['quota-exceeded'])
      await store.write({ blocks: blocks.slice(10) })
      expect(await held(blocks)).toEqual([0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    })

    test.each([
      [999, []],
      [1_000, []],
      [1_001, ['quota-exceeded']],
    ])('a single block of %i bytes in a store of 1,000', async (sizeBytes, expected) => {
      const [small, large] = [makeBlock(1, 1), makeBlock(2, sizeBytes)]
      await store.write({ blocks: [small] })
      expect(await codesOf(store.write({ blocks: [large] }))).toEqual(expected)
      expect(await held([small, large])).toEqual(sizeBytes > 1_000 ? [0] : sizeBytes === 999 ? [0, 1] : [1])
    })

    test('blocks that together do not fit are all refused', async () => {
      const blocks = Array.from({ length: 11 }, (_, seed) => makeBlock(seed, 100))
      const before = makeBlock(99, 500)
      await store.write({ blocks: [before] })
      expect(await codesOf(store.write({ blocks }))).toEqual(['quota-exceeded'])
      expect(await held([before, ...blocks])).toEqual([0])
      expect(store).toMatchObject({ sizeBytes: 500, blockCount: 1 })
    })

    test('what is pinned stays until it is unpinned under every root', async () => {
      const [first, second, third, large] = [makeBlock(1, 300), makeBlock(2, 300), makeBlock(3, 400), makeBlock(4, 700)]
      const all = [first, second, third, large]
      await store.write({ blocks: [first], pin: ROOT_A })
      await store.write({ blocks: [first, second], pin: ROOT_B })
      await reopen()
      await store.write({ blocks: [third] })
      expect(await codesOf(store.write({ blocks: [large] }))).toEqual(['quota-exceeded'])
      expect(await held(all)).toEqual([0, 1, 2])
      await store.unpin(ROOT_B)
      await store.write({ blocks: [large] })
      expect(await held(all)).toEqual([0, 3])
      await store.unpin(ROOT_A)
      await store.write({ blocks: [makeBlock(5, 1_000)] })
      expect(await held(all)).toEqual([])
    })

    test('an outline is written with its blocks, pinned with them, and gives way like them', async () => {
      const block = makeBlock(1, 300)
      const outline = makeBlock(2, 500).bytes
      await store.write({ blocks: [block], outline: { root: ROOT_A, bytes: outline }, pin: ROOT_A })
      expect(store.blockCount).toBe(1)
      expect(store.sizeBytes).toBeGreaterThanOrEqual(800)
      await reopen()
      expectSameBytes((await store.readOutline(ROOT_A)) ?? new Uint8Array(0), outline)
      expect(await store.readOutline(ROOT_B)).toBeUndefined()
      expect(await codesOf(store.write({ blocks: [makeBlock(3, 400)] }))).toEqual(['quota-exceeded'])
      await store.unpin(ROOT_A)
      await store.write({ blocks: [makeBlock(3, 800)] })
      expect(await store.readOutline(ROOT_A)).toBeUndefined()
    })

    test('an outline that does not fit keeps its blocks out too', async () => {
      const block = makeBlock(1, 300)
      const outline = { root: ROOT_A, bytes: new Uint8Array(800) }
      expect(await codesOf(store.write({ blocks: [block], outline }))).toEqual(['quota-exceeded'])
      expect(await held([block])).toEqual([])
    })

    test('many calls at once are carried out as if one after another', async () => {
      const blocks = Array.from({ length: 10 }, (_, seed) => makeBlock(seed, 100))
      await Promise.all(blocks.map((block) => store.write({ blocks: [block] })))
      expect((await Promise.all(blocks.map((block) => readAll([block])))).flat().map((bytes) => bytes?.length)).toEqual(
        blocks.map(() => 100),
      )
      expect(store).toMatchObject({ sizeBytes: 1_000, blockCount: 10 })
    })

    test('a closed store says so', async () => {
      await store.close()
      await expect(readAll([makeBlock(1, 1)])).rejects.toMatchObject({ code: 'read-failed' })
      await expect(store.sizes([makeBlock(1, 1).cid])).rejects.toMatchObject({ code: 'read-failed' })
      await expect(store.write({ blocks: [makeBlock(1, 1)] })).rejects.toMatchObject({ code: 'write-failed' })
      await expect(store.unpin(ROOT_A)).rejects.toMatchObject({ code: 'write-failed' })
      await store.close()
    })

    test('any writes, reads and pins, reopened at any time, leave what a plain list would', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await store.close()
          await place.remove()
          place = await makePlace()
          store = create()
          await store.open()
          await runSteps(steps, { store: () => store, reopen })
        }),
        { numRuns: 40 },
      )
    })
  })
}

const POOL: readonly Block[] = Array.from({ length: 12 }, (_, seed) => makeBlock(100 + seed, 60 + 37 * seed))
const ROOTS = [ROOT_A, ROOT_B] as const

type Step =
  | { readonly type: 'reopen' }
  | { readonly type: 'unpin'; readonly root: number }
  | { readonly type: 'read'; readonly blocks: readonly number[] }
  | { readonly type: 'write'; readonly blocks: readonly number[]; readonly pin: number | undefined }

const indexes: fc.Arbitrary<number[]> = fc.uniqueArray(fc.nat(POOL.length - 1), { minLength: 1, maxLength: 4 })
const rootIndex: fc.Arbitrary<number> = fc.nat(ROOTS.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('unpin' as const), root: rootIndex }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('read' as const), blocks: indexes }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      blocks: indexes,
      pin: fc.option(rootIndex, { nil: undefined, freq: 3 }),
    }),
  },
)

async function runSteps(
  steps: readonly Step[],
  { store, reopen }: { store(): BlockStore; reopen(): Promise<void> },
): Promise<void> {
  const model = new BlockModel(SIZE_BYTES_MAX)
  for (const next of steps) {
    if (next.type === 'reopen') await reopen()
    else if (next.type === 'unpin') {
      const root = ROOTS[next.root] ?? ROOT_A
      model.unpin(root)
      await store().unpin(root)
    } else if (next.type === 'read') {
      const blocks = pick(next.blocks)
      const found = await store().read({ cids: cidsOf(blocks), bytesMax: Infinity })
      expect(found.map((bytes) => bytes?.length)).toEqual(blocks.map((block) => model.read(block)?.bytes.length))
    } else {
      const blocks = pick(next.blocks)
      const pin = next.pin === undefined ? undefined : ROOTS[next.pin]
      const isKept = model.write(blocks, pin)
      const codes = await codesOf(store().write(pin === undefined ? { blocks } : { blocks, pin }))
      expect(codes).toEqual(isKept ? [] : ['quota-exceeded'])
    }
    const sizes = await store().sizes(cidsOf(POOL))
    const expected = POOL.map((block) => (model.blocks.includes(block) ? block.bytes.length : undefined))
    expect(sizes).toEqual(expected)
    expect(store()).toMatchObject({ sizeBytes: model.sizeBytes, blockCount: model.blocks.length })
  }
}

function pick(blockIndexes: readonly number[]): readonly Block[] {
  return blockIndexes.map((index) => POOL[index]).filter((block) => block !== undefined)
}

function cidsOf(blocks: readonly Block[]): readonly Cid[] {
  return blocks.map(({ cid }) => cid)
}

/** Of the error, if there is one. */
async function codesOf(work: Promise<void>): Promise<readonly string[]> {
  try {
    await work
    return []
  } catch (error) {
    if (error instanceof StoreError) return [error.code]
    throw error
  }
}
