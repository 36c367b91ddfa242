import type { Chain, Checkpoint } from '../core/chain.ts'
import type { Log } from './log.ts'

/** A chain whose checkpoints are data of their own, loaded when they are used. */
type CheckpointedChain = Chain & { readonly loadCheckpoints?: () => Promise<readonly Checkpoint[]> }

/** The chain with its checkpoints. They only make the start faster: where they cannot be loaded it goes on without. */
export async function withCheckpoints(chain: CheckpointedChain, log: Log): Promise<Chain> {
  if (chain.loadCheckpoints === undefined || chain.checkpoints !== undefined) return chain
  try {
    return { ...chain, checkpoints: await chain.loadCheckpoints() }
  } catch (error) {
    log('checkpoints-not-loaded', { reason: error instanceof Error ? error.message : String(error) })
    return chain
  }
}
