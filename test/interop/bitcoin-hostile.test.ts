/** Bitcoin peers that lie, stall and flood, and the whole light node. */
import { afterEach, expect, test } from 'vitest'
import { mineHeader, mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { TIME_OFFSET, readUint32 } from '../../src/chain/bitcoin/header.ts'
import { SIDE_HEADERS_MAX } from '../../src/chain/bitcoin/bitcoin-header-tree.ts'
import type { HeaderTree } from '../../src/core/chain.ts'
import { decodeGetHeaders, encodeHeaders } from '../../src/wire/bitcoin/header-messages.ts'
import type { FakeBitcoinPeer } from './bitcoin-fake-peer.ts'
import {
  chainOf,
  FakeBitcoinListener,
  GENESIS,
  GENESIS_HEADER,
  HEADER_BYTES,
  rootOf,
  slice,
} from './bitcoin-fake-peer.ts'
import { startBitcoinLightNode, type BitcoinLightNode } from './bitcoin-light-node.ts'
import { until, untilHead } from './light-nodes.ts'

const lightNodes: BitcoinLightNode[] = []
const listeners: FakeBitcoinListener[] = []
afterEach(async () => {
  for (const { lightNode } of lightNodes.splice(0)) await lightNode.stop()
  for (const listener of listeners.splice(0)) listener.close()
})

async function startLightNode(options: Parameters<typeof startBitcoinLightNode>[0]): Promise<BitcoinLightNode> {
  const started = await startBitcoinLightNode(options)
  lightNodes.push(started)
  return started
}

async function listen(): Promise<FakeBitcoinListener> {
  const listener = await FakeBitcoinListener.listen()
  listeners.push(listener)
  return listener
}

/** A light node and one peer, who has been asked for headers from genesis. */
async function asked(): Promise<BitcoinLightNode & { readonly peer: FakeBitcoinPeer }> {
  const listener = await listen()
  const started = await startLightNode({ peers: [listener.address] })
  const peer = await listener.accept()
  await peer.answerHandshake({ startHeight: 100 })
  await peer.receive('getheaders')
  return { ...started, peer }
}

/** Answers every getheaders honestly out of this chain, until the connection ends. */
async function serveChain(peer: FakeBitcoinPeer, headers: Uint8Array): Promise<void> {
  const heights = new Map<string, number>([[GENESIS, 0]])
  for (let height = 1; height * HEADER_BYTES <= headers.length; height += 1) {
    heights.set(rootOf(slice(headers, height - 1, height)), height)
  }
  try {
    for (;;) {
      const { command, payload } = await peer.receiveAny()
      if (command === 'ping') peer.send('pong', payload)
      if (command !== 'getheaders') continue
      const { locator } = decodeGetHeaders(payload)
      const from = heights.get(locator.find((root) => heights.has(root)) ?? GENESIS) ?? 0
      peer.send('headers', encodeHeaders(slice(headers, from, from + 2_000)))
    }
  } catch {
    // The connection is closed.
  }
}

/** The same header without its work: the first nonce that does not meet the target. */
function withoutWork(header: Uint8Array): Uint8Array {
  const spoilt = header.slice()
  for (let nonce = 0; nonce < 256; nonce += 1) {
    spoilt[76] = nonce
    // Regtest's target is met by half of all roots: those whose highest bit is 0.
    if (Number.parseInt(rootOf(spoilt).slice(0, 1), 16) >= 8) return spoilt
  }
  throw new Error('expected a nonce that does not do')
}

test.each([0, 1, 9, 18, 19])('a header without work at position %i of 20 is a strike', async (position) => {
  const { lightNode, warnings, peer } = await asked()
  const chain = chainOf(20)
  const spoilt = withoutWork(slice(chain, position, position + 1))
  const parts = [slice(chain, 0, position), spoilt]
  if (position < 19) {
    // What follows is linked to it, so that nothing but the work is wrong.
    const firstTime = readUint32(spoilt, TIME_OFFSET) + 600
    parts.push(mineHeaders({ parent: spoilt, count: 19 - position, firstTime, stepSeconds: 600 }))
  }
  peer.send('headers', encodeHeaders(Buffer.concat(parts)))
  await peer.closed
  await until(lightNode, () => warnings.length > 0)
  expect(warnings[0]).toMatchObject({ code: 'peer-struck' })
  expect(warnings[0]?.detail).toMatch(/invalid-header/)
  expect(lightNode.head.height).toBeLessThanOrEqual(position)
})

test('headers that do not follow one another are a strike', async () => {
  const { lightNode, warnings, peer } = await asked()
  const chain = chainOf(20)
  peer.send('headers', encodeHeaders(Buffer.concat([slice(chain, 0, 10), slice(chain, 11)])))
  await peer.closed
  await until(lightNode, () => warnings.length > 0)
  expect(warnings[0]?.detail).toMatch(/unlinked-headers/)
})

test('headers that follow nothing that was asked for are a strike', async () => {
  const { lightNode, warnings, peer } = await asked()
  peer.send('headers', encodeHeaders(slice(chainOf(40), 20)))
  await peer.closed
  await until(lightNode, () => warnings.length > 0)
  expect(warnings[0]?.detail).toMatch(/unasked/)
})

test('a peer that is struck is not dialled again at once, and one on another network is told', async () => {
  const listener = await listen()
  const { lightNode, warnings } = await startLightNode({ peers: [listener.address] })
  const peer = await listener.accept()
  await peer.answerHandshake()
  // Mainnet's magic.
  peer.sendBytes(Uint8Array.from(Buffer.from('f9beb4d976657261636b000000000000000000005df6e0e2', 'hex')))
  await peer.closed
  await until(lightNode, () => warnings.length > 0)
  expect(warnings[0]?.detail).toMatch(
    /wrong-chain: expected a peer on bitcoin:regtest, got one on bitcoin:mainnet; strike 1/,
  )
  expect(lightNode.snapshot().status).toBe('offline')
})

test('a peer that claims more and sends nothing holds nobody up', async () => {
  const liar = await listen()
  const honest = await listen()
  const chain = chainOf(4_500)
  const { lightNode, warnings } = await startLightNode({ peers: [liar.address, honest.address] })
  const silent = await liar.accept()
  await silent.answerHandshake({ startHeight: 1_000_000 })
  await silent.receive('getheaders')
  const peer = await honest.accept()
  await peer.answerHandshake({ startHeight: 4_500 })
  void serveChain(peer, chain)
  await untilHead(lightNode, rootOf(slice(chain, 4_499)))
  await lightNode.ready()
  expect(warnings).toEqual([])
  // And it drops: the light node is in step all the same.
  silent.end()
  await until(lightNode, () => lightNode.snapshot().peers.length === 1)
  expect(lightNode.snapshot().status).toBe('synced')
})

test('an endless supply of branches with little work stays within the side rows, and the chain goes on', async () => {
  const honest = await listen()
  const flooder = await listen()
  const chain = chainOf(2_500)
  const trees: HeaderTree[] = []
  const { lightNode, warnings } = await startLightNode({ peers: [honest.address], onTree: (tree) => trees.push(tree) })
  const sideCount = (): number => trees[0]?.sideHeaderCount ?? 0
  const good = await honest.accept()
  await good.answerHandshake()
  void serveChain(good, slice(chain, 0, 2_400))
  await untilHead(lightNode, rootOf(slice(chain, 2_399, 2_400)))

  void lightNode.connect(flooder.address)
  const bad = await flooder.accept()
  await bad.answerHandshake({ startHeight: 1_000_000 })
  let answerCount = 0
  for (; sideCount() < SIDE_HEADERS_MAX; answerCount += 1) {
    await bad.receive('getheaders')
    bad.send('headers', encodeHeaders(chainOf(2_000, 1_000 + answerCount)))
    await until(lightNode, () => sideCount() >= Math.min(SIDE_HEADERS_MAX, answerCount * 2_000))
  }
  expect(answerCount).toBeLessThanOrEqual(SIDE_HEADERS_MAX / 2_000 + 2)
  expect(sideCount()).toBe(SIDE_HEADERS_MAX)
  expect(lightNode.head.height).toBe(2_400)
  good.send('headers', encodeHeaders(slice(chain, 2_400, 2_401)))
  await untilHead(lightNode, rootOf(slice(chain, 2_400, 2_401)))
  expect(sideCount()).toBe(SIDE_HEADERS_MAX)
  expect(warnings).toEqual([])
})

test('an endless chain with too little work ends at its bound, and is never synced', async () => {
  const flooder = await listen()
  const trees: HeaderTree[] = []
  const { lightNode, warnings } = await startLightNode({
    peers: [flooder.address],
    // More than the flood gets to show; each header is worth 2.
    minimumChainWork: 2n * BigInt(SIDE_HEADERS_MAX + 4_000),
    isChecked: false,
    onTree: (tree) => trees.push(tree),
  })
  const bad = await flooder.accept()
  await bad.answerHandshake({ startHeight: 1_000_000 })
  void serveChain(bad, chainOf(SIDE_HEADERS_MAX + 3_999))
  await until(lightNode, () => lightNode.head.height === SIDE_HEADERS_MAX)
  await until(lightNode, () => lightNode.snapshot().peers.every(({ isSyncPeer }) => !isSyncPeer))
  expect(lightNode.head.height).toBe(SIDE_HEADERS_MAX)
  expect(trees[0]?.sizeBytes).toBeLessThan(SIDE_HEADERS_MAX * 200)
  expect(lightNode.snapshot()).toMatchObject({ status: 'syncing', peers: [{ strikes: 0 }] })
  expect(warnings).toEqual([])
})

test('a new block reaches the light node by its header, also one whose parent it does not have', async () => {
  const { lightNode, warnings, peer } = await asked()
  const chain = chainOf(60)
  peer.send('headers', encodeHeaders(slice(chain, 0, 50)))
  await untilHead(lightNode, rootOf(slice(chain, 49, 50)))
  peer.send('headers', encodeHeaders(slice(chain, 50, 51)))
  await untilHead(lightNode, rootOf(slice(chain, 50, 51)))
  peer.send('headers', encodeHeaders(slice(chain, 59)))
  const { locator, stop } = decodeGetHeaders(await peer.receive('getheaders'))
  expect(locator[0]).toBe(rootOf(slice(chain, 50, 51)))
  expect(stop).toBe(rootOf(slice(chain, 58, 59)))
  peer.send('headers', encodeHeaders(slice(chain, 51, 59)))
  await untilHead(lightNode, rootOf(slice(chain, 59)))
  expect(warnings).toEqual([])
})

test('a header from the future is no strike', async () => {
  const { lightNode, warnings, peer } = await asked()
  const time = Math.floor(Date.now() / 1_000) + 3 * 60 * 60
  peer.send('headers', encodeHeaders(mineHeader({ parent: GENESIS_HEADER, time })))
  await until(lightNode, () => warnings.length > 0)
  expect(warnings[0]?.code).toBe('future-header')
  expect(lightNode.snapshot().peers[0]?.strikes).toBe(0)
})
