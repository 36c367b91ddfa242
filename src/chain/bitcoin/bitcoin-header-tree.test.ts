import { expect, test } from 'vitest'
import { easyRootOf, hashEasily, linkHeaders } from '../../../test/easy-headers.ts'
import type { HeaderTree, SliceOutcome } from '../../core/chain.ts'
import { toRoot } from '../../core/ids.ts'
import type { Root } from '../../core/ids.ts'
import { hashHeaders } from '../../hash/choose-hash-headers.ts'
import { createBitcoinChain } from './bitcoin-chain.ts'
import { BitcoinHeaderTree } from './bitcoin-header-tree.ts'
import { HEADER_SIZE_BYTES } from './header.ts'
import { mineHeaders } from './miner.ts'
import { NETWORKS } from './networks.ts'
import { retarget } from './retarget.ts'

const { genesisHeader, genesis } = NETWORKS.regtest
const TIME = 1_600_000_000
const NOW_UNIX_MS: number = (TIME + 10_000_000) * 1_000
const chain = createBitcoinChain({ network: 'regtest' })
const UNKNOWN = toRoot('ab'.repeat(32))

function mine(count: number, { parent = genesisHeader, firstTime = TIME, salt = 0 } = {}): Uint8Array {
  return mineHeaders({ parent, count, firstTime, stepSeconds: 10, salt })
}

function add(tree: HeaderTree, headers: Uint8Array, nowUnixMs = NOW_UNIX_MS): SliceOutcome {
  return tree.add({ headers, index: 0, count: headers.length / HEADER_SIZE_BYTES, nowUnixMs })
}

function header(headers: Uint8Array, index: number): Uint8Array {
  return headers.slice(index * HEADER_SIZE_BYTES, (index + 1) * HEADER_SIZE_BYTES)
}

function rootsOf(tree: HeaderTree, headers: Uint8Array): readonly Root[] {
  return Array.from({ length: headers.length / HEADER_SIZE_BYTES }, (_, index) => tree.rootOf(header(headers, index)))
}

function treeOf(...branches: readonly Uint8Array[]): HeaderTree {
  const tree = chain.createTree()
  for (const branch of branches) expect(add(tree, branch).stop).toBeUndefined()
  return tree
}

test('a new tree holds genesis alone', () => {
  const tree = chain.createTree()
  expect(tree.tip).toEqual({ height: 0, root: genesis, time: 1296688602, work: 2n })
  expect(tree.get(0)).toEqual({
    ...tree.tip,
    parent: toRoot('0'.repeat(64)),
    bytes: genesisHeader,
    isOnBestChain: true,
  })
  expect(tree.get(genesis)).toEqual(tree.get(0))
  expect(tree.get(1)).toBeUndefined()
  expect(tree.get(-1)).toBeUndefined()
  expect(tree.get(UNKNOWN)).toBeUndefined()
  expect(tree.sideHeaderCount).toBe(0)
})

test('a slice of a batch is added from its index on, and what is known already is counted as known', () => {
  const tree = chain.createTree()
  const headers = mine(10)
  const slice = (index: number, count: number): SliceOutcome =>
    tree.add({ headers, index, count, nowUnixMs: NOW_UNIX_MS })
  const growth = { commonHeight: 0, reverted: [] }
  expect(slice(0, 4)).toEqual({ addedCount: 4, knownCount: 0, headChange: growth, stop: undefined })
  expect(slice(0, 4)).toEqual({ addedCount: 0, knownCount: 4, headChange: undefined, stop: undefined })
  expect(slice(2, 5)).toEqual({
    addedCount: 3,
    knownCount: 2,
    headChange: { commonHeight: 4, reverted: [] },
    stop: undefined,
  })
  expect(slice(7, 3)).toMatchObject({ addedCount: 3, knownCount: 0 })
  expect(tree.tip).toMatchObject({ height: 10, root: rootsOf(tree, headers)[9], work: 22n })
  expect(tree.range({ fromHeight: 1, count: 99 })).toEqual(headers)
  expect(tree.range({ fromHeight: 11, count: 1 })).toEqual(new Uint8Array(0))
  for (const nowhere of [-1, 0.5, 11, Number.NaN]) expect(tree.get(nowhere)).toBeUndefined()
})

