/** Which heights answer a request for what follows a locator. See `GetHeaders` in src/core/message.ts. */
import type { Root } from '../../core/ids.ts'

export function findRange(query: {
  readonly locator: readonly Root[]
  readonly stop: Root | undefined
  readonly countMax: number
  readonly skip?: number
  /** Of a header on the best chain; `undefined` for any other. */
  readonly heightOf: (root: Root) => number | undefined
  readonly tipHeight: number
}): { readonly fromHeight: number; readonly count: number; readonly hasMore: boolean } {
  const { locator, stop, countMax, skip = 0, heightOf, tipHeight } = query
  const joined = locator.find((root) => heightOf(root) !== undefined)
  const joinHeight = (joined && heightOf(joined)) ?? 0
  const stopHeight = stop === undefined ? undefined : heightOf(stop)
  // A stop that is not ahead on the best chain stops nothing, as in Bitcoin Core net_processing.cpp, GETHEADERS.
  const lastHeight = stopHeight !== undefined && stopHeight > joinHeight ? stopHeight : tipHeight
  const wantedCount = Math.max(lastHeight - joinHeight - skip, 0)
  const count = Math.min(wantedCount, Math.max(countMax, 0))
  return { fromHeight: joinHeight + skip + 1, count, hasMore: count < wantedCount }
}
