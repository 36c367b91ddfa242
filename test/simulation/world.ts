/**
 * Many light nodes in one process on one virtual clock. One seed decides everything that happens; the same seed gives
 * the same steps, byte for byte, wherever it runs.
 */
import type { Cause } from '../../src/core/checker/cause.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { ExchangeAppEffect } from '../../src/core/exchange/exchange-effect.ts'
import type { ConnectionId } from '../../src/core/ids.ts'
import type { Instant } from '../../src/core/instant.ts'
import type { Network } from './computer.ts'
import { Computer } from './computer.ts'
import type { LinkEnd } from './link.ts'
import { Link } from './link.ts'
import type { Machine } from './machine.ts'
import type { Random } from './random.ts'
import { createRandom } from './random.ts'
import { RECORD_ADDRESS } from './peer-record.ts'
import { SimulatedBlockStore } from './simulated-block-store.ts'
import type { ExchangeManners } from './simulated-exchange.ts'
import type { DialState, SimulatedHost } from './simulated-host.ts'
import { SimulatedStore } from './simulated-store.ts'
import { VirtualTime } from './virtual-time.ts'

export interface Observer {
  /** After every step of every computer. Throws when something is wrong. */
  stepped(computer: Computer, cause: Cause, effects: readonly Effect[], now: Instant): void
  /** A machine threw. Throws it on, with what is needed to see it again. */
  threw(computer: Computer, cause: Cause, error: unknown, now: Instant): never
}

export interface WorldOptions {
  readonly seed: number
  /** Unix time at the beginning. */
  readonly unixMs: number
  readonly headerSizeBytes: number
  readonly continues: (last: Uint8Array | undefined, append: Uint8Array, isUpper: boolean) => boolean
  readonly observer: Observer
  /** One way, between any two; each link draws its own. */
  readonly latencyMs: { readonly min: number; readonly max: number }
  /** Light nodes learn of each other. */
  readonly discoversPeers?: boolean
  /** An app is told what became of its want. */
  readonly settled?: (computer: Computer, effect: ExchangeAppEffect) => void
}

/** Of what a computer sends of blocks. */
const BYTES_PER_MS = 1_000
/** So that what is drawn for block exchange has nothing to do with what is drawn for the rest. */
const EXCHANGE_SEED = 0x626c6f63

/** What the network does to dials, besides partitions. */
export interface DialFaults {
  /** Share of dials that are refused, and of those that end in nothing. */
  refusedShare: number
  lostShare: number
  /** Share of handshake requests that get no stream at first. */
  limitedShare: number
}

export class World implements Network {
  readonly time: VirtualTime = new VirtualTime()
  readonly unixMs: number
  readonly seed: number
  readonly random: Random
  readonly computers: Computer[] = []
  readonly links: Set<Link> = new Set<Link>()
  readonly dialFaults: DialFaults = { refusedShare: 0, lostShare: 0, limitedShare: 0 }
  /** Computers of different groups cannot reach each other. */
  readonly groups: Map<Computer, number> = new Map<Computer, number>()
  stepCount = 0
  private readonly options: WorldOptions
  private readonly byAddress: Map<string, Computer> = new Map<string, Computer>()
  private connectionCount = 0

  constructor(options: WorldOptions) {
    this.options = options
    this.seed = options.seed
    this.unixMs = options.unixMs
    this.random = createRandom(options.seed)
  }

  addComputer(args: {
    readonly isHonest: boolean
    readonly isExchangeOnly?: boolean
    readonly garbledShare?: number
    readonly manners?: ExchangeManners
    readonly bytesPerMs?: number
    readonly isStoreWritable: boolean
    readonly targets: readonly string[]
    readonly createMachine: (computer: Computer) => Machine
  }): Computer {
    const index = this.computers.length
    const random = this.random.fork()
    const store = new SimulatedStore({
      time: this.time,
      random,
      headerSizeBytes: this.options.headerSizeBytes,
      isWritable: args.isStoreWritable,
      name: addressOf(index),
      continues: args.isHonest ? this.options.continues : () => true,
    })
    const exchangeRandom = createRandom(Math.imul(this.seed ^ EXCHANGE_SEED, index + 1))
    const blocks = new SimulatedBlockStore({ time: this.time, random: exchangeRandom })
    const { isHonest, isExchangeOnly = false, garbledShare = 0, targets, createMachine } = args
    const { manners = 'reads', bytesPerMs = BYTES_PER_MS } = args
    const computer = new Computer({
      network: this,
      index,
      address: addressOf(index),
      store,
      blocks,
      random,
      exchangeRandom,
      manners,
      bytesPerMs,
      isHonest,
      isExchangeOnly,
      garbledShare,
      targets,
      createMachine,
      discoversPeers: this.options.discoversPeers ?? false,
    })
    this.computers.push(computer)
    this.byAddress.set(computer.address, computer)
    return computer
  }

  settled(computer: Computer, effect: ExchangeAppEffect): void {
    this.options.settled?.(computer, effect)
  }

  stepped(computer: Computer, cause: Cause, effects: readonly Effect[], now: Instant): void {
    this.stepCount += 1
    this.options.observer.stepped(computer, cause, effects, now)
  }

