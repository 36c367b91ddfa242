import { setMaxListeners, TimeoutError, type ClearableSignal } from '@libp2p/interface'

/** Aborts after the time, or with any of the signals. Its timer runs until `clear`. */
export function signalOf(args: {
  readonly timeoutMs: number
  readonly signals: readonly (AbortSignal | undefined)[]
}): ClearableSignal {
  const { timeoutMs, signals } = args
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new TimeoutError(`nothing within ${timeoutMs / 1000} s`)), timeoutMs)
  const signal = AbortSignal.any([controller.signal, ...signals.filter((each) => each !== undefined)])
  // Each read and write of a negotiation listens; Node.js would take that for a leak.
  setMaxListeners(Infinity, signal)
  return Object.assign(signal, { clear: () => clearTimeout(timer) })
}

/** With the caller's own signal, or with a deadline for one who has none. */
export async function within<Value>(
  limit: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
  act: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  if (limit.signal !== undefined) return act(limit.signal)
  const signal = signalOf({ timeoutMs: limit.timeoutMs, signals: [] })
  try {
    return await act(signal)
  } finally {
    signal.clear()
  }
}

/** Rejects as soon as the signal aborts, whatever becomes of the promise. */
export function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort)
    const settle = (): void => signal.removeEventListener('abort', onAbort)
    void promise.then(resolve, reject).finally(settle)
  })
}
