/** What silent peers cost the others, over real sockets: every peer is a libp2p of its own, in a few processes. */
import { SILENCES } from '../../interop/exchange-strangers.ts'
import type { CrowdOrders } from './crowd-side.ts'
import { figure, medians, median, type Figure } from './figures.ts'
import type { LightNodeOrders } from './light-node-side.ts'
import { Worker } from './worker.ts'

const ROUNDS = 5
const GOOD_COUNT = 108
const SILENT_COUNT = 12
const WINDOW_MS = 4_000
const SERVED = { count: 2_000, sizeBytes: 4_096 }
const ASKED = { count: 20_000, sizeBytes: 4_096 }
const ASKING_IN_FLIGHT = 1_000
const IN_FLIGHT_PER_PEER = 16
/** Once, and more than a window of theirs takes: they are to be silent, not greedy. */
const SILENT_WANTS = 64

/** As boxo's issue 1142 has it. */
const TASKS = 200
const SILENT_TASKS = 20
const DEADLINE_MS = 10_000
/** A send may take 2 s and its size at 100 kbit/s: 10 s. */
const TASK_BYTES = 100_000

interface Parts {
  readonly lightNode: Worker<LightNodeOrders>
  readonly good: Worker<CrowdOrders>
  readonly silent: Worker<CrowdOrders>
  readonly address: string
}

export async function servingBesideSilent(): Promise<Figure> {
  return await withParts(async ({ lightNode, good, silent, address }) => {
    await lightNode.call('put', { from: 0, ...SERVED })
    await good.call('gather', { address, count: GOOD_COUNT, silences: [] })
    await good.call('ask', { from: 0, ...SERVED, inFlight: IN_FLIGHT_PER_PEER })
    const measure = async (): Promise<number> => {
      const before = await good.call('receivedCount', undefined)
      await pass(WINDOW_MS)
      return (1_000 * ((await good.call('receivedCount', undefined)) - before)) / WINDOW_MS
    }
    const name = `serving: ${SILENT_COUNT} of ${GOOD_COUNT + SILENT_COUNT} are silent`
    return await ratio(name, measure, async () => {
      await silent.call('gather', { address, count: SILENT_COUNT, silences: SILENCES })
      await silent.call('ask', { from: 0, ...SERVED, inFlight: SILENT_WANTS })
      const rate = await measure()
      await silent.call('leave', undefined)
      return rate
    })
  })
}

export async function askingBesideSilent(): Promise<Figure> {
  return await withParts(async ({ lightNode, good, silent, address }) => {
    await good.call('gather', { address, count: GOOD_COUNT, silences: [] })
    let from = 0
    const measure = async (): Promise<number> => {
      from += ASKED.count
      await good.call('serve', { from, ...ASKED })
      return await lightNode.call('ask', { from, ...ASKED, inFlight: ASKING_IN_FLIGHT, forMs: WINDOW_MS })
    }
    const name = `asking: ${SILENT_COUNT} of ${GOOD_COUNT + SILENT_COUNT} are silent`
    return await ratio(name, measure, async () => {
      await silent.call('gather', { address, count: SILENT_COUNT, silences: SILENCES })
      const rate = await measure()
      await silent.call('leave', undefined)
      return rate
    })
  })
}

export async function boxosTable(): Promise<readonly Figure[]> {
  return await withParts(async ({ lightNode, good, silent, address }) => {
    await lightNode.call('put', { from: 0, count: TASKS * ROUNDS, sizeBytes: TASK_BYTES })
    await good.call('gather', { address, count: TASKS - SILENT_TASKS, silences: [] })
    await silent.call('gather', { address, count: SILENT_TASKS, silences: ['never answers the negotiation'] })
    const rounds: { ms: number }[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const blocks = { from: round * TASKS, count: TASKS, sizeBytes: TASK_BYTES }
      await silent.call('askForOneEach', { ...blocks, awaitedCount: 0 })
      rounds.push({ ms: await good.call('askForOneEach', { ...blocks, awaitedCount: TASKS - SILENT_TASKS }) })
    }
    await pass(DEADLINE_MS + 1_000)
    const failedMs = await lightNode.call('failedSends', undefined)
    const values = { 'sends that failed': failedMs.length, 'first after ms': Math.min(...failedMs) }
    const late = figure({
      name: `${SILENT_TASKS} sends to silent peers fail at their deadline`,
      values: { ...values, 'last after ms': Math.max(...failedMs) },
      result: failedMs.filter((ms) => ms >= DEADLINE_MS && ms < DEADLINE_MS + 1_000).length,
      unit: `of ${SILENT_TASKS}`,
      goal: { atLeast: SILENT_TASKS },
      rounds: [],
    })
    const name = `${TASKS} tasks, ${SILENT_TASKS} silent: the others are done`
    const result = median(rounds.map(({ ms }) => ms))
    const done = figure({ name, values: {}, result, unit: 'ms', goal: { atMost: 1_000 }, rounds })
    return [done, late]
  })
}

async function ratio(name: string, without: () => Promise<number>, beside: () => Promise<number>): Promise<Figure> {
  await without()
  const rounds: Record<'without, blocks/s' | 'beside, blocks/s', number>[] = []
  while (rounds.length < ROUNDS) {
    rounds.push({ 'without, blocks/s': await without(), 'beside, blocks/s': await beside() })
  }
  const result = median(rounds.map((round) => round['beside, blocks/s'] / round['without, blocks/s']))
  return figure({ name, values: medians(rounds), result, unit: 'of the rate without', goal: { atLeast: 0.9 }, rounds })
}

async function withParts<Result>(measure: (parts: Parts) => Promise<Result>): Promise<Result> {
  const lightNode = new Worker<LightNodeOrders>('./light-node-side.ts')
  const good = new Worker<CrowdOrders>('./crowd-side.ts')
  const silent = new Worker<CrowdOrders>('./crowd-side.ts')
  try {
    const address = await lightNode.call('start', { maxPeers: TASKS + SILENT_TASKS })
    return await measure({ lightNode, good, silent, address })
  } finally {
    await Promise.all([lightNode.end(), good.end(), silent.end()])
  }
}

async function pass(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
