import type { LightNodeCore } from '../core.ts'
import type { Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { Cause } from './cause.ts'
import { formatValue } from './format-value.ts'
import type { InvariantOptions } from './invariant-checker.ts'
import { InvariantChecker } from './invariant-checker.ts'
import { InvariantError } from './invariant-error.ts'

/** Steps told with a broken rule, that step included. */
const LAST_STEPS_MAX = 50

interface Step {
  readonly number: number
  readonly cause: Cause
  readonly effects: readonly Effect[]
  readonly now: Instant
}

export interface CheckedCoreOptions extends InvariantOptions {
  /** What the core was made with; told with a broken rule. */
  readonly seed: number
}

/** The core with every step checked: for unit tests, scenarios and debug builds. Throws `InvariantError` with its steps. */
export function checkedCore(core: LightNodeCore, options: CheckedCoreOptions): LightNodeCore {
  const checker = new InvariantChecker(options)
  /** Bounded by LAST_STEPS_MAX, oldest first. */
  const lastSteps: Step[] = []
  let stepCount = 0
  function checked(cause: Cause, now: Instant, effects: readonly Effect[]): readonly Effect[] {
    stepCount += 1
    lastSteps.push({ number: stepCount, cause, effects, now })
    if (lastSteps.length > LAST_STEPS_MAX) lastSteps.shift()
    try {
      checker.check(cause, effects, now, core)
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error
      throw error.at({ seed: options.seed, step: stepCount, lastSteps: lastSteps.map(formatStep) })
    }
    return effects
  }
  return {
    handle: (event, now) => checked(event, now, core.handle(event, now)),
    handleTimeout: (now) => checked({ type: 'timeout' }, now, core.handleTimeout(now)),
    handleWork: (now) => checked({ type: 'work' }, now, core.handleWork(now)),
    nextTimeout: () => core.nextTimeout(),
    hasWork: () => core.hasWork(),
    view: () => core.view(),
    tree: core.tree,
    syncView: () => core.syncView(),
    exchangeView: () => core.exchangeView(),
  }
}

/** One line for what happened, one for each effect of it. */
function formatStep({ number, cause, effects, now }: Step): string {
  const lines = [`#${number} ${(now.monotonicMs / 1_000).toFixed(3)} s: ${formatValue(cause)}`]
  for (const effect of effects) lines.push(`    -> ${formatValue(effect)}`)
  return lines.join('\n')
}
