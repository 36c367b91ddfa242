import { expect, test } from 'vitest'
import type { Checkpoint, HeaderTree, SliceOutcome } from '../../core/chain.ts'
import { hashHeaders } from '../../hash/choose-hash-headers.ts'
import { BitcoinHeaderTree } from './bitcoin-header-tree.ts'
import { HEADER_SIZE_BYTES } from './header.ts'
import { mineHeaders } from './miner.ts'
import { NETWORKS } from './networks.ts'

const TIME = 1_600_000_000
const NOW_UNIX_MS: number = (TIME + 10_000_000) * 1_000
const BOUND = 100

/** Each header of regtest is worth 2. */
function mine(count: number, salt = 0, parent = NETWORKS.regtest.genesisHeader): Uint8Array {
  return mineHeaders({ parent, count, firstTime: TIME, stepSeconds: 600, salt })
}

function treeWith(args: { minimumChainWork: bigint; checkpoints?: readonly Checkpoint[] }): BitcoinHeaderTree {
  return new BitcoinHeaderTree({
    network: NETWORKS.regtest,
    hashHeaders,
    sideHeaderCountMax: BOUND,
    ...args,
  })
}

function add(tree: HeaderTree, headers: Uint8Array, sliceCount = 10): SliceOutcome {
  const count = headers.length / HEADER_SIZE_BYTES
  let outcome: SliceOutcome | undefined
  for (let index = 0; index < count && outcome?.stop === undefined; index += sliceCount) {
    outcome = tree.add({ headers, index, count: Math.min(sliceCount, count - index), nowUnixMs: NOW_UNIX_MS })
  }
  if (outcome === undefined) throw new Error('expected headers')
  return outcome
}

function checkpointOf(headers: Uint8Array, height: number): Checkpoint {
  const tree = treeWith({ minimumChainWork: 0n })
  add(tree, headers.subarray(0, height * HEADER_SIZE_BYTES))
  return { height, root: tree.tip.root }
}

test('an endless chain with too little work ends at the bound, and one that has shown enough goes on', () => {
  // Enough: 150 headers, and genesis.
  const tree = treeWith({ minimumChainWork: 302n })
  const headers = mine(300)
  expect(add(tree, headers).stop).toEqual({ type: 'no-room', index: 100, height: 101 })
  expect(tree.tip.height).toBe(100)
  expect(add(tree, headers).stop).toMatchObject({ type: 'no-room' })

  const enough = treeWith({ minimumChainWork: 202n })
  expect(add(enough, headers)).toMatchObject({ stop: undefined })
  expect(enough.tip.height).toBe(300)
})

test('a chain that passes through the checkpoints grows up to the bound above the last of them', () => {
  const headers = mine(400)
  const checkpoints = [50, 120, 200].map((height) => checkpointOf(headers, height))
  const tree = treeWith({ minimumChainWork: 10_000n, checkpoints })
  expect(add(tree, headers).stop).toMatchObject({ type: 'no-room', height: 301 })

  const other = treeWith({ minimumChainWork: 10_000n, checkpoints })
  expect(add(other, mine(400, 1)).stop).toMatchObject({ type: 'no-room', height: 101 })
})

test('a flood that came first leaves the chain room that passes through the checkpoints', () => {
  const headers = mine(200)
  const checkpoints = [50, 120, 200].map((height) => checkpointOf(headers, height))
  const tree = treeWith({ minimumChainWork: 402n, checkpoints })
  expect(add(tree, mine(400, 1)).stop).toMatchObject({ type: 'no-room', height: 101 })
  expect(add(tree, headers)).toMatchObject({ stop: undefined })
  expect(tree.tip.root).toBe(checkpoints[2]?.root)
})

test('whoever leaves the checkpoints by a reorganisation is bound by them', () => {
  const headers = mine(130)
  const checkpoints = [50, 120].map((height) => checkpointOf(headers, height))
  const tree = treeWith({ minimumChainWork: 10_000n, checkpoints })
  expect(add(tree, headers).stop).toBeUndefined()
  const rival = mineHeaders({
    parent: headers.slice(49 * HEADER_SIZE_BYTES, 50 * HEADER_SIZE_BYTES),
    count: 400,
    firstTime: TIME + 60_000,
    stepSeconds: 600,
    salt: 1,
  })
  expect(add(tree, rival).stop).toMatchObject({ type: 'no-room', height: 221 })
  expect(tree.tip.height).toBe(220)
})

test('where checkpoints lie further apart than the bound, a chain may reach the next one', () => {
  const headers = mine(400)
  const checkpoints = [150, 300].map((height) => checkpointOf(headers, height))
  const tree = treeWith({ minimumChainWork: 10_000n, checkpoints })
  expect(add(tree, headers).stop).toBeUndefined()
  expect(tree.tip.height).toBe(400)
})

test('a start that is given up leaves no more room than there was before it', () => {
  const headers = mine(300)
  const checkpoint = { ...checkpointOf(headers, 200), start: { work: 402n, nextBits: 0x207fffff } }
  const tree = treeWith({ minimumChainWork: 10_000n, checkpoints: [checkpoint] })
  tree.startAbove(checkpoint)
  expect(add(tree, headers.subarray(200 * HEADER_SIZE_BYTES)).stop).toBeUndefined()
  tree.dropAbove()
  expect(add(tree, mine(400, 1)).stop).toMatchObject({ type: 'no-room', height: 201 })
})
