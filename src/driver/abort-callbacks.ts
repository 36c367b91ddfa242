/**
 * What waits for each signal's abort. Each set is bounded by the calls under way with that signal, and goes with the last of
 * them. One listener a signal: Node.js compares a new one with all there are, so thousands of calls that share one signal
 * would be quadratic.
 */
const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls back once when the signal is aborted, which has to be still ahead. Returns what ends it, a no-op when called again. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => {}
  const callbacks = callbacksOf.get(signal) ?? listen(signal)
  // Of its own, so that the same callback may wait twice.
  const own = (): void => callback()
  callbacks.add(own)
  return () => {
    callbacks.delete(own)
    if (callbacks.size > 0 || callbacksOf.get(signal) !== callbacks) return
    callbacksOf.delete(signal)
    signal.removeEventListener('abort', callAll)
  }
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>()
  callbacksOf.set(signal, callbacks)
  signal.addEventListener('abort', callAll, { once: true })
  return callbacks
}

function callAll({ target }: Event): void {
  const signal = target as AbortSignal
  const callbacks = callbacksOf.get(signal)
  callbacksOf.delete(signal)
  for (const callback of callbacks ?? []) callback()
}
