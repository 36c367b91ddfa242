export type LogFields = Readonly<Record<string, string | number | boolean | bigint | undefined>>

/** One event name and fields: `log('sync-range-done', { peer, count })`. No prose, no secrets, nothing per block. */
export type Log = (event: string, fields?: LogFields) => void

export const silentLog: Log = () => {}

/** The app's own callback, whose mistakes the platform reports, as for a DOM listener: the loop goes on. */
export function guarded<Values extends readonly unknown[]>(
  callback: (...values: Values) => void,
): (...values: Values) => void {
  return (...values) => {
    try {
      callback(...values)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}
