import type { StoreWrite } from './store.ts'

/** What a group of writes comes to: keep the first `truncateTo` headers, then append `pieces` (whole headers each, none empty). */
export interface Commit {
  readonly truncateTo: number
  readonly pieces: readonly Uint8Array[]
  readonly appendCount: number
  /** Headers in the store afterwards. */
  readonly headerCount: number
  /** Chain work up to the last header afterwards. */
  readonly work: bigint
}

/** 256 bits: more work than any chain of 32-byte hashes can have. */
const WORK_MAX = 2n ** 256n - 1n

/**
 * Folds writes into their net effect. Throws `RangeError` when they cannot be carried out on `headerCount` headers;
 * undefined when there is nothing to do.
 */
export function toCommit(args: {
  readonly writes: readonly StoreWrite[]
  readonly headerCount: number
  readonly headerSizeBytes: number
}): Commit | undefined {
  const { writes, headerSizeBytes } = args
  const last = writes.at(-1)
  if (last === undefined) return undefined
  let truncateTo = args.headerCount
  let appendCount = 0
  let pieces: Uint8Array[] = []
  for (const write of writes) {
    check(write, truncateTo + appendCount, headerSizeBytes)
    appendCount = Math.max(0, write.truncateTo - truncateTo)
    truncateTo = Math.min(truncateTo, write.truncateTo)
    pieces = firstBytes(pieces, appendCount * headerSizeBytes)
    if (write.append.length > 0) pieces.push(write.append)
    appendCount += write.append.length / headerSizeBytes
  }
  return { truncateTo, pieces, appendCount, headerCount: truncateTo + appendCount, work: last.work }
}

function check(write: StoreWrite, headerCount: number, headerSizeBytes: number): void {
  const { truncateTo, append, work } = write
  if (!Number.isSafeInteger(truncateTo) || truncateTo < 0 || truncateTo > headerCount) {
    throw new RangeError(`expected truncateTo from 0 to ${headerCount}, got ${truncateTo}`)
  }
  if (append.length % headerSizeBytes !== 0) {
    throw new RangeError(`expected whole headers of ${headerSizeBytes} bytes, got ${append.length} bytes`)
  }
  if (work < 0n || work > WORK_MAX) throw new RangeError(`expected work of 0 to 256 bits, got ${work}`)
}

/** Linear in the pieces kept: a group is a few dozen writes. */
function firstBytes(pieces: readonly Uint8Array[], lengthBytes: number): Uint8Array[] {
  const kept: Uint8Array[] = []
  let missingBytes = lengthBytes
  for (const piece of pieces) {
    if (missingBytes === 0) break
    const part = piece.subarray(0, missingBytes)
    kept.push(part)
    missingBytes -= part.length
  }
  return kept
}
