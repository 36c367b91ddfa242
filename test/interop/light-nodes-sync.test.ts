/** Two and three light nodes in Node.js, over each road that both can take: sync, new heads, reorgs, restarts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import type { LightNodeEventMap } from '../../src/driver/api.ts'
import { createLightNode } from '../../src/nodejs.ts'
import type { CountedLightNode, CountedOptions } from './light-nodes.ts'
import { startCounted, until, untilHead } from './light-nodes.ts'

const TRANSPORTS = ['tcp', 'websockets', 'webrtc-direct', 'webtransport'] as const

/** Stopped when the test has finished. */
async function start(options: CountedOptions = {}): Promise<CountedLightNode> {
  const counted = await startCounted(options)
  onTestFinished(() => counted.lightNode.stop())
  return counted
}

async function startMiner(options: CountedOptions & { readonly headerCount: number }): Promise<CountedLightNode> {
  const miner = await start({ isListening: true, isAuthority: true, ...options })
  await miner.mine({ count: options.headerCount })
  return miner
}

/** What was sent, without what only keeps connections alive. */
function countsOf({ sent }: CountedLightNode): Record<string, number> {
  const { ping: _ping, pong: _pong, ...rest } = Object.fromEntries(sent) as Record<string, number>
  return rest
}

test.each(TRANSPORTS)('over %s: 5,000 headers in three requests', async (transport) => {
  const miner = await startMiner({ transport, headerCount: 5_000 })
  const follower = await start({ transport, peers: [miner.address()] })
  await follower.lightNode.ready()
  expect(follower.lightNode.head).toMatchObject({ height: 5_000, trust: 'genesis', confirmedBy: 1 })
  expect(follower.lightNode.head.root).toBe(miner.lightNode.head.root)
  expect(follower.lightNode.snapshot().peers).toMatchObject([{ transport, direction: 'outbound' }])
  expect(miner.lightNode.snapshot().peers).toMatchObject([{ transport, direction: 'inbound', state: 'ready' }])
  expect(countsOf(follower)).toEqual({ 'get-headers': 3, headers: 1 })
  expect(follower.receivedHeaderCount()).toBe(5_000)
  // The miner asked once what the other has.
  expect(countsOf(miner)).toEqual({ 'get-headers': 1, headers: 3 })
})

test('a debug build syncs, follows and stops with every step checked', async () => {
  const miner = await startMiner({ headerCount: 5_000 })
  const logged: string[] = []
  const lightNode = await createLightNode({
    chain: bitcoin('regtest'),
    peers: [miner.address()],
    debug: true,
    logger: (event) => logged.push(event),
  })
  onTestFinished(() => lightNode.stop())
  await lightNode.ready()
  const head = await miner.mine({ count: 1 })
  await untilHead(lightNode, head.root)
  await lightNode.stop()
  expect(logged).toContain('invariants-checked')
  expect(logged).not.toContain('invariant-broken')
})

test.each(TRANSPORTS)('over %s: a new head costs one announce and no get-headers', async (transport) => {
  const miner = await startMiner({ transport, headerCount: 20 })
  const follower = await start({ transport, peers: [miner.address()] })
  await follower.lightNode.ready()
  await until(miner.lightNode, () => miner.sent.get('get-headers') === 1)
  const before = { miner: countsOf(miner), follower: countsOf(follower), received: follower.receivedHeaderCount() }
  for (let count = 1; count <= 10; count += 1) {
    const head = await miner.mine({ count: 1 })
    await untilHead(follower.lightNode, head.root)
    expect(countsOf(miner)).toEqual({ ...before.miner, announce: count })
  }
  // Once nothing is left running, nothing more was sent either.
  await follower.lightNode.stop()
  await miner.lightNode.stop()
  expect(countsOf(miner)).toEqual({ ...before.miner, announce: 10 })
  expect(countsOf(follower)).toEqual(before.follower)
  expect(follower.receivedHeaderCount() - before.received).toBe(10)
})

test('a new head goes on to those behind, once over each link', async () => {
  const miner = await startMiner({ headerCount: 20 })
  const middle = await start({ isListening: true, peers: [miner.address()] })
  await middle.lightNode.ready()
  const last = await start({ peers: [middle.address()] })
  await last.lightNode.ready()
  for (let count = 1; count <= 5; count += 1) {
    const head = await miner.mine({ count: 1 })
    await untilHead(last.lightNode, head.root)
  }
  for (const { lightNode } of [last, middle, miner]) await lightNode.stop()
  expect(miner.sent.get('announce')).toBe(5)
  expect(middle.sent.get('announce')).toBe(5)
  expect(last.sent.get('announce')).toBeUndefined()
  expect(last.sent.get('get-headers')).toBe(1)
})

