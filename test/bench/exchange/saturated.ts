/** A thousand peers that each want a thousand blocks: what they cost in memory, and what a newcomer waits. */
import type { CrowdOrders } from './crowd-side.ts'
import { figure, type Figure } from './figures.ts'
import type { LightNodeOrders } from './light-node-side.ts'
import { Worker } from './worker.ts'

const PROCESSES = 4
const PEERS_PER_PROCESS = 250
const WANTS_PER_PEER = 1_000
const STORMS = 3
const LARGE = { from: 0, count: 1_000, sizeBytes: 64 * 1024 }
const NEWCOMERS_BLOCKS = { from: 1_000_000, count: 16, sizeBytes: 1_000 }
const MEGABYTES_MAX = 512
const NEWCOMER_MS_MAX = 1_000

export async function saturated(): Promise<readonly Figure[]> {
  const lightNode = new Worker<LightNodeOrders>('./light-node-side.ts')
  const newcomer = new Worker<LightNodeOrders>('./light-node-side.ts')
  const crowds = Array.from({ length: PROCESSES }, () => new Worker<CrowdOrders>('./crowd-side.ts'))
  const all = async (order: (crowd: Worker<CrowdOrders>, firstPeer: number) => Promise<unknown>): Promise<void> => {
    await Promise.all(crowds.map((crowd, index) => order(crowd, index * PEERS_PER_PROCESS)))
  }
  const figures: Figure[] = []
  let block = NEWCOMERS_BLOCKS.from
  const meetNewcomer = async (): Promise<number> =>
    await newcomer.call('get', { block: block++, sizeBytes: NEWCOMERS_BLOCKS.sizeBytes })
  /** A newcomer wants something while the storm is on, and once more: after it, where it ends. */
  const phase = async (name: string, storm: () => Promise<void>, { isEndless = false } = {}): Promise<void> => {
    await lightNode.call('peakMegabytes', undefined)
    await storm()
    const inStorm = { 'in the storm': await meetNewcomer() }
    if (!isEndless) await lightNode.call('rest', undefined)
    const newcomerMs = await meetNewcomer()
    const peakMegabytes = await lightNode.call('peakMegabytes', undefined)
    const heap = { 'heap after': await lightNode.call('heapMegabytes', undefined) }
    const memoryGoal = { unit: 'MB', goal: { atMost: MEGABYTES_MAX }, rounds: [] }
    const newcomerGoal = { unit: 'ms', goal: { atMost: NEWCOMER_MS_MAX }, rounds: [] }
    figures.push(figure({ name: `${name}: memory`, values: heap, result: peakMegabytes, ...memoryGoal }))
    figures.push(figure({ name: `${name}: a newcomer`, values: inStorm, result: newcomerMs, ...newcomerGoal }))
  }
  try {
    const address = await lightNode.call('start', { maxPeers: PROCESSES * PEERS_PER_PROCESS + 8 })
    await newcomer.call('start', { maxPeers: 8 })
    await lightNode.call('put', NEWCOMERS_BLOCKS)
    await lightNode.call('put', LARGE)
    await all((crowd) => crowd.call('gather', { address, count: PEERS_PER_PROCESS, silences: [] }))
    await newcomer.call('connect', { peer: address })
    const wants = { count: WANTS_PER_PEER, salt: 0 }
    await phase('1,000 x 1,000 wants', () =>
      all((crowd, firstPeer) => crowd.call('wantAbsent', { firstPeer, ...wants })),
    )
    await phase('re-want storm', async () => {
      for (let storm = 0; storm < STORMS; storm += 1) {
        await all((crowd, firstPeer) => crowd.call('wantAbsent', { firstPeer, ...wants }))
      }
    })
    await phase('cancel storm', async () => {
      for (let salt = 0; salt < STORMS; salt += 1) {
        await all((crowd, firstPeer) => crowd.call('cancelAbsent', { firstPeer, ...wants, salt }))
        await all((crowd, firstPeer) => crowd.call('wantAbsent', { firstPeer, ...wants, salt: salt + 1 }))
      }
    })
    const readAll = (): Promise<void> => all((crowd) => crowd.call('ask', { ...LARGE, inFlight: 16 }))
    await phase('all of them read 64 KiB blocks as well', readAll, { isEndless: true })
    return figures
  } finally {
    await Promise.all([lightNode.end(), newcomer.end(), ...crowds.map((crowd) => crowd.end())])
  }
}
