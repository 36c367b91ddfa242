/** Starts one attempt; the signal aborts when another one has won. */
export type Attempt<Value> = (signal: AbortSignal) => Promise<Value>

export type RaceOutcome<Value> =
  | { readonly type: 'won'; readonly value: Value }
  /** Why each failed, in the order of the attempts. */
  | { readonly type: 'lost'; readonly reasons: readonly unknown[] }

/**
 * Tries one after the other until one succeeds. Each begins when the one before it has failed, or has had its head start;
 * without a head start never two at once. `onLate` takes what succeeds after another has won.
 */
export function raceAttempts<Value>(
  attempts: readonly Attempt<Value>[],
  options: { readonly headStartMs: number | undefined; readonly onLate: (value: Value, winner: Value) => void },
): Promise<RaceOutcome<Value>> {
  const { headStartMs, onLate } = options
  const won = new AbortController()
  let winner: Value
  const reasons: unknown[] = []
  return new Promise((resolve) => {
    let startedCount = 0
    let failedCount = 0
    let timer: ReturnType<typeof setTimeout> | undefined
    const startNext = (): void => {
      clearTimeout(timer)
      const index = startedCount
      const attempt = attempts[index]
      if (attempt === undefined || won.signal.aborted) return
      startedCount++
      if (headStartMs !== undefined) timer = setTimeout(startNext, headStartMs)
      attempt(won.signal).then(
        (value) => {
          if (won.signal.aborted) return onLate(value, winner)
          clearTimeout(timer)
          winner = value
          won.abort(new Error('another address was faster'))
          resolve({ type: 'won', value })
        },
        (reason: unknown) => {
          reasons[index] = reason
          failedCount++
          startNext()
          if (failedCount === attempts.length) resolve({ type: 'lost', reasons })
        },
      )
    }
    if (attempts.length === 0) resolve({ type: 'lost', reasons })
    startNext()
  })
}
