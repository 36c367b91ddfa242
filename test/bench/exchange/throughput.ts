/** Blocks a second between two processes, beside Helia's and beside a raw libp2p stream, in turns. */
import { figure, medians, median, type Figure } from './figures.ts'
import type { Kind, ThroughputOrders } from './throughput-side.ts'
import { Worker } from './worker.ts'

const SIDE = './throughput-side.ts'
const ROUNDS = 5
const SMALL = { sizeBytes: 200, inFlight: 1_000 }
const SMALL_COUNT = { 'light node': 40_000, helia: 2_000 }
const LARGE = { sizeBytes: 256 * 1024, inFlight: 32 }
const LARGE_COUNT = { 'light node': 400, helia: 100 }

/**
 * What a light node keeps in a tab: after the first round its store is full, and a block that comes takes the place of one
 * that goes. While a store grows each block takes new memory, and what the system asks for that is a bench of the system: on
 * virtual machines several times what the block itself takes. That figure stands beside it.
 */
const FULL_STORE_BYTES: number = 64 * 1024 * 1024

interface Pair {
  readonly serving: Worker<ThroughputOrders>
  readonly asking: Worker<ThroughputOrders>
}

export async function smallBlocks(): Promise<Figure> {
  const pairs = { 'light node': await start('light node'), helia: await start('helia') }
  try {
    const rounds = await inTurns(async () => ({
      'our blocks/s': await rate({ pair: pairs['light node'], count: SMALL_COUNT['light node'], ...SMALL }),
      "Helia's blocks/s": await rate({ pair: pairs.helia, count: SMALL_COUNT.helia, ...SMALL }),
    }))
    const result = median(rounds.map((round) => round['our blocks/s'] / round["Helia's blocks/s"]))
    const name = '200-byte blocks, 1,000 in flight'
    return figure({ name, values: medians(rounds), result, unit: 'times Helia', goal: { atLeast: 20 }, rounds })
  } finally {
    await end(Object.values(pairs))
  }
}

export async function largeBlocks(): Promise<Figure> {
  const pairs = {
    'light node': await start('light node', FULL_STORE_BYTES),
    growing: await start('light node'),
    helia: await start('helia'),
  }
  const raw = { serving: new Worker<ThroughputOrders>(SIDE), asking: new Worker<ThroughputOrders>(SIDE) }
  const { sizeBytes } = LARGE
  const count = LARGE_COUNT['light node']
  const megabytes = sizeBytes / 1_000_000
  try {
    await raw.asking.call('connectRaw', { peer: await raw.serving.call('startRaw', { count, sizeBytes }) })
    const rounds = await inTurns(async () => ({
      'raw MB/s': (1_000 * count * megabytes) / (await raw.asking.call('readRaw', { totalBytes: count * sizeBytes })),
      'our MB/s': megabytes * (await rate({ pair: pairs['light node'], count, ...LARGE })),
      'while the store grows': megabytes * (await rate({ pair: pairs.growing, count, ...LARGE })),
      "Helia's MB/s": megabytes * (await rate({ pair: pairs.helia, count: LARGE_COUNT.helia, ...LARGE })),
    }))
    const result = 100 * median(rounds.map((round) => round['our MB/s'] / round['raw MB/s']))
    const name = '256 KiB blocks, 32 in flight'
    return figure({ name, values: medians(rounds), result, unit: '% of raw', goal: { atLeast: 80 }, rounds })
  } finally {
    await end([raw, ...Object.values(pairs)])
  }
}

async function start(kind: Kind, blockStoreBytesMax?: number): Promise<Pair> {
  const pair = { serving: new Worker<ThroughputOrders>(SIDE), asking: new Worker<ThroughputOrders>(SIDE) }
  const peer = await pair.serving.call('start', { kind })
  await pair.asking.call('start', { kind, peer, ...(blockStoreBytesMax === undefined ? {} : { blockStoreBytesMax }) })
  return pair
}

async function end(pairs: readonly Pair[]): Promise<void> {
  await Promise.all(pairs.flatMap(({ serving, asking }) => [serving.end(), asking.end()]))
}

/** The first round warms up. */
async function inTurns<Round>(measure: () => Promise<Round>): Promise<Round[]> {
  await measure()
  const rounds: Round[] = []
  while (rounds.length < ROUNDS) rounds.push(await measure())
  return rounds
}

async function rate(args: {
  readonly pair: Pair
  readonly count: number
  readonly sizeBytes: number
  readonly inFlight: number
}): Promise<number> {
  const { pair, count, sizeBytes, inFlight } = args
  const cids = await pair.serving.call('make', { count, sizeBytes })
  return (1_000 * count) / (await pair.asking.call('fetch', { cids, inFlight }))
}
