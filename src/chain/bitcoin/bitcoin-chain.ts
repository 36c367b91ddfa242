/** Bitcoin as a chain of the core. */
import type { Chain } from '../../core/chain.ts'
import { BitcoinHeaderTree } from './bitcoin-header-tree.ts'
import { hashHeaders as hashHeadersPlain } from './double-sha256.ts'
import type { HashHeaders } from './double-sha256.ts'
import { HEADER_SIZE_BYTES, readUint32, TIME_OFFSET } from './header.ts'
import { networkParameters } from './networks.ts'
import type { BitcoinNetwork } from './networks.ts'

export interface BitcoinChainOptions {
  readonly network: BitcoinNetwork
  /** With less work than this the chain is never reported as synced; 0n by default. */
  readonly minimumChainWork?: bigint
  /** A faster hash function than the plain one. */
  readonly hashHeaders?: HashHeaders
}

/** Throws `RangeError` for an unknown network. */
export function createBitcoinChain(options: BitcoinChainOptions): Chain {
  const { minimumChainWork = 0n, hashHeaders = hashHeadersPlain } = options
  const network = networkParameters(options.network)
  return {
    id: `bitcoin:${network.name}`,
    genesis: network.genesis,
    headerSizeBytes: HEADER_SIZE_BYTES,
    trustWhenVerified: network.trustWhenVerified,
    staleAfterMs: network.staleAfterMs,
    minimumChainWork,
    timeOf: (header) => readUint32(header, TIME_OFFSET),
    createTree: () => new BitcoinHeaderTree({ network, hashHeaders }),
  }
}
