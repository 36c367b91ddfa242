import type { Chain, HeaderTree, Trust } from './chain.ts'

/** What verified headers make of their head. */
export function trustIn({ gap }: HeaderTree, { trustWhenVerified }: Chain): Trust {
  if (gap === undefined) return trustWhenVerified
  return gap.fromHeight === 1 ? 'checkpoint' : 'backfilling'
}

/** How far every header from genesis on is verified, and what share of those up to the tip that is. */
export function verifiedPart({ gap, tip }: HeaderTree): {
  readonly verifiedHeight: number
  readonly verifiedShare: number
} {
  if (gap === undefined) return { verifiedHeight: tip.height, verifiedShare: 1 }
  const { fromHeight, toHeight } = gap
  return { verifiedHeight: fromHeight - 1, verifiedShare: 1 - (toHeight - fromHeight + 1) / (tip.height + 1) }
}
