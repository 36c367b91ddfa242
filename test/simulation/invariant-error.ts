/** A rule of the core was broken; the message begins with its number. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
  /** `L1`, `S6`, … */
  readonly invariant: string

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`)
    this.invariant = invariant
  }
}

export function broken(invariant: string, message: string): never {
  throw new InvariantError(invariant, message)
}
