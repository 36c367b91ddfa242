/** A tree that starts above a checkpoint, and is filled from below. */
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../core/chain.ts'
import { createBitcoinChain } from './bitcoin-chain.ts'
import { HEADER_SIZE_BYTES } from './header.ts'
import { mineHeaders } from './miner.ts'

const NOW = Date.UTC(2026, 0, 1)
const FIRST_TIME = NOW / 1_000 - 10_000_000
const COUNT = 5_000
const START_HEIGHT = 3_000
const chain = createBitcoinChain({ network: 'regtest' })
const genesis = chain.createTree().range({ fromHeight: 0, count: 1 })
const headers: Uint8Array = mineHeaders({ parent: genesis, count: COUNT, firstTime: FIRST_TIME, stepSeconds: 1 })
const whole = chain.createTree()
whole.add({ headers, index: 0, count: COUNT, nowUnixMs: NOW })

/** Headers from … to, by height. */
function between(fromHeight: number, toHeight: number): Uint8Array {
  return headers.slice((fromHeight - 1) * HEADER_SIZE_BYTES, toHeight * HEADER_SIZE_BYTES)
}

function rootAt(height: number): Checkpoint['root'] {
  return whole.summary(height)?.root ?? chain.genesis
}

function checkpointAt(height: number, nextBits = 0x207fffff): Checkpoint {
  return { height, root: rootAt(height), start: { work: whole.summary(height)?.work ?? 0n, nextBits } }
}

function add(tree: ReturnType<typeof chain.createTree>, bytes: Uint8Array, isBackfill = false) {
  return tree.add({ headers: bytes, index: 0, count: bytes.length / HEADER_SIZE_BYTES, nowUnixMs: NOW, isBackfill })
}

function started(height = START_HEIGHT): ReturnType<typeof chain.createTree> {
  const tree = chain.createTree()
  tree.startAbove(checkpointAt(height))
  return tree
}

test('headers that follow the checkpoint make the head, with the work of the whole chain', () => {
  const tree = started()
  expect(tree.gap).toBeUndefined()
  const outcome = add(tree, between(START_HEIGHT + 1, 4_000))
  expect(outcome).toEqual({
    addedCount: 1_000,
    knownCount: 0,
    headChange: { commonHeight: 0, reverted: [] },
    stop: undefined,
  })
  expect(tree.tip).toEqual(whole.summary(4_000))
  expect(tree.gap).toEqual({ fromHeight: 1, toHeight: START_HEIGHT })
  expect(tree.get(START_HEIGHT + 1)).toMatchObject({ isOnBestChain: true, parent: rootAt(START_HEIGHT) })
  expect([tree.get(START_HEIGHT), tree.has(rootAt(START_HEIGHT)), tree.get(1)]).toEqual([undefined, false, undefined])
  expect(tree.range({ fromHeight: 3_999, count: 10 })).toEqual(between(3_999, 4_000))
  expect(tree.range({ fromHeight: 0, count: 10 })).toEqual(genesis)
  expect(tree.range({ fromHeight: 5, count: 10 })).toHaveLength(0)
})

test('filled from below, it is the same tree as one that began at genesis', () => {
  const tree = started()
  add(tree, between(START_HEIGHT + 1, 4_000))
  expect(add(tree, between(1, 2_000), true)).toMatchObject({ addedCount: 2_000, headChange: undefined })
  expect(tree.gap).toEqual({ fromHeight: 2_001, toHeight: START_HEIGHT })
  expect(tree.range({ fromHeight: 1_999, count: 100 })).toEqual(between(1_999, 2_000))
  add(tree, between(4_001, 4_500))
  expect(add(tree, between(2_001, START_HEIGHT), true)).toMatchObject({ addedCount: 1_000, headChange: undefined })
  expect(tree.gap).toBeUndefined()
  add(tree, between(4_501, COUNT))
  expect(tree.tip).toEqual(whole.tip)
  expect(tree.range({ fromHeight: 1, count: COUNT })).toEqual(headers)
  for (const height of [0, 1, START_HEIGHT - 1, START_HEIGHT, START_HEIGHT + 1, COUNT]) {
    expect(tree.get(rootAt(height))).toEqual(whole.get(height))
  }
  expect(tree.locator(COUNT)).toEqual(whole.locator(COUNT))
})

test('a locator leads over the gap by both its ends', () => {
  const tree = started()
  add(tree, between(START_HEIGHT + 1, 4_000))
  add(tree, between(1, 100), true)
  const locator = tree.locator(4_000)
  expect(locator.slice(0, 2)).toEqual([rootAt(4_000), rootAt(3_999)])
  expect(locator).toContain(rootAt(START_HEIGHT + 1))
  expect(locator).toContain(rootAt(100))
  expect(locator.at(-1)).toBe(chain.genesis)
  expect(new Set(locator).size).toBe(locator.length)
})

test('reorganisations above the gap go on as ever', () => {
  const tree = started()
  add(tree, between(START_HEIGHT + 1, 3_100))
  const fork = mineHeaders({
    parent: between(3_050, 3_050),
    count: 60,
    firstTime: FIRST_TIME + 3_050,
    stepSeconds: 1,
    salt: 1,
  })
  expect(add(tree, fork).headChange).toMatchObject({ commonHeight: 3_050 })
  expect(tree.tip.height).toBe(3_110)
  add(tree, between(1, START_HEIGHT), true)
  expect(tree.gap).toBeUndefined()
  expect(add(tree, between(3_101, 3_120)).headChange).toMatchObject({ commonHeight: 3_050 })
})

