import type { Checkpoint } from './chain.ts'
import type { PeerId, Root } from './ids.ts'

/** The headers above one checkpoint (or genesis) up to and with the next. */
export interface Range {
  readonly from: Checkpoint
  readonly to: Checkpoint
}

/** One peer's way through a range, a batch after the other. */
export interface RangeAttempt {
  readonly peer: PeerId
  readonly range: Range
  startedMs: number
  /** `frontier`: it begins at our tip, and what comes is verified at once, not held. `backfill`: it is below a gap. */
  readonly kind: 'frontier' | 'ahead' | 'backfill'
  readonly parts: Uint8Array[]
  /** Where the next batch begins. */
  last: Root
  height: number
}
