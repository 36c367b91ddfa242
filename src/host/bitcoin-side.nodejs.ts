import type { Chain, HeaderTree } from '../core/chain.ts'
import { BITCOIN_WIRE_NETWORKS, bitcoinWireNetwork } from '../wire/bitcoin/network.ts'
import { addressProblem } from './address.ts'
import type { BlockFetch } from './bitcoin-block-fetch.ts'
import { bitcoinAddress, isBitcoinAddress, parseBitcoinAddress, parseBitcoinEndpoint } from './bitcoin-address.ts'
import { createBitcoinTcpHost, type BitcoinTcpHostOptions } from './bitcoin-tcp-host.nodejs.ts'
import type { Host } from './host.ts'
import { pairHosts } from './host-pair.ts'

/** Bitcoin Core net.h, MAX_OUTBOUND_FULL_RELAY_CONNECTIONS. */
const ANY_PEER_COUNT = 8

/** `HOST:PORT` or `HOST` each; `'any'`: found by DNS seeds, and by what those found tell. */
export type BitcoinPeers = readonly string[] | 'any'

export interface BitcoinSide {
  /** To be used instead of the one that was given. */
  readonly chain: Chain
  /** What is to be dialled, besides others. */
  readonly peers: readonly string[]
  /** As that of `address.ts`, and Bitcoin's addresses are none. */
  readonly addressProblem: (address: unknown) => string | undefined
  readonly fetchWholeBlock: (fetch: BlockFetch) => Promise<boolean>
  /** Both as one. */
  joined(host: Host): Host
}

/** What joins a light node to Bitcoin's own network. The peers and their chain were checked by `bitcoinPeersProblem`. */
export function createBitcoinSide(
  args: { readonly chain: Chain; readonly peers: BitcoinPeers } & Pick<
    BitcoinTcpHostOptions,
    'savedAddresses' | 'saveAddresses' | 'log'
  >,
): BitcoinSide {
  const { chain, peers, ...hostOptions } = args
  let tree: HeaderTree | undefined
  const second = createBitcoinTcpHost({
    chain: chain.id,
    genesis: chain.genesis,
    summaryOf: (root) => tree?.summary(root),
    // A header is no block, and nobody dials us: whoever wants blocks asks others.
    services: 0n,
    ...hostOptions,
  })
  return {
    chain: { ...chain, createTree: () => (tree = chain.createTree()) },
    peers: addressesOf(chain.id, peers),
    addressProblem: (address) =>
      typeof address === 'string' && parseBitcoinAddress(address) !== undefined ? undefined : addressProblem(address),
    fetchWholeBlock: (fetch) => second.fetchBlock(fetch),
    joined: (first) => pairHosts({ first, second, isForSecond: isBitcoinAddress }),
  }
}

/** Undefined when they can be dialled; else what was expected, for one line with what came. An app in plain JavaScript may pass anything. */
export function bitcoinPeersProblem(chainId: string, peers: unknown): string | undefined {
  const network = BITCOIN_WIRE_NETWORKS.find(({ chain }) => chain === chainId)
  if (network === undefined) return `nothing: ${chainId} has no Bitcoin network`
  if (peers === 'any') {
    return network.dnsSeeds.length > 0 ? undefined : `a list of HOST:PORT, as ${chainId} has no DNS seeds`
  }
  const isGood = (text: unknown): boolean =>
    typeof text === 'string' && parseBitcoinEndpoint(text, network.defaultPort) !== undefined
  const areGood = Array.isArray(peers) && peers.every(isGood)
  return areGood ? undefined : "a list of HOST:PORT, or 'any'"
}

/** The network has names that lead to peers. */
export function hasDnsSeeds(chainId: string): boolean {
  return bitcoinPeersProblem(chainId, 'any') === undefined
}

function addressesOf(chainId: string, peers: BitcoinPeers): readonly string[] {
  if (peers === 'any') return Array.from({ length: ANY_PEER_COUNT }, (_, index) => `bitcoin://any/${index + 1}`)
  const { defaultPort } = bitcoinWireNetwork(chainId)
  const endpoints = peers.map((text) => parseBitcoinEndpoint(text, defaultPort))
  return [...new Set(endpoints.flatMap((endpoint) => (endpoint === undefined ? [] : [bitcoinAddress(endpoint)])))]
}