test('genesis at the start of a batch is known', () => {
  const tree = chain.createTree()
  const headers = new Uint8Array([...genesisHeader, ...mine(2)])
  expect(add(tree, headers)).toMatchObject({ addedCount: 2, knownCount: 1, stop: undefined })
})

test('headers whose parent is unknown are unconnected, at the start and in the middle', () => {
  const tree = chain.createTree()
  const headers = mine(5)
  const [first] = rootsOf(tree, headers)
  expect(add(tree, headers.slice(HEADER_SIZE_BYTES))).toEqual({
    addedCount: 0,
    knownCount: 0,
    headChange: undefined,
    stop: { type: 'unconnected', index: 0, parent: first },
  })
  const gap = new Uint8Array([...header(headers, 0), ...header(headers, 2)])
  expect(add(tree, gap)).toMatchObject({ addedCount: 1, stop: { type: 'unconnected', index: 1 } })
})

test('the index of a stop counts from the start of the batch, and what came before it stays', () => {
  const tree = chain.createTree()
  const headers = mine(6)
  const old = mine(1, { parent: header(headers, 5), firstTime: 1 })
  const batch = new Uint8Array([...headers, ...old])
  tree.add({ headers: batch, index: 0, count: 4, nowUnixMs: NOW_UNIX_MS })
  expect(tree.add({ headers: batch, index: 4, count: 3, nowUnixMs: NOW_UNIX_MS })).toMatchObject({
    addedCount: 2,
    stop: { type: 'invalid', index: 6, height: 7, rule: 'time-too-old' },
  })
  expect(tree.tip.height).toBe(6)
})

test('a header from the future is not in the tree, and may come again', () => {
  const tree = chain.createTree()
  const headers = mine(1)
  const early = (TIME - 7_201) * 1_000
  expect(add(tree, headers, early).stop).toEqual({
    type: 'future',
    index: 0,
    height: 1,
    untilUnixMs: (TIME - 7_200) * 1_000,
  })
  expect(tree.tip.height).toBe(0)
  expect(add(tree, headers, early + 1_000)).toMatchObject({ addedCount: 1, stop: undefined })
})

test('of two branches with as much work the one seen first stays, one header more moves the head', () => {
  const [first, second] = [mine(3, { salt: 1 }), mine(4, { salt: 2 })]
  const tree = treeOf(first)
  expect(add(tree, second.slice(0, 3 * HEADER_SIZE_BYTES))).toMatchObject({ addedCount: 3, headChange: undefined })
  expect(tree.tip.root).toBe(rootsOf(tree, first)[2])
  expect(tree.sideHeaderCount).toBe(3)
  const outcome = add(tree, second)
  expect(outcome).toMatchObject({ addedCount: 1, knownCount: 3 })
  expect(outcome.headChange?.commonHeight).toBe(0)
  expect(outcome.headChange?.reverted.map(({ root }) => root)).toEqual(rootsOf(tree, first))
  expect(outcome.headChange?.reverted.map(({ height, work }) => [height, work])).toEqual([
    [1, 4n],
    [2, 6n],
    [3, 8n],
  ])
  expect(tree.range({ fromHeight: 1, count: 9 })).toEqual(second)
  expect(tree.get(rootsOf(tree, first)[0] ?? UNKNOWN)).toMatchObject({ height: 1, isOnBestChain: false })
  // And back again.
  const more = mine(2, { parent: header(first, 2), firstTime: TIME + 30 })
  expect(add(tree, more).headChange).toMatchObject({ commonHeight: 0, reverted: [{}, {}, {}, {}] })
  expect(tree.range({ fromHeight: 1, count: 9 })).toEqual(new Uint8Array([...first, ...more]))
  expect(tree.sideHeaderCount).toBe(4)
})

test('a reorganisation within one slice tells one change, from the common ancestor to the slice’s end', () => {
  const trunk = mine(5)
  const tree = treeOf(trunk)
  const rival = mine(6, { parent: header(trunk, 2), firstTime: TIME + 30, salt: 9 })
  expect(add(tree, rival).headChange).toMatchObject({ commonHeight: 3, reverted: [{ height: 4 }, { height: 5 }] })
  expect(tree.tip.height).toBe(9)
})

