/**
 * One simulation from one seed: faults for some virtual minutes, then everything heals, and then life is required:
 * all honest light nodes on the heaviest chain within a bounded time.
 */
import type { LightNodeCore } from '../../src/core/core.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import type { Computer } from './computer.ts'
import { ExchangeFaults } from './exchange-faults.ts'
import { EXCHANGE_LIES, mannersOf } from './exchange-lies.ts'
import { ExchangeOnlyPeer } from './exchange-only-peer.ts'
import type { OwedWant } from './exchange-traffic.ts'
import { ExchangeTraffic } from './exchange-traffic.ts'
import { Faults } from './faults.ts'
import type { Lie } from './liars.ts'
import { LIES, Liar } from './liars.ts'
import { createToyChain } from './toy-chain.ts'
import type { Machine } from './machine.ts'
import type { Random } from './random.ts'
import type { SimulatedChain } from './simulated-chain.ts'
import { createSimulatedToyChain } from './simulated-chain.ts'
import type { Step } from './trace.ts'
import { SimulationError, Watch } from './watch.ts'
import { addressOf, World } from './world.ts'

export interface SimulationOptions {
  /** 32 bits. */
  readonly seed: number
  readonly nodes: number
  /** Of faults, on the virtual clock. */
  readonly minutes: number
  readonly chain?: SimulatedChain
  /** Share of computers that lie. Drawn by the seed where it is not given. */
  readonly liarShare?: number
  readonly isThorough?: boolean
  /** Light nodes learn of each other; false by default, so that old seeds stay what they are. */
  readonly discoversPeers?: boolean
  readonly onStep?: (step: Step) => void
}

export interface SimulationResult {
  readonly seed: number
  readonly stepCount: number
  readonly virtualMs: number
  /** From the last new header until all honest light nodes had it. */
  readonly healedMs: number
  readonly height: number
  readonly faultCounts: ReadonlyMap<string, number>
  /** Blocks and outlines that apps got. */
  readonly deliveredCount: number
}

const MINUTE_MS = 60_000
/** Reconnecting takes pings (45 s), back-off (30 s) and dials (15 s). */
const SETTLE_MS = 2 * MINUTE_MS
/** For one more header: a stalled request (15 s), asked again of another, and some room. */
const LIVENESS_MS_MAX = 2 * MINUTE_MS
/** For a block that a neighbour has: everybody else may have been asked before, and twice. */
const DELIVERY_MS_MAX = 2 * MINUTE_MS
/** Longer than a surplus connection lives, and than a dead one takes to be noticed. */
const REST_MS = MINUTE_MS
/** Ready peers of those that have room for few. */
const SMALL_PEERS_MAX = 2
const GOODBYE_MS = 5_000

export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run()
}

class Simulation {
  private readonly options: SimulationOptions
  private readonly chain: SimulatedChain
  private readonly watch: Watch
  private readonly world: World
  private readonly random: Random
  private readonly faults: Faults
  private readonly lies = new Map<number, Lie>()
  private readonly small = new Set<number>()
  /** Undefined where blocks are not exchanged. */
  private readonly traffic: ExchangeTraffic | undefined
  private readonly otherChain = createToyChain({ id: 'toy:other', genesisNonce: 1 })
  private nonce = 0

  constructor(options: SimulationOptions) {
    this.options = options
    this.chain = options.chain ?? createSimulatedToyChain()
    const { chain } = this.chain
    this.watch = new Watch({
      seed: options.seed,
      chain: chain.id,
      genesis: chain.genesis,
      isThorough: options.isThorough ?? true,
      cidOf: this.chain.cidOf,
      maxPeers: (computer) => this.maxPeersOf(computer.index),
      isHonestPeer: (peer) => this.world.computers.some((computer) => computer.isHonest && computer.peer === peer),
      ...(options.onStep !== undefined && { onStep: options.onStep }),
    })
    this.world = new World({
      seed: options.seed,
      unixMs: this.chain.unixMs,
      headerSizeBytes: chain.headerSizeBytes,
      continues: this.chain.continues,
      observer: this.watch,
      latencyMs: { min: 2, max: 250 },
      discoversPeers: options.discoversPeers ?? false,
      settled: (computer, effect) => this.traffic?.settled(computer, effect),
    })
    this.random = this.world.random.fork()
    if (this.chain.cidOf !== undefined) {
      this.traffic = new ExchangeTraffic({ seed: options.seed, world: () => this.world })
    }
    this.populate()
    this.traffic?.populate()
    this.faults = new Faults(this.world)
  }

