/** Bitcoin as a chain of the core. */
import type { Chain } from '../../core/chain.ts'
import { hashHeaders as hashHeadersFast } from '../../hash/choose-hash-headers.ts'
import type { HashHeaders } from '../../hash/hash-headers.ts'
import { createBitcoinContent } from './bitcoin-content.ts'
import { BitcoinHeaderTree } from './bitcoin-header-tree.ts'
import { HEADER_SIZE_BYTES, PARENT_OFFSET, readRoot, readUint32, TIME_OFFSET } from './header.ts'
import { networkParameters } from './networks.ts'
import type { BitcoinNetwork } from './networks.ts'

export interface BitcoinChainOptions {
  readonly network: BitcoinNetwork
  /** With less work than this the chain is never reported as synced; 0n by default. */
  readonly minimumChainWork?: bigint
  /** The fastest hash function of this machine by default. */
  readonly hashHeaders?: HashHeaders
}

/** Throws `RangeError` for an unknown network. */
export function createBitcoinChain(options: BitcoinChainOptions): Chain {
  const { minimumChainWork = 0n, hashHeaders = hashHeadersFast } = options
  const network = networkParameters(options.network)
  return {
    id: `bitcoin:${network.name}`,
    genesis: network.genesis,
    headerSizeBytes: HEADER_SIZE_BYTES,
    trustWhenVerified: network.trustWhenVerified,
    staleAfterMs: network.staleAfterMs,
    minimumChainWork,
    timeOf: (header) => readUint32(header, TIME_OFFSET),
    parentOf: (headers) => readRoot(headers, PARENT_OFFSET),
    content: createBitcoinContent(network),
    createTree: (checkpoints = []) => new BitcoinHeaderTree({ network, hashHeaders, minimumChainWork, checkpoints }),
  }
}
