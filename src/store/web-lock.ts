/**
 * Holds a Web Lock until it is released, or the page is gone.
 * Resolves to what releases it (and resolves when others can have it), or to undefined when `isWaiting` is false and somebody else has it.
 * Rejects when waiting was given up by `signal` or the browser refuses. `onLost` is called when the lock is taken from us.
 */
export function holdWebLock(args: {
  readonly locks: LockManager
  readonly name: string
  readonly isWaiting: boolean
  readonly signal: AbortSignal
  readonly onLost: () => void
}): Promise<(() => Promise<void>) | undefined> {
  const { locks, name, isWaiting, signal, onLost } = args
  const { promise, resolve, reject } = Promise.withResolvers<(() => Promise<void>) | undefined>()
  let isHeld = false
  const hold = (lock: Lock | null): Promise<void> | undefined => {
    if (lock === null) {
      resolve(undefined)
      return undefined
    }
    isHeld = true
    return new Promise<void>((resolveHeld) => {
      resolve(() => {
        isHeld = false
        resolveHeld()
        return done
      })
    })
  }
  // The two options exclude each other.
  const options: LockOptions = isWaiting ? { signal } : { ifAvailable: true }
  const done: Promise<void> = locks.request(name, options, hold).catch((error: unknown) => {
    if (isHeld) onLost()
    else reject(error instanceof Error ? error : new Error(String(error)))
  })
  return promise
}