  run(): SimulationResult {
    const faultsMs = this.options.minutes * MINUTE_MS
    const { time } = this.world
    const { history } = this.chain
    const [owner] = this.honest()
    for (const computer of this.world.computers) {
      // Where there is a history the others come when one has it.
      const fromMs = history === undefined || computer === owner ? 0 : 7_000
      time.at(fromMs + this.random.below(5_000), () => computer.start())
    }
    if (history !== undefined) time.at(5_000, () => owner?.post({ type: 'headers-submitted', headers: history }))
    this.repeat({ everyMs: [50, 3_000], untilMs: faultsMs, action: () => this.faults.strike() })
    this.repeat({ everyMs: [1_000, 20_000], untilMs: faultsMs, action: () => this.mineSomewhere() })
    const exchangeFaults = this.startTraffic(faultsMs)
    time.runUntil(faultsMs)
    this.faults.heal()
    exchangeFaults?.heal()
    time.runUntil(faultsMs + SETTLE_MS)
    const healedMs = this.requireLife()
    this.requireDeliveries()
    time.runUntil(time.nowMs + REST_MS)
    this.requireRest()
    this.requireGoodbye()
    const [first] = this.honest()
    return {
      seed: this.options.seed,
      stepCount: this.world.stepCount,
      virtualMs: time.nowMs,
      healedMs,
      height: first === undefined ? 0 : coreOf(first).tree.tip.height,
      faultCounts: this.faults.counts,
      deliveredCount: this.traffic?.deliveredCount ?? 0,
    }
  }

  private startTraffic(untilMs: number): ExchangeFaults | undefined {
    const { traffic } = this
    if (traffic === undefined) return undefined
    const { everyMs, random } = traffic
    if (everyMs !== undefined) this.repeat({ everyMs, untilMs, action: () => traffic.act(), random })
    const faults = new ExchangeFaults({ world: this.world, random: random.fork() })
    this.repeat({ everyMs: [500, 10_000], untilMs, action: () => faults.strike(), random })
    return faults
  }

  /**
   * Honest light nodes dial their neighbour in a ring of the honest, and some others, liars among them.
   * Where nobody lies some have room for few: they stand outside the ring, and only its members dial them.
   */
  private populate(): void {
    const { nodes } = this.options
    const liarShare = this.options.liarShare ?? this.random.pick([0, 0, 0.1, 0.3])
    const smallShare = liarShare === 0 && this.random.chance(0.5) ? 0.3 : 0
    for (let index = 2; index < nodes; index += 1) {
      if (this.random.chance(liarShare)) this.lies.set(index, this.random.pick(LIES))
      else if (this.random.chance(smallShare)) this.small.add(index)
    }
    const { traffic } = this
    for (const [index, lie] of this.lies) {
      if (traffic?.random.chance(0.6) === true && lie !== 'exchange-only')
        this.lies.set(index, traffic.random.pick(EXCHANGE_LIES))
    }
    if (this.options.discoversPeers === true) {
      for (const index of this.lies.keys()) if (this.random.chance(0.4)) this.lies.set(index, 'fills-tables')
    }
    const ring = Array.from({ length: nodes }, (_, index) => index).filter(
      (index) => !this.lies.has(index) && !this.small.has(index),
    )
    for (let index = 0; index < nodes; index += 1) {
      const place = ring.indexOf(index)
      const others = place < 0 ? ring : Array.from({ length: nodes }, (_, other) => other)
      const targets = new Set<number>(place < 0 ? [] : [ring[(place + 1) % ring.length] ?? 0])
      for (let count = this.random.between(1, 3); count > 0; count -= 1) targets.add(this.random.pick(others))
      targets.delete(index)
      this.world.addComputer({
        isHonest: !this.lies.has(index),
        isExchangeOnly: this.lies.get(index) === 'exchange-only',
        garbledShare: this.lies.get(index) === 'garbage' ? 0.1 : 0,
        manners: mannersOf(this.lies.get(index)),
        ...(traffic !== undefined && { bytesPerMs: traffic.bytesPerMs }),
        isStoreWritable: this.random.chance(0.9),
        targets: [...targets].map(addressOf),
        createMachine: (computer) => this.createMachine(computer),
      })
    }
  }

