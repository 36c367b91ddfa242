import { isIP } from 'node:net'
import type { Chain, HeaderTree } from '../core/chain.ts'
import { BITCOIN_WIRE_NETWORKS, bitcoinWireNetwork } from '../wire/bitcoin/network.ts'
import { addressProblem } from './address.ts'
import type { BlockFetch } from './bitcoin-block-fetch.ts'
import {
  bitcoinAddress,
  isBitcoinAddress,
  parseBitcoinAddress,
  parseBitcoinEndpoint,
  type BitcoinEndpoint,
} from './bitcoin-address.ts'
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
  args: {
    readonly chain: Chain
    readonly peers: BitcoinPeers
    /** Where Bitcoin nodes can dial us; nowhere when undefined. */
    readonly listen?: BitcoinEndpoint | undefined
  } & Pick<BitcoinTcpHostOptions, 'savedAddresses' | 'saveAddresses' | 'log'>,
): BitcoinSide {
  const { chain, peers, listen, ...hostOptions } = args
  let tree: HeaderTree | undefined
  const second = createBitcoinTcpHost({
    chain: chain.id,
    genesis: chain.genesis,
    summaryOf: (root) => tree?.summary(root),
    // A header is no block: whoever wants blocks asks others. Where they dial us the host's own default says what is offered.
    ...(listen === undefined ? { services: 0n } : { listen }),
    ...hostOptions,
  })
  return {
    chain: { ...chain, createTree: (checkpoints) => (tree = chain.createTree(checkpoints)) },
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

/** An IP address of this machine, and a port of which 0 means any free one; the network's own when none is named. Undefined for anything else. */
export function parseBitcoinListen(chainId: string, text: string): BitcoinEndpoint | undefined {
  const { defaultPort } = bitcoinWireNetwork(chainId)
  const isAnyPort = text.endsWith(':0')
  const endpoint = parseBitcoinEndpoint(isAnyPort ? text.slice(0, -2) : text, defaultPort)
  if (endpoint === undefined || isIP(endpoint.host) === 0) return undefined
  return isAnyPort ? { ...endpoint, port: 0 } : endpoint
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
