/** Steps as text, one line each: for the last ones before a failure, and to compare two runs byte by byte. */
import type { Cause } from '../../src/core/checker/cause.ts'
import { formatValue } from '../../src/core/checker/format-value.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Instant } from '../../src/core/instant.ts'
import type { PeerId } from '../../src/core/ids.ts'

export interface Step {
  readonly number: number
  /** Whose it is. */
  readonly computer: { readonly peer: PeerId }
  readonly atMs: number
  readonly now: Instant
  readonly cause: Cause
  readonly effects: readonly Effect[]
}

/** The newest steps of one computer; bounded by `countMax`. */
export class RecentSteps {
  private readonly steps: Step[] = []
  private next = 0
  private readonly countMax: number

  constructor(countMax: number) {
    this.countMax = countMax
  }

  push(step: Step): void {
    this.steps[this.next] = step
    this.next = (this.next + 1) % this.countMax
  }

  /** Oldest first. */
  all(): readonly Step[] {
    return [...this.steps.slice(this.next), ...this.steps.slice(0, this.next)]
  }
}

export function formatStep({ number, computer, atMs, cause, effects }: Step): string {
  const lines = [`#${number} ${(atMs / 1_000).toFixed(3)} s, ${computer.peer}: ${formatValue(cause)}`]
  for (const effect of effects) lines.push(`    -> ${formatValue(effect)}`)
  return lines.join('\n')
}
