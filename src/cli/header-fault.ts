import type { Chain, SliceStop } from '../nodejs.ts'
import { chainOfGenesis } from './chain-option.ts'
import { CommandError } from './command-error.ts'

/** The first bad header of a file. `index` counts from 0 at the start of the file. */
export interface HeaderFault {
  readonly index: number
  readonly height: number
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
  const index = firstIndex + stop.index
  const height = firstHeight + stop.index
  switch (stop.type) {
    case 'invalid':
      return { index, height, rule: stop.rule, message: stop.message }
    case 'future': {
      const until = new Date(stop.untilUnixMs).toISOString()
      return {
        index,
        height,
        rule: 'time-in-future',
        message: `expected a time at most two hours from now, got one that holds from ${until} on`,
      }
    }
    case 'unconnected':
      return {
        index,
        height,
        rule: 'parent',
        message: `expected a parent that is known, got ${stop.parent}`,
      }
    case 'no-room':
      return { index, height, rule: 'no-room', message: 'expected room for a side branch, got none left' }
  }
}

/** Why a file may not begin with this header at height 0; undefined when it may. */
export function faultOfGenesis(chain: Chain, root: string): HeaderFault | undefined {
  if (root === chain.genesis) return undefined
  const other = chainOfGenesis(root)
  const got = other === undefined ? root : `the genesis of ${other} (${root})`
  return {
    index: 0,
    height: 0,
    rule: 'genesis',
    message: `expected the genesis of ${chain.id} (${chain.genesis}), got ${got}`,
  }
}

export function faultError(path: string, fault: HeaderFault): CommandError {
  return new CommandError(
    1,
    `${path}: header ${fault.index} (height ${fault.height}) breaks the rule ${fault.rule}: ${fault.message}`,
  )
}
