import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { MAX_PEERS } from '../nodejs.ts'

/** Of old objects, how much more may stand than were in use when it was last looked: V8 takes up to four times as much. */
const GROWING_PERCENT = 25
/** Both halves of the space for new objects, which V8 lets grow to 128 MiB; with less it collects too often. */
const NEW_SPACE_BYTES_MAX: number = 32 * 1024 * 1024
const LOOK_MS = 100

/**
 * For a process that is a gateway and nothing else, where many peers may come: V8 lets garbage stand as long as the machine has
 * memory, with a thousand peers a third of a gigabyte. It costs a quarter of the large blocks that can be served a second, so
 * with few peers V8 has its way. Both flags are read at each collection: they count though the process runs already.
 */
export function keepHeapSmall(maxPeers: number): void {
  if (maxPeers <= MAX_PEERS) return
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`)
  let growthFactor = 2
  setInterval(() => {
    const newSpace = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
    // It shrinks where little happens, and would stay small then.
    const factor = (newSpace?.space_size ?? 0) < NEW_SPACE_BYTES_MAX ? 2 : 1
    if (factor !== growthFactor) setFlagsFromString(`--semi-space-growth-factor=${factor}`)
    growthFactor = factor
  }, LOOK_MS).unref()
}
