import type { BestChain } from './best-chain.ts'
import { HEADER_SIZE_BYTES } from './header.ts'
import type { HeaderRows } from './header-rows.ts'

/** A copy of the best chain's headers from one height on, below another; both are on one side of a gap. */
export function headerRange(args: {
  readonly best: BestChain
  readonly rows: HeaderRows
  readonly fromHeight: number
  readonly endHeight: number
}): Uint8Array {
  const { best, rows, fromHeight, endHeight } = args
  const bytes = new Uint8Array(Math.max(endHeight - fromHeight, 0) * HEADER_SIZE_BYTES)
  for (let height = fromHeight; height < endHeight;) {
    // Nearly always the next headers are the next rows: these are copied at once.
    const row = best.rowAt(height)
    let count = 1
    while (height + count < endHeight && best.rowAt(height + count) === row + count) count += 1
    rows.copy(row, bytes, (height - fromHeight) * HEADER_SIZE_BYTES, count)
    height += count
  }
  return bytes
}