test('when side rows are full the branch with the least work gives way, tip first, and a lesser one is not let in', () => {
  const tree = new BitcoinHeaderTree({ network: NETWORKS.regtest, hashHeaders, sideHeaderCountMax: 4 })
  const trunk = mine(10)
  add(tree, trunk)
  const low = mine(3, { salt: 1 })
  expect(add(tree, low)).toMatchObject({ addedCount: 3, stop: undefined })
  const high = mine(3, { parent: header(trunk, 5), firstTime: TIME + 60, salt: 2 })
  expect(add(tree, high)).toMatchObject({ addedCount: 3, stop: undefined })
  expect(tree.sideHeaderCount).toBe(4)
  expect(rootsOf(tree, low).map((root) => tree.has(root))).toEqual([true, false, false])
  const lower = mine(2, { salt: 3 })
  expect(add(tree, lower)).toMatchObject({ addedCount: 0, stop: { type: 'no-room', index: 0, height: 1 } })
  // A branch that nobody but itself could give way to stops at the bound.
  const long = mine(6, { parent: header(trunk, 3), firstTime: TIME + 40, salt: 4 })
  expect(add(tree, long).stop).toMatchObject({ type: 'no-room' })
  expect(tree.sideHeaderCount).toBe(4)
  // A branch that takes the head needs no room.
  const winner = mine(2, { parent: header(high, 2), firstTime: TIME + 90, salt: 5 })
  expect(add(tree, winner)).toMatchObject({ addedCount: 2, stop: undefined, headChange: { commonHeight: 6 } })
  expect(tree.tip.height).toBe(11)
  expect(tree.sideHeaderCount).toBe(4)
})

test('headers that are not let in take no memory', () => {
  const tree = new BitcoinHeaderTree({ network: NETWORKS.regtest, hashHeaders, sideHeaderCountMax: 1 })
  const trunk = mine(10)
  add(tree, trunk)
  add(tree, mine(1, { parent: header(trunk, 5), firstTime: TIME + 60, salt: 1 }))
  const { sizeBytes } = tree
  for (let salt = 2; salt < 3_000; salt += 1) {
    expect(add(tree, mine(1, { salt })).stop).toMatchObject({ type: 'no-room' })
  }
  expect(tree.sizeBytes - sizeBytes).toBeLessThan(100)
})

test('branches that part before a retarget have each their own real difficulty after it', () => {
  // Testnet3's rules on a harder genesis. The last header of the period is 10 or 6,000 s after its parent.
  const real = 0x1c0fffff
  const easiest = NETWORKS.testnet3.limitBits
  const hardGenesis = linkHeaders([{ time: TIME, bits: real }])
  const network = { ...NETWORKS.testnet3, genesisHeader: hardGenesis, genesis: easyRootOf(hardGenesis) }
  const tree = new BitcoinHeaderTree({ network, hashHeaders: hashEasily })
  const trunk = linkHeaders(
    Array.from({ length: 2_014 }, (_, index) => ({ time: TIME + 600 * (index + 1), bits: real })),
    { parent: network.genesis },
  )
  const trunkEnd = easyRootOf(header(trunk, 2_013))
  const branches = [100, 1_100].map((stepSeconds) => {
    const lastTime = TIME + 600 * 2_014 + stepSeconds
    const next = retarget({ bits: real, timespanSeconds: lastTime - TIME, limitBits: easiest })
    const headers = [
      { time: lastTime, bits: real },
      { time: lastTime + 600, bits: next },
      { time: lastTime + 2_000, bits: easiest },
      { time: lastTime + 2_600, bits: next },
    ]
    return linkHeaders(headers, { parent: trunkEnd, salt: stepSeconds })
  })
  expect(add(tree, trunk).stop).toBeUndefined()
  for (const start of [0, 3]) {
    for (const branch of branches) {
      const part = branch.slice(start * HEADER_SIZE_BYTES, (start + 3) * HEADER_SIZE_BYTES)
      expect(add(tree, part)).toMatchObject({ addedCount: start === 0 ? 3 : 1, stop: undefined })
    }
  }
})

