/**
 * One large network without faults but one: it syncs, is cut in two, both halves go on by themselves, and when it is
 * whole again the half with less work reorganises.
 */
import type { LightNodeCore } from '../../src/core/core.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import type { Computer } from './computer.ts'
import type { Random } from './random.ts'
import type { SimulatedChain } from './simulated-chain.ts'
import { createSimulatedToyChain } from './simulated-chain.ts'
import { SimulationError, Watch } from './watch.ts'
import { addressOf, World } from './world.ts'

export interface LargeNetworkReport {
  readonly stepCount: number
  /** Until all had the first headers, until both halves were in step, until all were on one chain again. */
  readonly syncedMs: number
  readonly apartMs: number
  readonly healedMs: number
  /** Light nodes that reorganised after healing, and those that had to. */
  readonly reorganisedCount: number
  readonly lighterHalfCount: number
  readonly height: number
}

const MINUTE_MS = 60_000
/** Long enough for everybody to wait between dials. */
const APART_MS = 2 * MINUTE_MS
const STARTS_OVER_MS = 10_000
const DIALS_PER_NODE = 3
const PEERS_MAX = 64
const LIGHTER_HEADERS = 3
const HEAVIER_HEADERS = 5

interface LargeNetworkOptions {
  readonly seed: number
  readonly nodes: number
  readonly headerCount: number
}

/** The last steps of ten thousand would be most of the memory: nobody's are kept, and where one fails it is all done again. */
export function partitionAndHeal(options: LargeNetworkOptions): LargeNetworkReport {
  try {
    return new LargeNetwork(options).run()
  } catch (error) {
    if (!(error instanceof SimulationError) || error.index === undefined) throw error
    return new LargeNetwork({ ...options, remembered: error.index }).run()
  }
}

class LargeNetwork {
  private readonly options: LargeNetworkOptions
  private readonly chain: SimulatedChain = createSimulatedToyChain()
  private readonly world: World
  private readonly watch: Watch
  private readonly random: Random

  constructor(options: LargeNetworkOptions & { readonly remembered?: number }) {
    this.options = options
    const { chain } = this.chain
    this.watch = new Watch({
      seed: options.seed,
      chain: chain.id,
      genesis: chain.genesis,
      maxPeers: () => PEERS_MAX,
      isThorough: false,
      isHonestPeer: () => true,
      remembers: ({ index }) => index === options.remembered,
    })
    this.world = new World({
      seed: options.seed,
      unixMs: this.chain.unixMs,
      headerSizeBytes: chain.headerSizeBytes,
      continues: this.chain.continues,
      observer: this.watch,
      latencyMs: { min: 5, max: 150 },
    })
    this.random = this.world.random.fork()
    for (let index = 0; index < options.nodes; index += 1) this.addComputer(index)
  }

  /** Everybody dials a neighbour, so that the network is one, and some others. */
  private addComputer(index: number): void {
    const targets = new Set([(index + 1) % this.options.nodes])
    while (targets.size < DIALS_PER_NODE) targets.add(this.random.below(this.options.nodes))
    targets.delete(index)
    this.world.addComputer({
      isHonest: true,
      isStoreWritable: false,
      targets: [...targets].map(addressOf),
      createMachine: (computer) =>
        createLightNodeCore({
          chain: this.chain.chain,
          ownPeer: computer.peer,
          agent: 'simulated',
          peers: computer.targets,
          maxPeers: PEERS_MAX,
          seed: computer.random.next32(),
          isAuthority: false,
        }),
    })
  }

  run(): LargeNetworkReport {
    const { time, computers } = this.world
    const [miner] = computers
    if (miner === undefined) throw new RangeError('expected a light node or more')
    for (const computer of computers) time.at(this.random.below(STARTS_OVER_MS), () => computer.start())
    time.runUntil(STARTS_OVER_MS)
    this.mine(miner, this.options.headerCount)
    const syncedMs = this.untilInStep(computers, 'at first')
    const halves = this.cutInTwo()
    for (const [half, count] of [LIGHTER_HEADERS, HEAVIER_HEADERS].entries()) {
      const first = halves[half]?.[0]
      if (first !== undefined) this.mine(first, count)
    }
    const apartMs = Math.max(...halves.map((half, index) => this.untilInStep(half, `in half ${index}`)))
    time.runUntil(time.nowMs + APART_MS)
    const reorganisedBefore = this.reorganisedCount()
    this.world.groups.clear()
    const healedMs = this.untilInStep(computers, 'after healing')
    return {
      stepCount: this.world.stepCount,
      syncedMs,
      apartMs,
      healedMs,
      reorganisedCount: this.reorganisedCount() - reorganisedBefore,
      lighterHalfCount: halves[0]?.length ?? 0,
      height: coreOf(miner).tree.tip.height,
    }
  }

  private reorganisedCount(): number {
    return this.watch.effectCounts.get('reorganised') ?? 0
  }

  private mine(computer: Computer, count: number): void {
    const unixMs = this.world.unixMs + this.world.time.nowMs
    const headers = this.chain.mine({ tree: coreOf(computer).tree, count, unixMs, nonce: computer.index * 3 })
    computer.post({ type: 'headers-submitted', headers })
  }

  /** Neighbours along the ring stay together, so that each half is one network. */
  private cutInTwo(): readonly [readonly Computer[], readonly Computer[]] {
    const { computers, groups } = this.world
    const middle = computers.length >> 1
    for (const computer of computers) groups.set(computer, computer.index < middle ? 1 : 2)
    const groupOf = new Map(computers.map((computer) => [computer.host, groups.get(computer)]))
    for (const link of this.world.openLinks()) {
      const [one, other] = [link.dialer, link.listener].map(({ owner }) => groupOf.get(owner as Computer['host']))
      if (one !== other) this.world.reset(link)
    }
    return [computers.slice(0, middle), computers.slice(middle)]
  }

  /** Virtual time until these have the same head; throws when they take too long. */
  private untilInStep(computers: readonly Computer[], when: string): number {
    const { time } = this.world
    const sinceMs = time.nowMs
    time.runUntil(time.nowMs + 1_000)
    for (; time.nowMs < sinceMs + 10 * MINUTE_MS; time.runUntil(time.nowMs + 500)) {
      const heaviest = computers.reduce((best, computer) => (workOf(computer) > workOf(best) ? computer : best))
      const { root } = coreOf(heaviest).tree.tip
      if (computers.every((computer) => coreOf(computer).tree.tip.root === root)) return time.nowMs - sinceMs
    }
    throw new SimulationError(`liveness: not all are in step ${when} after 10 virtual minutes`)
  }
}

function coreOf(computer: Computer): LightNodeCore {
  return computer.machine as LightNodeCore
}

function workOf(computer: Computer): bigint {
  return coreOf(computer).tree.tip.work
}
