/** The apps of a simulation: blocks that some have and nobody else, and who wants which of them, cancels, and waits. */
import type { LightNodeCore } from '../../src/core/core.ts'
import type { ExchangeAppEffect } from '../../src/core/exchange/exchange-effect.ts'
import type { Cid, Root, WantToken } from '../../src/core/ids.ts'
import type { Computer } from './computer.ts'
import type { Random } from './random.ts'
import { createRandom } from './random.ts'
import type { ToyBlock } from './toy-content.ts'
import { TOY_CONTENT, toyBlock } from './toy-content.ts'
import { SimulationError } from './watch.ts'
import type { World } from './world.ts'

const TRAFFIC_SEED = 0x74726166
/** How long between two things that apps do; the seed draws which. Undefined: nothing. */
const PACES: readonly (readonly [number, number] | undefined)[] = [
  undefined,
  [2_000, 20_000],
  [500, 5_000],
  [100, 2_000],
]
const SIZES: readonly (readonly [number, number])[] = [
  [1, 200],
  [1, 200],
  [200, 1_100],
  [200, 5_000],
  [1_000, 120_000],
]
/** The largest transaction travels alone. */
const LARGE_BLOCK_BYTES = 2_500_000
const SESSIONS = 6
const STORM_WANTS = 200
/** Few blocks have outlines, so that some are wanted where they are. */
const OUTLINED_HEIGHT_MAX = 10

/** An open want that somebody honest, who is connected, could serve. */
export interface OwedWant {
  readonly token: WantToken
  readonly computer: Computer
  readonly from: Computer
  readonly what: string
}

interface Want {
  readonly computer: Computer
  readonly runCount: number
  readonly requestedMs: number
  readonly what: { readonly cid: Cid } | { readonly root: Root }
}

export class ExchangeTraffic {
  /** Apart from the world's, so that whatever is drawn here changes nothing else. */
  readonly random: Random
  /** Undefined: no app does anything. */
  readonly everyMs: readonly [number, number] | undefined
  readonly bytesPerMs: number
  deliveredCount = 0
  settledCount = 0
  private readonly world: () => World
  private readonly blocks: readonly ToyBlock[]
  /** By token. */
  private readonly open = new Map<WantToken, Want>()
  private token = 0

  constructor(options: { readonly seed: number; readonly world: () => World }) {
    this.world = options.world
    this.random = createRandom(options.seed ^ TRAFFIC_SEED)
    const { random } = this
    this.everyMs = random.pick(PACES)
    this.bytesPerMs = random.pick([50, 500, 5_000])
    const count = random.between(10, 120)
    this.blocks = Array.from({ length: count }, (_, index) => {
      const isLarge = index === 0 && random.chance(0.2)
      return toyBlock(index, isLarge ? LARGE_BLOCK_BYTES : random.between(...random.pick(SIZES)))
    })
  }

  /** Who has what when it begins. */
  populate(): void {
    for (const computer of this.world().computers) {
      if (this.random.chance(0.2)) computer.blocks.capacity = this.random.between(5, 40)
    }
    for (const block of this.blocks) {
      for (let count = this.random.below(5); count > 0; count -= 1) this.anyComputer().blocks.put(block)
    }
  }

  /** One thing that an app does, now. */
  act(): void {
    const drawn = this.random.below(100)
    if (drawn < 40) this.wantSome(this.random.between(1, 12))
    else if (drawn < 50) this.wantSome(1, this.nobodyHas())
    else if (drawn < 65) this.cancelSome(this.random.between(1, 5))
    else if (drawn < 75) this.appear()
    else if (drawn < 87) this.wantOutline()
    else if (drawn < 94) this.importOutline()
    else if (drawn < 98) this.wantHeader()
    else this.storm()
  }

  private anyComputer(): Computer {
    return this.random.pick(this.world().computers)
  }

  private app(): Computer | undefined {
    const computer = this.anyComputer()
    return computer.isUp && computer.isHonest ? computer : undefined
  }

  private nobodyHas(): Cid {
    return toyBlock(10_000 + this.random.below(1_000), 300).cid
  }

  private wantSome(count: number, cid?: Cid): void {
    const computer = this.app()
    if (computer === undefined) return
    const session = this.random.below(SESSIONS)
    for (let index = 0; index < count; index += 1)
      this.want(computer, cid ?? this.random.pick(this.blocks).cid, session)
  }

  /** Undefined where it is in the store already, in which a light node looks first. */
  private want(computer: Computer, cid: Cid, session: number): WantToken | undefined {
    if (computer.blocks.has(cid)) return undefined
    const token = this.newToken(computer, { cid })
    computer.post({ type: 'wants-requested', wants: [{ token, cid, session }] })
    return token
  }

  private newToken(computer: Computer, what: Want['what']): WantToken {
    const token = (this.token += 1) as WantToken
    this.open.set(token, { computer, runCount: computer.runCount, requestedMs: this.world().time.nowMs, what })
    return token
  }

