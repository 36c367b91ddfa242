export type LogFields = Readonly<Record<string, string | number | boolean | bigint | undefined>>

/** One event name and fields: `log('sync-range-done', { peer, count })`. No prose, no secrets, nothing per block. */
export type Log = (event: string, fields?: LogFields) => void

export const silentLog: Log = () => {}
