import type { Chain, SliceStop } from '../core/chain.ts'

/** The first bad header of a file. `index` counts from 0 at the start of the file. */
export interface HeaderFault {
  readonly index: number
  /** Undefined where nothing is known of its parent. */
  readonly height: number | undefined
  readonly rule: string
  /** What was expected and what came. */
  readonly message: string
}

/** `stop.index` counts from `firstIndex`; `firstHeight` is that header's height. */
export function faultOfStop(args: {
  readonly stop: SliceStop
  readonly firstIndex: number
  readonly firstHeight: number
}): HeaderFault {
  const { stop, firstIndex, firstHeight } = args
  const at = { index: firstIndex + stop.index, height: firstHeight + stop.index }
  switch (stop.type) {
    case 'invalid':
      return { ...at, rule: stop.rule, message: stop.message }
    case 'future': {
      const until = new Date(stop.untilUnixMs).toISOString()
      const message = `expected a time at most two hours from now, got one that holds from ${until} on`
      return { ...at, rule: 'time-in-future', message }
    }
    case 'unconnected':
      return { ...at, rule: 'parent', message: `expected a parent that is known, got ${stop.parent}` }
    case 'no-room':
      return { ...at, rule: 'no-room', message: 'expected room for a side branch, got none left' }
  }
}

export function faultOfGenesis({ id, genesis }: Chain, got: string): HeaderFault {
  return { index: 0, height: 0, rule: 'genesis', message: `expected the genesis of ${id} (${genesis}), got ${got}` }
}

/** `header 5 (height 12) breaks the rule bits: …` */
export function faultLine({ index, height, rule, message }: HeaderFault): string {
  return `header ${index} (height ${height ?? 'unknown'}) breaks the rule ${rule}: ${message}`
}

/** Why so many bytes are no whole headers, in one line; undefined when they are. */
export function sizeProblem(sizeBytes: number, headerSizeBytes: number): string | undefined {
  if (sizeBytes === 0) return `expected ${headerSizeBytes}-byte headers, got an empty file`
  const surplusBytes = sizeBytes % headerSizeBytes
  if (surplusBytes === 0) return undefined
  const whole = (sizeBytes - surplusBytes) / headerSizeBytes
  return `expected a multiple of ${headerSizeBytes} bytes, got ${sizeBytes} (${whole} whole headers and ${surplusBytes} bytes more)`
}
