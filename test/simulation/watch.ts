/** Watches every step of a world: the invariants of each honest core, and what holds between machines. */
import type { Cause } from '../../src/core/checker/cause.ts'
import { InvariantChecker } from '../../src/core/checker/invariant-checker.ts'
import { broken, InvariantError } from '../../src/core/checker/invariant-error.ts'
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Instant } from '../../src/core/instant.ts'
import type { Computer } from './computer.ts'
import type { Step } from './trace.ts'
import { formatStep, RecentSteps } from './trace.ts'
import type { Observer } from './world.ts'

const STEPS_SHOWN = 50
/** Among so many steps of all, those of the one that failed are looked for. */
const STEPS_KEPT = 1_024

export interface WatchOptions {
  readonly seed: number
  readonly chain: string
  readonly genesis: string
  readonly maxPeers: (computer: Computer) => number
  readonly isThorough: boolean
  readonly isHonestPeer: (peer: string) => boolean
  readonly onStep?: (step: Step) => void
}

/** Carries the seed, the step and the last steps of the one that failed in its message. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError'
}

export class Watch implements Observer {
  readonly effectCounts: Map<string, number> = new Map<string, number>()
  private readonly options: WatchOptions
  private readonly recent = new RecentSteps(STEPS_KEPT)
  private readonly checkers = new Map<Computer, { readonly runCount: number; readonly checker: InvariantChecker }>()
  private stepCount = 0

  constructor(options: WatchOptions) {
    this.options = options
  }

  stepped(computer: Computer, cause: Cause, effects: readonly Effect[], now: Instant): void {
    this.stepCount += 1
    const atMs = computer.trueMs
    const step: Step = { number: this.stepCount, computer, atMs, now, cause, effects }
    this.recent.push(step)
    this.options.onStep?.(step)
    if (!computer.isHonest) return
    try {
      this.checkerOf(computer).check(cause, effects, now, computer.machine as LightNodeCore)
      for (const effect of effects) this.checkStrike(effect)
    } catch (error) {
      throw this.explain(error, computer)
    }
  }

  /** A network failure is no strike: no honest light node ever strikes another. */
  private checkStrike(effect: Effect): void {
    this.effectCounts.set(effect.type, (this.effectCounts.get(effect.type) ?? 0) + 1)
    if (effect.type !== 'warning' || (effect.code !== 'peer-struck' && effect.code !== 'peer-banned')) return
    const peer = effect.detail.split(':')[0] ?? ''
    if (this.options.isHonestPeer(peer)) broken('S2', `an honest peer is struck: ${effect.detail}`)
  }

  private checkerOf(computer: Computer): InvariantChecker {
    const existing = this.checkers.get(computer)
    if (existing?.runCount === computer.runCount) return existing.checker
    const { chain, genesis, isThorough, maxPeers } = this.options
    const checker = new InvariantChecker({ chain, genesis, isThorough, maxPeers: maxPeers(computer) })
    this.checkers.set(computer, { runCount: computer.runCount, checker })
    return checker
  }

  /** What is wrong, with all that is needed to see it again. */
  explain(cause: unknown, computer: Computer): SimulationError {
    const what = cause instanceof InvariantError || cause instanceof Error ? cause.message : String(cause)
    const steps = this.recent.lastOf(computer, STEPS_SHOWN).map(formatStep)
    const head = `${what}\nseed ${this.options.seed}, step ${this.stepCount}, ${computer.peer}; its last steps:`
    return new SimulationError([head, ...steps].join('\n'), { cause })
  }
}
