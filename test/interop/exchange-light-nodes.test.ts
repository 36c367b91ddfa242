/** Light nodes that exchange real blocks over TCP, among peers that are silent or lie. */
import { expect, onTestFinished, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import type { Cid } from '../../src/core/ids.ts'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { sha256 } from '../../src/hash/sha256.ts'
import { testWithData } from '../data-folder.ts'
import { LARGE_BLOCKS, largeBlock } from '../real-blocks.ts'
import { ExchangePeer, type ExchangePeerOptions } from './exchange-peer.ts'
import { SILENCES } from './exchange-strangers.ts'
import { startCounted, until, type CountedLightNode, type CountedOptions } from './light-nodes.ts'

const CHAIN = bitcoin('mainnet')
/** The issue's: what a silent and a lying peer may cost beside an honest one. */
const TROUBLE_MS_MAX = 3_000
/** boxo's: a close does not hang, … */
const CLOSE_MS_MAX = 500
/** … and many callers do not stand in line. */
const CALLERS_MS_MAX = 5_000

async function start(options: CountedOptions = {}): Promise<CountedLightNode> {
  const counted = await startCounted({ network: 'mainnet', isListening: true, ...options })
  onTestFinished(() => counted.lightNode.stop())
  return counted
}

async function meet(counted: CountedLightNode, options: Omit<ExchangePeerOptions, 'chain'>): Promise<ExchangePeer> {
  const peer = await ExchangePeer.connect(counted.address(), { chain: CHAIN, ...options })
  onTestFinished(() => peer.stop())
  return peer
}

/** The block's parts by CID; every 50th is not what it is said to be. */
function lyingParts(block: Uint8Array): (cid: Cid) => Uint8Array | undefined {
  const nodes = CHAIN.content?.takeApart(block.slice()).nodes ?? []
  const parts = new Map(nodes.map(({ cid, bytes }, index) => [cid, index % 50 === 0 ? changed(bytes) : bytes]))
  return (cid) => parts.get(cid)
}

function changed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
  return copy
}

function rawBlock(number: number, sizeBytes: number): { readonly cid: Cid; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(sizeBytes)
  new DataView(bytes.buffer).setUint32(0, number)
  const digest = sha256(bytes)
  return {
    cid: formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest }),
    bytes,
  }
}

testWithData.each(LARGE_BLOCKS)('%s comes byte for byte, in two round trips', async (name) => {
  const bytes = largeBlock(name)
  const giver = await start()
  const { root, transactionCount } = await giver.lightNode.importBlock(bytes)
  /** What the taker said and heard, in order. */
  const order: string[] = []
  let wantCount = 0
  const taker = await start({
    peers: [giver.address()],
    onEffect: (effect) => {
      if (effect.type === 'send-message' && effect.message.type === 'get-block-outline') order.push('outline asked for')
      if (effect.type !== 'send-exchange' || effect.message.wants.length === 0) return
      wantCount += effect.message.wants.length
      order.push('blocks asked for')
    },
    onEvent: (event) => {
      if (event.type === 'message-received' && event.message.type === 'block-outline') order.push('outline came')
    },
  })
  await taker.lightNode.ready()
  const got = await taker.lightNode.getBlock(root)
  expect(Buffer.compare(got.bytes, bytes)).toBe(0)
  expect(got.transactions).toHaveLength(transactionCount)
  // All at once as far as messages go: nothing that came is waited for before the next is asked for.
  expect(order.filter((step, index) => step !== order[index - 1])).toEqual([
    'outline asked for',
    'outline came',
    'blocks asked for',
  ])
  // The coinbase comes with the outline, and nothing is asked for twice.
  expect(wantCount).toBe(transactionCount - 1)
  expect(taker.warnings).toEqual([])
})

testWithData(
  'a block comes from three peers of which one is silent and one lies within 3 s of the honest one alone',
  async () => {
    const bytes = largeBlock('mainnet-831328-4e4558d6')
    const giver = await start()
    const { root } = await giver.lightNode.importBlock(bytes)
    const fetchMs = async (taker: CountedLightNode): Promise<number> => {
      await taker.lightNode.connect(giver.address())
      const startMs = performance.now()
      const got = await taker.lightNode.getBlock(root)
      const tookMs = performance.now() - startMs
      expect(Buffer.compare(got.bytes, bytes)).toBe(0)
      return tookMs
    }
    const aloneMs = await fetchMs(await start())
    for (const silence of SILENCES) {
      const taker = await start()
      await meet(taker, { silence })
      await meet(taker, { blockOf: lyingParts(bytes) })
      expect(await fetchMs(taker), silence).toBeLessThan(aloneMs + TROUBLE_MS_MAX)
    }
  },
)

test('a stop does not hang on peers that are silent in each of the three ways', async () => {
  const counted = await start()
  const blocks = Array.from({ length: 8 }, (_, index) => rawBlock(index, 256 * 1024))
  for (const { cid, bytes } of blocks) await counted.lightNode.putBytes(cid, bytes)
  const cids = blocks.map(({ cid }) => cid)
  for (const silence of [...SILENCES, ...SILENCES]) (await meet(counted, { silence })).want(cids)
  // Those that read are served; the others hold what is on its way to them.
  await until(counted.lightNode, () => counted.lightNode.snapshot().exchange.blocksSent >= 2 * cids.length)
  const asked = counted.lightNode.getBytes(rawBlock(1_000, 10).cid).catch((error: unknown) => error)
  const startMs = performance.now()
  await counted.lightNode.stop()
  expect(performance.now() - startMs).toBeLessThan(CLOSE_MS_MAX)
  expect(await asked).toMatchObject({ code: 'stopped' })
})

test('50 callers beside silent peers do not stand in line', async () => {
  const counted = await start()
  const blocks = Array.from({ length: 50 }, (_, index) => rawBlock(index, 20_000))
  const bytesOf = new Map(blocks.map(({ cid, bytes }) => [cid, bytes]))
  for (const silence of SILENCES) await meet(counted, { silence })
  await meet(counted, { blockOf: (cid) => bytesOf.get(cid) })
  const startMs = performance.now()
  const got = await Promise.all(blocks.map(({ cid }) => counted.lightNode.getBytes(cid)))
  expect(performance.now() - startMs).toBeLessThan(CALLERS_MS_MAX)
  expect(got).toEqual(blocks.map(({ bytes }) => bytes))
})

test('a want that nobody can serve says at its deadline how many peers said no and how many nothing', async () => {
  const counted = await start()
  await meet(counted, {})
  await meet(counted, {})
  await meet(counted, { silence: 'never closes' })
  const { cid } = rawBlock(7, 10)
  const failure = counted.lightNode.getBytes(cid, { signal: AbortSignal.timeout(2_000) })
  await expect(failure).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringContaining('2 of 3 peers do not have it, 1 has not answered'),
  })
})
