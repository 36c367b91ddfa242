/** A chain of 1,001 headers, and checkpoints on it to start above. */
import type { Chain, Checkpoint, HeaderTree } from '../src/core/chain.ts'
import type { ClaimedHead } from '../src/core/message.ts'
import { chain, fail, mine, treeOf } from './sync-world.ts'

/** From one checkpoint to the next. */
export const STEP = 100
/** Of the last checkpoint. */
export const START = 900
/** Without genesis. */
export const headers: Uint8Array = mine({ count: 1_000 })
export const tree: HeaderTree = treeOf(headers)
export const head: ClaimedHead = { height: tree.tip.height, root: tree.tip.root, work: tree.tip.work }

export function checkpointsOf(from: HeaderTree): readonly Checkpoint[] {
  return Array.from({ length: START / STEP }, (_, index) => {
    const { height, root, work } = from.summary((index + 1) * STEP) ?? fail('a header')
    return { height, root, ...(height === START && { start: { work, nextBits: 0x207fffff } }) }
  })
}

export const checkpointed: Chain = { ...chain, checkpoints: checkpointsOf(tree) }