  private maxPeersOf(index: number): number {
    return this.small.has(index) ? SMALL_PEERS_MAX : this.options.nodes + 8
  }

  private createMachine(computer: Computer): Machine {
    const lie = this.lies.get(computer.index)
    const { traffic } = this
    if (lie === 'exchange-only' && traffic !== undefined)
      return new ExchangeOnlyPeer({ computer, wanted: () => traffic.someCids() })
    const core = createLightNodeCore({
      chain: lie === 'other-chain' ? this.otherChain : this.chain.chain,
      ownPeer: computer.peer,
      agent: `simulated/${computer.index}`,
      peers: computer.targets,
      maxPeers: this.maxPeersOf(computer.index),
      seed: computer.random.next32(),
      cidOf: this.chain.cidOf,
      isAuthority: false,
    })
    if (lie === undefined) return core
    const forge = (args: { parent: 'nothing' | 'tip'; isInvalid: boolean }): Uint8Array =>
      this.chain.forge({ ...args, tree: core.tree, unixMs: this.trueUnixMs(), nonce: (this.nonce += 1) })
    return new Liar({ lie, core, random: computer.random, forge })
  }

  private repeat(args: {
    everyMs: readonly [number, number]
    untilMs: number
    action: () => void
    random?: Random
  }): void {
    const { time } = this.world
    const { random = this.random } = args
    const next = (): void => {
      const atMs = time.nowMs + random.between(...args.everyMs)
      if (atMs >= args.untilMs) return
      time.at(atMs, () => {
        args.action()
        next()
      })
    }
    next()
  }

  private honest(): Computer[] {
    return this.world.computers.filter(({ isHonest }) => isHonest)
  }

  private trueUnixMs(): number {
    return this.world.unixMs + this.world.time.nowMs
  }

  private mineSomewhere(): void {
    const up = this.honest().filter(({ isUp }) => isUp)
    if (up.length > 0) this.mine(this.random.pick(up))
  }

  private mine(computer: Computer): void {
    const { tree } = coreOf(computer)
    const count = this.random.chance(0.8) ? 1 : this.random.between(2, 12)
    const headers = this.chain.mine({ tree, count, unixMs: this.trueUnixMs(), nonce: (this.nonce += 1) })
    if (headers.length > 0) computer.post({ type: 'headers-submitted', headers })
  }

  /** One more header on the heaviest chain, so that no two are equal, and all must follow. */
  private requireLife(): number {
    const { time } = this.world
    const sinceMs = time.nowMs
    const heaviest = this.heaviest()
    this.mine(heaviest)
    time.runUntil(sinceMs + 1_000)
    while (time.nowMs < sinceMs + LIVENESS_MS_MAX) {
      const tip = coreOf(this.heaviest()).tree.tip
      if (this.honest().every((computer) => coreOf(computer).tree.tip.root === tip.root)) return time.nowMs - sinceMs
      time.runUntil(time.nowMs + 1_000)
    }
    const tip = coreOf(this.heaviest()).tree.tip
    const behind = this.honest().filter((computer) => coreOf(computer).tree.tip.root !== tip.root)
    const [first] = behind
    if (first === undefined) return LIVENESS_MS_MAX
    const { head, status, statusReason, peers } = coreOf(first).view()
    const detail = peers
      .map(({ id, state, claimed, strikes }) => `${id} ${state} ${claimed?.height} ${strikes}`)
      .join('; ')
    const what = `liveness: ${behind.length} of ${this.honest().length} are not at height ${tip.height} ${LIVENESS_MS_MAX / MINUTE_MS} minutes after healing; ${first.peer} is at ${head.height}, ${status} (${statusReason}), peers: ${detail}`
    throw this.watch.explain(new SimulationError(what), first)
  }

