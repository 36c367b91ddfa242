/** What goes wrong: one table of faults, drawn by weight while the fault phase lasts, all ended by `heal`. */
import type { Computer } from './computer.ts'
import { peerOf } from './computer.ts'
import type { Link, LinkEnd } from './link.ts'
import type { Random } from './random.ts'
import type { SimulatedHost } from './simulated-host.ts'
import type { World } from './world.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60_000

interface Fault {
  readonly name: string
  readonly weight: number
  readonly strike: (faults: Faults) => void
}

export class Faults {
  readonly world: World
  readonly random: Random
  /** Who was told to disconnect from whom, and must be told to connect again. */
  readonly disconnected: { readonly computer: Computer; readonly address: string }[] = []
  readonly stopping: Set<Computer> = new Set<Computer>()
  readonly counts: Map<string, number> = new Map<string, number>()
  private isOver = false
  private keyCount = 0
  private token = 1_000_000

  constructor(world: World) {
    this.world = world
    this.random = world.random.fork()
  }

  /** One fault, now. */
  strike(): void {
    let drawn = this.random.below(WEIGHT_SUM)
    for (const fault of FAULTS) {
      drawn -= fault.weight
      if (drawn >= 0) continue
      this.counts.set(fault.name, (this.counts.get(fault.name) ?? 0) + 1)
      fault.strike(this)
      return
    }
  }

  /** Ends every fault; what is broken already (half-open links, lost connections) is for the light nodes to find. */
  heal(): void {
    this.isOver = true
    const { world } = this
    world.groups.clear()
    Object.assign(world.dialFaults, { refusedShare: 0, lostShare: 0, limitedShare: 0 })
    for (const computer of world.computers) {
      computer.extraLatencyMs = 0
      computer.store.fault = 'none'
      computer.store.delayMs = 0
      if (this.stopping.has(computer)) this.startAgain(computer)
      computer.start()
      computer.resume()
      this.setClock(computer, 0)
    }
    for (const link of world.openLinks()) {
      for (const end of [link.dialer, link.listener]) {
        end.silentUntilMs = 0
        link.resume(end)
      }
    }
    for (const { computer, address } of this.disconnected) {
      computer.post({ type: 'connect-requested', token: this.token++, address })
    }
  }

  computer(): Computer {
    return this.random.pick(this.world.computers)
  }

  link(): Link | undefined {
    const links = this.world.openLinks()
    return links.length === 0 ? undefined : this.random.pick(links)
  }

  end(link: Link): LinkEnd {
    return this.random.chance(0.5) ? link.dialer : link.listener
  }

  /** Later, unless everything was healed before. */
  after(delayMs: number, action: () => void): void {
    this.world.time.after(delayMs, () => {
      if (!this.isOver) action()
    })
  }

  crash(computer: Computer, downMs: number): void {
    computer.crash()
    for (const link of this.world.openLinks()) {
      const end = [link.dialer, link.listener].find(({ owner }) => owner === computer.host)
      // Most operating systems say goodbye for a dead process; a power cut does not.
      if (end !== undefined && this.random.chance(0.6)) link.sendClose(end.other)
    }
    this.after(downMs, () => {
      if (!computer.isUp && this.random.chance(0.3)) computer.peer = peerOf(computer.index, (this.keyCount += 1))
      computer.start()
    })
  }

  startAgain(computer: Computer): void {
    this.stopping.delete(computer)
    computer.crash()
    computer.start()
  }

  setClock(computer: Computer, offsetMs: number): void {
    if (computer.unixOffsetMs === offsetMs) return
    computer.unixOffsetMs = offsetMs
    if (computer.isUp) computer.post({ type: 'clock-jumped', aheadMs: 0 })
  }

  newToken(): number {
    return (this.token += 1)
  }
}