test('below the gap nothing connects but the back-fill', () => {
  const tree = started()
  add(tree, between(START_HEIGHT + 1, 3_100))
  add(tree, between(1, 100), true)
  expect(add(tree, between(101, 200)).stop).toMatchObject({ type: 'unconnected', index: 0 })
  expect(add(tree, between(50, 100)).stop).toMatchObject({ type: 'unconnected', index: 0 })
  expect(tree.gap).toEqual({ fromHeight: 101, toHeight: START_HEIGHT })
})

test('another header after the checkpoint than the one it was started with does not connect', () => {
  const tree = started()
  add(tree, between(START_HEIGHT + 1, 3_100))
  const parent = between(START_HEIGHT, START_HEIGHT)
  const other = mineHeaders({ parent, count: 2, firstTime: FIRST_TIME + 4_000, stepSeconds: 1, salt: 2 })
  expect(add(tree, other).stop).toMatchObject({ type: 'unconnected', index: 0 })
  expect(add(tree, between(START_HEIGHT + 1, 3_101))).toMatchObject({ knownCount: 100, addedCount: 1 })
})

test('a header after the checkpoint with easier bits than the chain has there is refused', () => {
  // Regtest asks the same of every header, so it is mainnet's rule that is tried here.
  const mainnet = createBitcoinChain({ network: 'mainnet' }).createTree()
  mainnet.startAbove(checkpointAt(START_HEIGHT, 0x17024002))
  expect(add(mainnet, between(START_HEIGHT + 1, 3_001)).stop).toMatchObject({
    type: 'invalid',
    index: 0,
    height: 3_001,
    message: 'expected bits 17024002, got 207fffff',
  })
  expect(mainnet.gap).toBeUndefined()
})

test('a rule that lacked earlier headers is checked when they come; what breaks it is dropped', () => {
  const tree = chain.createTree()
  const early = mineHeaders({
    parent: between(100, 100),
    count: 3,
    firstTime: FIRST_TIME - 1_000,
    stepSeconds: 1,
    salt: 3,
  })
  tree.startAbove(checkpointAt(100))
  expect(add(tree, early)).toMatchObject({ addedCount: 3 })
  expect(tree.tip.height).toBe(103)
  expect(add(tree, between(1, 100), true).headChange).toEqual({ commonHeight: 100, reverted: [] })
  expect([tree.gap, tree.tip]).toEqual([undefined, whole.summary(100)])
  expect(add(tree, between(101, COUNT))).toMatchObject({ addedCount: COUNT - 100 })
  expect(tree.tip).toEqual(whole.tip)
})

test('a checkpoint with other work than the headers below it have is dropped', () => {
  const tree = chain.createTree()
  tree.startAbove({ height: 100, root: rootAt(100), start: { work: 1n, nextBits: 0x207fffff } })
  add(tree, between(101, 200))
  expect(add(tree, between(1, 100), true).headChange).toEqual({ commonHeight: 100, reverted: [] })
  expect(tree.tip.height).toBe(100)
  expect(tree.sideHeaderCount).toBe(0)
})

test('what is given up below the gap goes with all branches there, and other headers take its place', () => {
  const tree = started()
  add(tree, between(START_HEIGHT + 1, 4_000))
  const parent = between(40, 40)
  const branch = mineHeaders({ parent, count: 20, firstTime: FIRST_TIME + 40, stepSeconds: 2 })
  add(tree, between(1, 50), true)
  add(tree, branch, true)
  expect(tree.sideHeaderCount).toBeGreaterThan(0)
  tree.dropBelow(30)
  expect([tree.sideHeaderCount, tree.gap]).toEqual([0, { fromHeight: 31, toHeight: START_HEIGHT }])
  expect(add(tree, between(31, START_HEIGHT), true)).toMatchObject({ addedCount: START_HEIGHT - 30, stop: undefined })
  expect([tree.gap, tree.tip]).toEqual([undefined, whole.summary(4_000)])
})

test('what is given up above the gap does not come back by itself', () => {
  const tree = started()
  add(tree, between(START_HEIGHT + 1, 4_000))
  tree.dropAbove()
  expect([tree.gap, tree.tip]).toEqual([undefined, whole.summary(0)])
  expect(add(tree, between(START_HEIGHT + 1, 4_000)).stop).toMatchObject({ type: 'unconnected' })
})

test('a tree that is as high already does not start above a checkpoint', () => {
  const tree = chain.createTree()
  add(tree, between(1, 100))
  tree.startAbove(checkpointAt(100))
  expect(add(tree, between(101, 200))).toMatchObject({ addedCount: 100, headChange: { commonHeight: 100 } })
  expect(tree.gap).toBeUndefined()
})

test('a run that begins with genesis itself does not get anything below the gap either', () => {
  const tree = started()
  add(tree, between(START_HEIGHT + 1, 3_100))
  expect(add(tree, new Uint8Array([...genesis, ...between(1, 10)])).stop).toMatchObject({
    type: 'unconnected',
    index: 1,
  })
  expect(tree.gap?.fromHeight).toBe(1)
})
