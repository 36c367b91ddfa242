/** A light node on Bitcoin's own network over TCP; with `isGateway` it is one to light nodes as well. */
import { bitcoin } from '../../src/bitcoin.ts'
import type { Chain, HeaderTree } from '../../src/core/chain.ts'
import type { LightNodeEventMap } from '../../src/driver/api.ts'
import { systemClock } from '../../src/driver/clock.ts'
import { debugCore } from '../../src/driver/debugging.ts'
import { RunningLightNode } from '../../src/driver/light-node.ts'
import { isBitcoinAddress } from '../../src/host/bitcoin-address.ts'
import type { BitcoinTcpHost, BitcoinTcpHostOptions } from '../../src/host/bitcoin-tcp-host.nodejs.ts'
import { createBitcoinTcpHost } from '../../src/host/bitcoin-tcp-host.nodejs.ts'
import type { Host } from '../../src/host/host.ts'
import { pairHosts } from '../../src/host/host-pair.ts'
import { createLibp2pHost } from '../../src/host/libp2p-host.ts'
import { createNodejsLibp2p } from '../../src/host/libp2p.nodejs.ts'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { blockParts } from '../block-parts.ts'

export interface BitcoinLightNode {
  readonly lightNode: RunningLightNode
  readonly host: BitcoinTcpHost
  readonly warnings: LightNodeEventMap['warning'][]
}

/** Started, on regtest, with a memory store. */
export async function startBitcoinLightNode(
  options: {
    readonly peers?: readonly string[]
    readonly isAuthority?: boolean
    /** Listens for light nodes over libp2p's TCP. */
    readonly isGateway?: boolean
    /** The checker looks at every step; it takes its time. */
    readonly isChecked?: boolean
    readonly minimumChainWork?: bigint
    /** Told the tree of verified headers once it is made. */
    readonly onTree?: (tree: HeaderTree) => void
  } & Partial<BitcoinTcpHostOptions> = {},
): Promise<BitcoinLightNode> {
  const {
    peers = [],
    isAuthority = false,
    isGateway = false,
    isChecked = true,
    minimumChainWork = 0n,
    onTree,
    ...hostOptions
  } = options
  const regtest = bitcoin('regtest', { minimumChainWork })
  const { id, genesis, headerSizeBytes } = regtest
  let tree: HeaderTree | undefined
  const chain: Chain = {
    ...regtest,
    createTree: (checkpoints) => {
      tree = regtest.createTree(checkpoints)
      onTree?.(tree)
      return tree
    },
  }
  const host = createBitcoinTcpHost({ chain: id, genesis, summaryOf: (root) => tree?.summary(root), ...hostOptions })
  const lightNode = new RunningLightNode({
    chain,
    peers,
    maxPeers: 16,
    host: isGateway ? await withLibp2p(host, headerSizeBytes) : host,
    store: createMemoryStore({ chain: id, genesis, headerSizeBytes }),
    storeReason: undefined,
    ...blockParts(id),
    seed: 1,
    isAuthority,
    clock: systemClock,
    yieldTurn: (callback) => setImmediate(callback),
    log: () => {},
    addressProblem: () => undefined,
    debugCore: isChecked ? debugCore : undefined,
  })
  const warnings: LightNodeEventMap['warning'][] = []
  lightNode.addEventListener('warning', ({ detail }) => warnings.push(detail))
  await lightNode.start()
  return { lightNode, host, warnings }
}

async function withLibp2p(second: Host, headerSizeBytes: number): Promise<Host> {
  const transports = nodejsTransports({ transports: ['tcp'] })
  const first = await createLibp2pHost({
    createLibp2p: createNodejsLibp2p,
    transports,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    headerSizeBytes,
  })
  return pairHosts({ first, second, isForSecond: isBitcoinAddress })
}
