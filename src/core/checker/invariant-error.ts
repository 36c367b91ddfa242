/** A rule of the core was broken; the message begins with its number. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
  /** `L1`, `S6`, … */
  readonly invariant: string
  /** The step that broke it, counted from 1; undefined when whoever checks counts the steps itself. */
  readonly step: number | undefined
  /** The last steps as text, oldest first, the one that broke it last. */
  readonly lastSteps: readonly string[]

  constructor(
    invariant: string,
    message: string,
    { step, lastSteps = [] }: { readonly step?: number; readonly lastSteps?: readonly string[] } = {},
  ) {
    super(`${invariant}: ${message}`)
    this.invariant = invariant
    this.step = step
    this.lastSteps = lastSteps
  }

  /** The same with where it happened, which its message tells too. */
  at(place: { readonly seed: number; readonly step: number; readonly lastSteps: readonly string[] }): InvariantError {
    const { seed, step, lastSteps } = place
    const what = this.message.slice(this.invariant.length + 2)
    const message = [`${what}\nseed ${seed}, step ${step}; the last steps:`, ...lastSteps].join('\n')
    return new InvariantError(this.invariant, message, { step, lastSteps })
  }
}

export function broken(invariant: string, message: string): never {
  throw new InvariantError(invariant, message)
}