  threw(computer: Computer, cause: Cause, error: unknown, now: Instant): never {
    this.stepCount += 1
    return this.options.observer.threw(computer, cause, error, now)
  }

  canReach(one: Computer, other: Computer): boolean {
    return (this.groups.get(one) ?? 0) === (this.groups.get(other) ?? 0)
  }

  dial(from: Computer, state: DialState): void {
    const host = from.host
    // A record's address names its peer, which may have a new key by now.
    const [address = '', named] = state.address.split(RECORD_ADDRESS)
    const to = this.byAddress.get(address)
    const delayMs = this.drawLatency() * 2 + from.extraLatencyMs
    if (to === undefined || to === from) {
      this.time.after(0, () => host.failDial(state, 'undialable'))
      return
    }
    this.time.after(delayMs, () => {
      if (state.isSettled || !host.isAlive) return
      if (!this.canReach(from, to) || from.random.chance(this.dialFaults.lostShare)) return
      if (named !== undefined && named !== to.peer) host.failDial(state, 'wrong-peer')
      else if (!to.isUp || from.random.chance(this.dialFaults.refusedShare)) host.failDial(state, 'unreachable')
      else this.connect(from, to, state)
    })
  }

  /** A library hands out a connection that is there already, sometimes; else two new ends, opened in either order. */
  private connect(from: Computer, to: Computer, state: DialState): void {
    if (from.random.chance(0.5)) {
      for (const end of from.host.ends.values()) {
        if (end.remotePeer !== to.peer || end.isClosing || end.direction !== 'outbound') continue
        from.host.succeedDial(state, end)
        return
      }
    }
    const link = this.createLink(from, to)
    state.link = link
    const { host } = from
    const isLimited = from.random.chance(this.dialFaults.limitedShare)
    const open = (end: LinkEnd, address: string): void =>
      (end.owner as SimulatedHost).opened(end, { transport: 'simulated', address, isLimited })
    this.time.after(from.random.between(0, 20), () => {
      open(link.dialer, to.address)
      // Once in a while something comes between the connection and the answer to the dial.
      const lateMs = from.random.chance(0.2) ? from.random.between(0, 50) : 0
      this.time.after(lateMs, () => host.succeedDial(state, link.dialer))
    })
    this.time.after(from.random.between(0, 60), () => open(link.listener, `${from.address}/inbound`))
  }

  /**
   * A connection that nobody's core asked for: one dialled by a library, or the second of two. Each side sees it after
   * its own delay, drawn where it is not given.
   */
  connectUnasked(from: Computer, to: Computer, seenAfterMs?: { dialer: number; listener: number }): Link | undefined {
    if (!this.canReach(from, to)) return undefined
    const link = this.createLink(from, to)
    const open = (end: LinkEnd, delayMs: number, address: string): void =>
      this.time.after(delayMs, () =>
        (end.owner as SimulatedHost).opened(end, { transport: 'simulated', address, isLimited: false }),
      )
    open(link.dialer, seenAfterMs?.dialer ?? from.random.between(0, 60), to.address)
    open(link.listener, seenAfterMs?.listener ?? from.random.between(0, 60), `${from.address}/inbound`)
    return link
  }

  computerOf(host: SimulatedHost): Computer | undefined {
    return this.computers.find((computer) => computer.host === host)
  }

  private createLink(from: Computer, to: Computer): Link {
    const number = (this.connectionCount += 1)
    const baseMs = this.drawLatency()
    const link = new Link({
      time: this.time,
      latencyMs: () => baseMs + from.random.below(1 + (baseMs >> 2)) + from.extraLatencyMs + to.extraLatencyMs,
      dialer: { owner: from.host, connection: `c${number}-out` as ConnectionId, remotePeer: to.peer },
      listener: { owner: to.host, connection: `c${number}-in` as ConnectionId, remotePeer: from.peer },
    })
    if (!this.canReach(from, to)) this.cut(link)
    this.links.add(link)
    return link
  }

  private drawLatency(): number {
    return this.random.between(this.options.latencyMs.min, this.options.latencyMs.max)
  }

  /** A living end wrote to a dead process: the computer, when it is up and reachable, says so. */
  sentIntoTheVoid(end: LinkEnd): void {
    this.time.after(100, () => {
      if (end.isClosed || end.isDeaf || end.other.isDeaf) return
      end.owner.closeArrived(end)
    })
  }

  /** Nothing passes any more, in neither direction, and nobody is told. */
  cut(link: Link): void {
    link.dialer.isDeaf = true
    link.listener.isDeaf = true
  }

  /** Both sides learn that the connection is gone. */
  reset(link: Link): void {
    for (const end of [link.dialer, link.listener]) {
      this.time.after(this.random.between(0, 20), () => end.owner.closeArrived(end))
    }
  }

  /** Links with an end that is still open; forgets the others. */
  openLinks(): Link[] {
    for (const link of this.links) if (isOver(link.dialer) && isOver(link.listener)) this.links.delete(link)
    return [...this.links]
  }
}

function isOver(end: LinkEnd): boolean {
  return end.isClosed || !end.owner.isAlive
}

export function addressOf(index: number): string {
  return `/dns/computer-${index}.example`
}
