import { bitcoin, BITCOIN_NETWORKS, defaultDataDirectory, type BitcoinNetwork, type Chain } from '../nodejs.ts'
import type { Flags } from './command.ts'
import { CommandError } from './command-error.ts'

const FAMILY = 'bitcoin:'
export const CHAIN_DEFAULT = 'bitcoin:mainnet'

/** `bitcoin:mainnet` to its network. Throws `CommandError` naming the known ones. */
export function parseNetwork(text: string): BitcoinNetwork {
  const network = BITCOIN_NETWORKS.find((known) => `${FAMILY}${known}` === text)
  if (network !== undefined) return network
  const known = BITCOIN_NETWORKS.map((name) => `${FAMILY}${name}`).join(', ')
  throw new CommandError(2, `--chain: expected one of ${known}, got ${JSON.stringify(text)}`)
}

export function parseChain(text: string): Chain {
  return bitcoin(parseNetwork(text))
}

/** `--data`, else the chain's usual folder. Throws `CommandError` for an empty name, which would mean the current folder. */
export function parseDirectory(flags: Flags, chain: Chain): string {
  const directory = flags.text('data') ?? defaultDataDirectory(chain.id, process.env)
  if (directory === '') throw new CommandError(2, '--data: expected a folder, got ""')
  return directory
}

/** The id of the chain that begins with this root. */
export function chainOfGenesis(root: string): string | undefined {
  return BITCOIN_NETWORKS.map((network) => bitcoin(network)).find((chain) => chain.genesis === root)?.id
}