  /** Whatever is wanted and an honest neighbour has, is delivered; what was wanted before, and some more. */
  private requireDeliveries(): void {
    const { traffic } = this
    if (traffic === undefined) return
    const { time } = this.world
    const sinceMs = time.nowMs
    traffic.wantOfNeighbours()
    // A neighbour that gets it only now, over a slow line, may take as long again to hand it on.
    const due = new Set(traffic.owedToUs().map(({ token }) => token))
    let owed: readonly OwedWant[]
    do {
      time.runUntil(time.nowMs + 1_000)
      owed = traffic.owedToUs().filter(({ token }) => due.has(token))
    } while (owed.length > 0 && time.nowMs < sinceMs + DELIVERY_MS_MAX)
    const [first] = owed
    if (first === undefined) return
    const { computer, what, from } = first
    const where = `${what}, which ${from.peer} has and to which it is connected`
    const error = `liveness: ${owed.length} wants are open ${DELIVERY_MS_MAX / MINUTE_MS} minutes after healing; ${computer.peer} waits for ${where}`
    throw this.watch.explain(new SimulationError(error), computer)
  }

  /** L6 at rest: readiness is mutual, over one connection a pair, and everybody has the neighbour that it dials. */
  private requireRest(): void {
    const honest = this.honest()
    const ring = honest.filter(({ index }) => !this.small.has(index))
    for (const computer of honest) {
      const complain = (what: string): never => {
        throw this.watch.explain(new SimulationError(what), computer)
      }
      const ready = readyPeers(computer)
      if (coreOf(computer).tree.gap !== undefined) complain('a back-fill is not done')
      const place = ring.indexOf(computer)
      const neighbour = place < 0 ? undefined : ring[(place + 1) % ring.length]
      if (neighbour !== undefined && neighbour !== computer && !ready.has(neighbour.peer))
        complain(`L6: at rest ${neighbour.peer}, which it dials, is not ready`)
      for (const other of honest) {
        const hasRoom = !this.small.has(other.index) && !this.small.has(computer.index)
        if (hasRoom && ready.has(other.peer) && !readyPeers(other).has(computer.peer))
          complain(`L6: at rest ${other.peer} is ready here and we are not ready there`)
        const count = [...computer.host.ends.values()].filter((end) => end.remotePeer === other.peer).length
        if (count > 1) complain(`L6: at rest there are ${count} connections to ${other.peer}`)
      }
    }
  }

  private heaviest(): Computer {
    return this.honest().reduce((best, computer) =>
      coreOf(computer).tree.tip.work > coreOf(best).tree.tip.work ? computer : best,
    )
  }

  /** R1: after stop no connection, no dial and no timer is left. */
  private requireGoodbye(): void {
    const { time, computers } = this.world
    for (const computer of computers) computer.post({ type: 'stop-requested' })
    time.runUntil(time.nowMs + GOODBYE_MS)
    for (const computer of this.honest()) {
      const { ends, dials } = computer.host
      if (ends.size === 0 && dials.size === 0) continue
      const what = `R1: ${ends.size} connections and ${dials.size} dials are left after stop`
      throw this.watch.explain(new SimulationError(what), computer)
    }
  }
}

function readyPeers(computer: Computer): ReadonlySet<string> {
  return new Set(
    coreOf(computer)
      .view()
      .peers.flatMap(({ id, state }) => (state === 'ready' ? [id] : [])),
  )
}

function coreOf(computer: Computer): LightNodeCore {
  return computer.machine as LightNodeCore
}