test.each(TRANSPORTS.flatMap((transport) => [2, 10].map((depth) => [transport, depth] as const)))(
  'over %s: a reorganisation %i deep is followed and told whole',
  async (transport, depth) => {
    const miner = await startMiner({ transport, headerCount: 30 })
    const follower = await start({ transport, peers: [miner.address()] })
    await follower.lightNode.ready()
    const reorgs: LightNodeEventMap['reorg'][] = []
    follower.lightNode.addEventListener('reorg', ({ detail }) => reorgs.push(detail))
    const before = countsOf(follower)
    const reverted = await Promise.all(heights(31 - depth, 30).map((height) => follower.lightNode.getHeader(height)))
    const head = await miner.mine({ count: depth + 1, onHeight: 30 - depth, salt: 7 })
    await untilHead(follower.lightNode, head.root)
    expect(follower.lightNode.head).toMatchObject({ height: 31, root: head.root, confirmedBy: 1 })
    const adopted = await Promise.all(heights(31 - depth, 31).map((height) => follower.lightNode.getHeader(height)))
    expect(reorgs).toHaveLength(1)
    expect(reorgs[0]?.reverted.map(({ root }) => root)).toEqual(reverted.map((header) => header?.root))
    expect(reorgs[0]?.adopted.map(({ root }) => root)).toEqual(adopted.map((header) => header?.root))
    // Up to eight headers come with the announcement; more are asked for once.
    await follower.lightNode.stop()
    const askedCount = (follower.sent.get('get-ancestors') ?? 0) + (follower.sent.get('get-headers') ?? 0)
    expect(askedCount - (before['get-headers'] ?? 0)).toBe(depth < 8 ? 0 : 1)
  },
)

test('after a restart the stored head is shown at once, verified again, and only the tail is fetched', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-restart-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const miner = await startMiner({ headerCount: 5_000 })
  const peers = [miner.address()]
  const first = await start({ directory, peers })
  await first.lightNode.ready()
  const { peerId } = first.lightNode
  const old = first.lightNode.head
  await first.lightNode.stop()
  expect(first.lightNode.snapshot().store.kind).toBe('files')
  const tip = await miner.mine({ count: 7 })

  const second = await start({ directory, peers })
  expect(second.lightNode.head).toEqual({ ...old, trust: 'stored', confirmedBy: 0 })
  expect(second.lightNode.snapshot().head).toEqual(second.lightNode.head)
  const trusts: string[] = []
  const look = (): void => void trusts.push(`${second.lightNode.head.height} ${second.lightNode.head.trust}`)
  second.lightNode.addEventListener('head', look)
  await second.lightNode.ready()
  expect(second.lightNode.peerId).toBe(peerId)
  expect(trusts.slice(0, 2)).toEqual(['5000 stored', '5000 genesis'])
  expect(trusts.at(-1)).toBe('5007 genesis')
  expect(second.lightNode.head.root).toBe(tip.root)
  expect(await second.lightNode.getHeader(5_000)).toMatchObject({ root: old.root, work: old.work })
  expect(second.warnings).toEqual([])
  // The request begins one below the head, so that a peer with the same head confirms it.
  expect(second.receivedHeaderCount()).toBe(8)
})

test('a reorganisation that happened while it was off is found after a restart', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-restart-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const miner = await startMiner({ headerCount: 3_000 })
  const first = await start({ directory, peers: [miner.address()] })
  await first.lightNode.ready()
  await first.lightNode.stop()
  const tip = await miner.mine({ count: 11, onHeight: 2_990, salt: 3 })
  const second = await start({ directory, peers: [miner.address()] })
  const reorgs: LightNodeEventMap['reorg'][] = []
  second.lightNode.addEventListener('reorg', ({ detail }) => reorgs.push(detail))
  await second.lightNode.ready()
  expect(second.lightNode.head.root).toBe(tip.root)
  expect(reorgs.map(({ reverted, adopted }) => [reverted.length, adopted.length])).toEqual([[10, 11]])
  await second.lightNode.stop()
  // What is stored is the new branch.
  const third = await start({ directory })
  await until(third.lightNode, () => third.lightNode.head.root === tip.root && third.lightNode.head.trust === 'genesis')
  expect(third.warnings).toEqual([])
})

function heights(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