const FAULTS: readonly Fault[] = [
  {
    name: 'partition',
    weight: 2,
    strike(faults) {
      const { world, random } = faults
      const share = random.between(1, 9) / 10
      for (const computer of world.computers) world.groups.set(computer, random.chance(share) ? 1 : 2)
      const isSilent = random.chance(0.5)
      for (const link of world.openLinks()) {
        const [one, other] = [link.dialer, link.listener].map(({ owner }) => world.computerOf(owner as SimulatedHost))
        if (one === undefined || other === undefined || world.canReach(one, other)) continue
        if (isSilent) world.cut(link)
        else world.reset(link)
      }
      faults.after(random.between(5, 120) * SECOND_MS, () => world.groups.clear())
    },
  },
  {
    name: 'one-way silence',
    weight: 6,
    strike(faults) {
      const link = faults.link()
      if (link === undefined) return
      const end = faults.end(link)
      const durationMs = faults.random.between(100, 60_000)
      end.silentUntilMs = faults.world.time.nowMs + durationMs
      faults.after(durationMs, () => link.resume(end))
    },
  },
  {
    name: 'half-open',
    weight: 4,
    strike(faults) {
      const link = faults.link()
      if (link === undefined) return
      const end = faults.end(link)
      end.isDeaf = true
      if (faults.random.chance(0.5)) end.other.owner.closeArrived(end.other)
    },
  },
  {
    name: 'reset',
    weight: 8,
    strike(faults) {
      const link = faults.link()
      if (link !== undefined) faults.world.reset(link)
    },
  },
  {
    name: 'stream reset',
    weight: 4,
    strike(faults) {
      const link = faults.link()
      if (link === undefined) return
      const end = faults.end(link)
      if (end.owner.isAlive) (end.owner as SimulatedHost).resetStream(end)
    },
  },
  {
    name: 'handshake failure',
    weight: 3,
    strike(faults) {
      const link = faults.link()
      if (link === undefined) return
      const end = link.dialer
      for (const request of [...end.handshakeRequests]) {
        const failure = faults.random.pick(['closed', 'unsupported', 'timeout'] as const)
        ;(end.owner as SimulatedHost).failHandshake(end, request, failure)
      }
    },
  },
  {
    name: 'duplicate connection',
    weight: 4,
    strike(faults) {
      const from = faults.computer()
      const to = faults.computer()
      if (from !== to && from.isUp && to.isUp) faults.world.connectUnasked(from, to)
    },
  },
  {
    name: 'pause',
    weight: 6,
    strike: (faults) => faults.computer().pause(faults.random.between(50, 30_000)),
  },
  {
    name: 'sleep',
    weight: 2,
    strike(faults) {
      faults.computer().sleep(faults.random.between(6, 90) * SECOND_MS, faults.random.chance(0.5))
    },
  },
  {
    name: 'crash',
    weight: 5,
    strike(faults) {
      const computer = faults.computer()
      if (computer.isUp) faults.crash(computer, faults.random.between(0, 60_000))
    },
  },
  {
    name: 'stop',
    weight: 2,
    strike(faults) {
      const computer = faults.computer()
      if (!computer.isUp) return
      computer.post({ type: 'stop-requested' })
      faults.stopping.add(computer)
      faults.after(faults.random.between(3_000, 30_000), () => faults.startAgain(computer))
    },
  },
  {
    name: 'bad disk',
    weight: 4,
    strike(faults) {
      const { store } = faults.computer()
      store.fault = faults.random.pick(['none', 'reads-fail', 'writes-fail', 'quota-exceeded'] as const)
      store.delayMs = faults.random.between(0, 20_000)
      faults.after(faults.random.between(1_000, 90_000), () => {
        store.fault = 'none'
        store.delayMs = 0
      })
    },
  },
  {
    name: 'store of another tab',
    weight: 6,
    strike(faults) {
      const computer = faults.computer()
      if (computer.store.isWritable) return
      const other = faults.computer()
      if (other.isHonest) computer.store.copyFrom(other.store)
      if (computer.isUp && faults.random.chance(0.3)) computer.freeStore()
    },
  },
  {
    name: 'wall clock',
    weight: 3,
    strike(faults) {
      const computer = faults.computer()
      faults.setClock(computer, faults.random.between(-240, 240) * MINUTE_MS)
      faults.after(faults.random.between(10, 300) * SECOND_MS, () => faults.setClock(computer, 0))
    },
  },
  {
    name: 'network change',
    weight: 3,
    strike(faults) {
      const computer = faults.computer()
      for (const link of faults.world.openLinks()) {
        if (link.dialer.owner === computer.host || link.listener.owner === computer.host) faults.world.cut(link)
      }
      faults.after(faults.random.between(0, 20_000), () => {
        if (computer.isUp) computer.post({ type: 'network-online' })
      })
    },
  },
  {
    name: 'slow network',
    weight: 3,
    strike(faults) {
      const computer = faults.computer()
      computer.extraLatencyMs = faults.random.between(100, 8_000)
      faults.after(faults.random.between(5, 90) * SECOND_MS, () => {
        computer.extraLatencyMs = 0
      })
    },
  },
  {
    name: 'bad dials',
    weight: 3,
    strike(faults) {
      const { world, random } = faults
      const share = (): number => (random.chance(0.5) ? random.below(60) / 100 : 0)
      Object.assign(world.dialFaults, { refusedShare: share(), lostShare: share(), limitedShare: share() / 2 })
      faults.after(random.between(5, 60) * SECOND_MS, () =>
        Object.assign(world.dialFaults, { refusedShare: 0, lostShare: 0, limitedShare: 0 }),
      )
    },
  },
  {
    name: 'connect',
    weight: 4,
    strike(faults) {
      const computer = faults.computer()
      const address = faults.computer().address
      const token = faults.newToken()
      if (!computer.isUp) return
      computer.post({ type: 'connect-requested', token, address })
      if (faults.random.chance(0.5))
        faults.after(faults.random.between(0, 2_000), () => {
          if (computer.isUp) computer.post({ type: 'connect-cancelled', token })
        })
    },
  },
  {
    name: 'disconnect',
    weight: 2,
    strike(faults) {
      const computer = faults.computer()
      const other = faults.computer()
      if (!computer.isUp || computer === other) return
      computer.post({ type: 'disconnect-requested', peer: other.peer })
      if (computer.targets.includes(other.address)) faults.disconnected.push({ computer, address: other.address })
    },
  },
  {
    name: 'early timeout',
    weight: 6,
    strike: (faults) => faults.computer().callTimeoutEarly(),
  },
]

const WEIGHT_SUM = FAULTS.reduce((sum, { weight }) => sum + weight, 0)
