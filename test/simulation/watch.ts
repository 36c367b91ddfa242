/** Watches every step of a world: the invariants of each honest core, and what holds between machines. */
import type { Cause } from '../../src/core/checker/cause.ts'
import { InvariantChecker } from '../../src/core/checker/invariant-checker.ts'
import { broken } from '../../src/core/checker/invariant-error.ts'
import type { CoreOptions, LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Instant } from '../../src/core/instant.ts'
import type { Computer } from './computer.ts'
import type { Step } from './trace.ts'
import { formatStep, RecentSteps } from './trace.ts'
import type { Observer } from './world.ts'

/** Steps of the one that failed that are told, the one that failed included. */
const STEPS_SHOWN = 50

export interface WatchOptions {
  readonly seed: number
  readonly chain: string
  readonly genesis: string
  readonly maxPeers: (computer: Computer) => number
  readonly isThorough: boolean
  /** Undefined where blocks are not exchanged. */
  readonly cidOf?: CoreOptions['cidOf']
  readonly isHonestPeer: (peer: string) => boolean
  readonly onStep?: (step: Step) => void
  /** Whose last steps are kept; everybody's where it is not given. */
  readonly remembers?: (computer: Computer) => boolean
}

/** Carries the seed, the step and the last steps of the one that failed in its message. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError'
  /** Of the one that failed; undefined when that is all of them. */
  readonly index: number | undefined

  constructor(message: string, options: { readonly cause?: unknown; readonly index?: number } = {}) {
    super(message, options)
    this.index = options.index
  }
}

export class Watch implements Observer {
  readonly effectCounts: Map<string, number> = new Map<string, number>()
  private readonly options: WatchOptions
  private readonly recent = new Map<Computer, RecentSteps>()
  /** By the index of the computer. */
  private readonly checkers: { readonly runCount: number; readonly checker: InvariantChecker }[] = []
  private stepCount = 0

  constructor(options: WatchOptions) {
    this.options = options
  }

  stepped(computer: Computer, cause: Cause, effects: readonly Effect[], now: Instant): void {
    this.remember(computer, cause, effects, now)
    if (!computer.isHonest) return
    try {
      this.checkerOf(computer).check(cause, effects, now, computer.machine as LightNodeCore)
      for (const effect of effects) this.checkStrike(effect)
    } catch (error) {
      throw this.explain(error, computer)
    }
  }

  threw(computer: Computer, cause: Cause, error: unknown, now: Instant): never {
    this.remember(computer, cause, [], now)
    throw this.explain(error, computer)
  }

  private remember(computer: Computer, cause: Cause, effects: readonly Effect[], now: Instant): void {
    this.stepCount += 1
    const { onStep, remembers } = this.options
    const isRemembered = remembers === undefined || remembers(computer)
    if (!isRemembered && onStep === undefined) return
    const step: Step = { number: this.stepCount, computer, atMs: computer.trueMs, now, cause, effects }
    onStep?.(step)
    if (!isRemembered) return
    let recent = this.recent.get(computer)
    if (recent === undefined) {
      recent = new RecentSteps(STEPS_SHOWN)
      this.recent.set(computer, recent)
    }
    recent.push(step)
  }

  /** A network failure is no strike: no honest light node ever strikes another. */
  private checkStrike(effect: Effect): void {
    this.effectCounts.set(effect.type, (this.effectCounts.get(effect.type) ?? 0) + 1)
    if (effect.type !== 'warning' || (effect.code !== 'peer-struck' && effect.code !== 'peer-banned')) return
    const peer = effect.detail.split(':')[0] ?? ''
    if (this.options.isHonestPeer(peer)) broken('S2', `an honest peer is struck: ${effect.detail}`)
  }

  private checkerOf(computer: Computer): InvariantChecker {
    const existing = this.checkers[computer.index]
    if (existing?.runCount === computer.runCount) return existing.checker
    const { chain, genesis, isThorough, maxPeers, cidOf } = this.options
    const [peers, most] = [computer.targets, maxPeers(computer)]
    const checker = new InvariantChecker({ chain, genesis, isThorough, maxPeers: most, peers, cidOf })
    this.checkers[computer.index] = { runCount: computer.runCount, checker }
    return checker
  }

  /** What is wrong, with all that is needed to see it again. */
  explain(cause: unknown, computer: Computer): SimulationError {
    const what = cause instanceof Error ? cause.message : String(cause)
    const steps = (this.recent.get(computer)?.all() ?? []).map(formatStep)
    const head = `${what}\nseed ${this.options.seed}, step ${this.stepCount}, ${computer.peer}; its last steps:`
    return new SimulationError([head, ...steps].join('\n'), { cause, index: computer.index })
  }
}
