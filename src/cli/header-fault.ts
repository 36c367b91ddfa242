import { faultLine, faultOfGenesis as faultOfOther, type Chain, type HeaderFault } from '../nodejs.ts'
import { chainOfGenesis } from './chain-option.ts'
import { CommandError } from './command-error.ts'

export { faultOfStop, type HeaderFault } from '../nodejs.ts'

/** Why a file may not begin with this header at height 0; undefined when it may. */
export function faultOfGenesis(chain: Chain, root: string): HeaderFault | undefined {
  if (root === chain.genesis) return undefined
  const other = chainOfGenesis(root)
  return faultOfOther(chain, other === undefined ? root : `the genesis of ${other} (${root})`)
}

export function faultError(path: string, fault: HeaderFault): CommandError {
  return new CommandError(1, `${path}: ${faultLine(fault)}`)
}