  private cancelSome(count: number): void {
    if (this.open.size === 0) return
    const tokens = [...this.open.keys()]
    for (let index = 0; index < count; index += 1) this.cancel(this.random.pick(tokens))
  }

  private cancel(token: WantToken): void {
    const want = this.open.get(token)
    if (want !== undefined && this.isCurrent(want)) want.computer.post({ type: 'want-cancelled', token })
  }

  /** Somebody imports a block. */
  private appear(): void {
    const computer = this.app()
    if (computer === undefined) return
    const block = this.random.pick(this.blocks)
    computer.blocks.put(block)
    computer.post({ type: 'blocks-stored', blocks: [{ cid: block.cid, sizeBytes: block.bytes.length }] })
  }

  private rootOf(computer: Computer): Root | undefined {
    const { tree } = coreOf(computer)
    return tree.summary(this.random.between(0, Math.min(tree.tip.height, OUTLINED_HEIGHT_MAX)))?.root
  }

  private wantOutline(): void {
    const computer = this.app()
    const root = computer === undefined ? undefined : this.rootOf(computer)
    if (computer === undefined || root === undefined) return
    const token = this.newToken(computer, { root })
    computer.post({ type: 'outline-requested', token, root })
  }

  private importOutline(): void {
    const computer = this.app()
    const root = computer === undefined ? undefined : this.rootOf(computer)
    if (root !== undefined) computer?.blocks.outlines.add(root)
  }

  /** A header that is in the tree here, and maybe nowhere else. */
  private wantHeader(): void {
    const [computer, other] = [this.app(), this.app()]
    const root = other === undefined ? undefined : coreOf(other).tree.tip.root
    if (computer === undefined || root === undefined || coreOf(computer).tree.has(root)) return
    this.want(computer, TOY_CONTENT.headerCid(root), 0)
  }

  private storm(): void {
    const computer = this.app()
    if (computer === undefined) return
    for (let index = 0; index < STORM_WANTS; index += 1) {
      const cid = this.random.chance(0.5) ? this.nobodyHas() : this.random.pick(this.blocks).cid
      const token = this.want(computer, cid, this.random.below(SESSIONS))
      if (token === undefined || this.random.chance(0.2)) continue
      this.world().time.after(this.random.below(3_000), () => this.cancel(token))
    }
  }

  /** What an exchange-only peer asks for. */
  someCids(): readonly Cid[] {
    return Array.from({ length: this.random.below(4) }, () => this.random.pick(this.blocks).cid)
  }

  settled(computer: Computer, effect: ExchangeAppEffect): void {
    const want = this.open.get(effect.token)
    if (want === undefined || want.computer !== computer || want.runCount !== computer.runCount)
      throw new SimulationError(`want ${effect.token} of ${computer.peer} is settled, and nobody waits for it`)
    this.open.delete(effect.token)
    this.settledCount += 1
    if (effect.outcome.type === 'delivered') this.deliveredCount += 1
  }

  private isCurrent({ computer, runCount }: Want): boolean {
    return computer.isUp && computer.runCount === runCount
  }

  /** Every app wants some more of what its neighbours have, for what must hold once everything is healed. */
  wantOfNeighbours(): void {
    for (const computer of this.world().computers) {
      if (!computer.isHonest) continue
      for (const other of this.servers(computer)) {
        for (const { cid } of this.blocks)
          if (isServing(other, { cid }) && this.random.chance(0.3)) this.want(computer, cid, 0)
        for (const root of other.blocks.outlines) {
          if (!coreOf(computer).tree.has(root) || this.random.chance(0.7)) continue
          const token = this.newToken(computer, { root })
          computer.post({ type: 'outline-requested', token, root })
        }
      }
    }
  }

  /** Wants that must not be open for long: somebody honest who has it is connected, on both sides. */
  owedToUs(): readonly OwedWant[] {
    const owed: OwedWant[] = []
    for (const [token, want] of this.open) {
      if (!this.isCurrent(want)) continue
      const { computer, what } = want
      const from = this.servers(computer).find((other) => isServing(other, what))
      const name = 'cid' in what ? what.cid : `outline of ${what.root}`
      if (from !== undefined) owed.push({ token, computer, from, what: name })
    }
    return owed
  }

  private servers(computer: Computer): readonly Computer[] {
    const { peers } = coreOf(computer).exchangeView()
    return this.world().computers.filter((other) => {
      if (!peers.has(other.peer)) return false
      return other.isHonest && coreOf(other).exchangeView().peers.has(computer.peer)
    })
  }
}

function isServing({ blocks }: Computer, what: Want['what']): boolean {
  return 'cid' in what ? blocks.has(what.cid) : blocks.outlines.has(what.root)
}

function coreOf(computer: Computer): LightNodeCore {
  return computer.machine as LightNodeCore
}
