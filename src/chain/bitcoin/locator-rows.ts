import type { BestChain } from './best-chain.ts'

/** Bitcoin Core chain.cpp, LocatorEntries: ten dense, then doubling steps. */
const DENSE_COUNT = 10

/** Of the best chain from a height down, genesis last. What leads into a gap leads to its upper end first, and then over it. */
export function locatorRows(best: BestChain, fromHeight: number): readonly number[] {
  const { baseHeight, lowTipHeight, tipHeight } = best
  const rows: number[] = []
  let step = 1
  let height = Math.min(Math.max(Math.trunc(fromHeight), 0), tipHeight)
  while (height > 0) {
    const isAtGap = height > lowTipHeight && height < baseHeight + step
    rows.push(best.rowAt(isAtGap ? baseHeight : height))
    if (rows.length >= DENSE_COUNT) step *= 2
    height = isAtGap ? lowTipHeight : height - step
  }
  return [...rows, best.rowAt(0)]
}