test('a locator has ten dense entries, then doubling steps, then genesis', () => {
  const tree = treeOf(mine(100))
  const heights = (fromHeight: number): readonly number[] =>
    tree.locator(fromHeight).map((root) => tree.summary(root)?.height ?? -1)
  expect(heights(100)).toEqual([100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 89, 85, 77, 61, 29, 0])
  expect(heights(3)).toEqual([3, 2, 1, 0])
  expect(heights(0)).toEqual([0])
  expect(heights(1_000)).toEqual(heights(100))
})

test('a range is served after the first locator entry on the best chain, up to the stop, the count and the tip', () => {
  const trunk = mine(20)
  const side = mine(2, { parent: header(trunk, 9), firstTime: TIME + 100, salt: 1 })
  const tree = treeOf(trunk, side)
  const roots = rootsOf(tree, trunk)
  const [sideRoot = UNKNOWN] = rootsOf(tree, side)
  const root = (height: number): Root => roots[height - 1] ?? UNKNOWN
  const serve = (
    locator: readonly Root[],
    stop: Root | undefined,
    countMax: number,
    skip?: number,
  ): readonly [number, number, boolean] => {
    const { headers, hasMore } = tree.serveRange({ locator, stop, countMax, ...(skip === undefined ? {} : { skip }) })
    const first =
      headers.length === 0 ? 0 : (tree.summary(tree.rootOf(headers.subarray(0, HEADER_SIZE_BYTES)))?.height ?? -1)
    return [first, headers.length / HEADER_SIZE_BYTES, hasMore]
  }
  expect(serve([root(5), genesis], undefined, 100)).toEqual([6, 15, false])
  expect(serve([root(5), genesis], undefined, 15)).toEqual([6, 15, false])
  expect(serve([root(5), genesis], undefined, 14)).toEqual([6, 14, true])
  expect(serve([sideRoot, root(8), genesis], undefined, 3)).toEqual([9, 3, true])
  expect(serve([UNKNOWN], undefined, 2)).toEqual([1, 2, true])
  expect(serve([], undefined, 2)).toEqual([1, 2, true])
  expect(serve([root(20)], undefined, 2)).toEqual([0, 0, false])
  expect(serve([root(5)], root(7), 100)).toEqual([6, 2, false])
  expect(serve([root(5)], root(7), 1)).toEqual([6, 1, true])
  expect(serve([root(5)], undefined, 3, 0)).toEqual([6, 3, true])
  expect(serve([root(5)], undefined, 3, 10)).toEqual([16, 3, true])
  expect(serve([root(5)], undefined, 5, 10)).toEqual([16, 5, false])
  expect(serve([root(5)], undefined, 5, 15)).toEqual([0, 0, false])
  expect(serve([root(5)], root(9), 5, 2)).toEqual([8, 2, false])
  expect(serve([root(5)], root(9), 5, 20)).toEqual([0, 0, false])
  // A stop that is behind, off the best chain or unknown stops nothing.
  expect(serve([root(5)], root(5), 100)).toEqual([6, 15, false])
  expect(serve([root(5)], sideRoot, 100)).toEqual([6, 15, false])
  expect(serve([root(5)], UNKNOWN, 100)).toEqual([6, 15, false])
})

test('a batch is inspected for the price of one hash', () => {
  const tree = chain.createTree()
  const headers = mine(3)
  const roots = rootsOf(tree, headers)
  expect(tree.inspect(headers)).toEqual({ count: 3, parent: genesis, last: roots[2], lastHasWork: true })
  const withoutWork = headers.slice()
  withoutWork[2 * HEADER_SIZE_BYTES + 75] = 0x1d
  expect(tree.inspect(withoutWork).lastHasWork).toBe(false)
  withoutWork[2 * HEADER_SIZE_BYTES + 75] = 0x21
  expect(tree.inspect(withoutWork).lastHasWork).toBe(false)
})

test('memory is counted, at most 140 bytes a header once a chunk is full', () => {
  const tree = chain.createTree()
  const headers = mine(8_191)
  add(tree, headers)
  expect(tree.sizeBytes / 8_192).toBeGreaterThan(100)
  expect(tree.sizeBytes / 8_192).toBeLessThan(140)
})
