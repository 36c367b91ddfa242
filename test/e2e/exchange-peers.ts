/** Peers for a tab to exchange blocks with, each listening for WebSockets on loopback: honest, lying, silent. */
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { HostEffect } from '../../src/core/effect.ts'
import type { Cid } from '../../src/core/ids.ts'
import { systemClock } from '../../src/driver/clock.ts'
import { RunningLightNode } from '../../src/driver/light-node.ts'
import { addressProblem } from '../../src/host/address.ts'
import { BITSWAP_PROTOCOL } from '../../src/host/exchange-outbound.ts'
import type { Host } from '../../src/host/host.ts'
import { createNodejsLibp2p } from '../../src/host/libp2p.nodejs.ts'
import { createLibp2pHost } from '../../src/host/libp2p-host.ts'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { bitcoin } from '../../src/nodejs.ts'
import type { BlockStore } from '../../src/store/block-store.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { blockParts } from '../block-parts.ts'

const LISTEN = '/ip4/127.0.0.1/tcp/0/ws'

export interface TestPeer {
  readonly address: string
  readonly peerId: string
  stop(): Promise<void>
}

/** Has this block of mainnet, and hands out wrong bytes for every so many-th transaction. */
export async function startLiar(block: Uint8Array, everyNth: number): Promise<TestPeer> {
  const chain = bitcoin('mainnet')
  const parts = chain.content?.takeApart(block)
  const wanted = parts === undefined ? undefined : chain.content?.wantedCids(parts.outline)
  const lies = new Set(wanted?.filter((cid, index) => cid !== undefined && index % everyNth === 0))
  const lightNode = await startLightNode({ wrapStore: (store) => lyingAbout(store, lies as Set<Cid>) })
  await lightNode.importBlock(block)
  return lightNode
}

/** Shakes hands, answers pings, takes every want and every request for an outline, and never says a word to them. */
export async function startSilentLightNode(): Promise<TestPeer> {
  return await startLightNode({
    isDropped: (effect) =>
      effect.type === 'send-exchange' || (effect.type === 'send-message' && effect.message.type === 'block-outline'),
  })
}

/** A bare libp2p that speaks bitswap, as identify says, and never reads what it is asked. */
export async function startSilentStranger(): Promise<TestPeer> {
  const libp2p = await createLibp2p({
    addresses: { listen: [LISTEN] },
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
    connectionMonitor: { enabled: false },
  })
  await libp2p.handle(BITSWAP_PROTOCOL, (stream) => stream.pause())
  const address = libp2p.getMultiaddrs()[0]?.toString() ?? ''
  return { address, peerId: libp2p.peerId.toString(), stop: async () => libp2p.stop() }
}

async function startLightNode(options: {
  readonly wrapStore?: (store: BlockStore) => BlockStore
  readonly isDropped?: (effect: HostEffect) => boolean
}): Promise<TestPeer & RunningLightNode> {
  const chain = bitcoin('mainnet')
  const { wrapStore = (store) => store, isDropped = () => false } = options
  const { blockStore, cidOf } = blockParts(chain.id)
  const host = await createLibp2pHost({
    createLibp2p: createNodejsLibp2p,
    transports: nodejsTransports({ transports: ['websockets'] }),
    listen: [LISTEN],
    headerSizeBytes: chain.headerSizeBytes,
  })
  const lightNode = new RunningLightNode({
    chain,
    peers: [],
    maxPeers: 16,
    host: muted(host, isDropped),
    store: createMemoryStore({ chain: chain.id, genesis: chain.genesis, headerSizeBytes: chain.headerSizeBytes }),
    storeReason: undefined,
    blockStore: wrapStore(blockStore),
    cidOf,
    seed: 1,
    isAuthority: false,
    clock: systemClock,
    yieldTurn: (callback) => setImmediate(callback),
    log: () => {},
    addressProblem,
  })
  await lightNode.start()
  return Object.assign(lightNode, { address: lightNode.addresses[0] ?? '' })
}

function muted(host: Host, isDropped: (effect: HostEffect) => boolean): Host {
  return {
    peerId: host.peerId,
    get addresses() {
      return host.addresses
    },
    start: (sink) => host.start(sink),
    perform: (effect) => {
      if (!isDropped(effect)) host.perform(effect)
    },
    traffic: (connection) => host.traffic(connection),
    stop: () => host.stop(),
  }
}

/** As many bytes as there should be, and the first of them wrong. */
function lyingAbout(store: BlockStore, lies: ReadonlySet<Cid>): BlockStore {
  const lie = (bytes: Uint8Array): Uint8Array => bytes.with(0, (bytes[0] ?? 0) ^ 1)
  return {
    kind: store.kind,
    open: () => store.open(),
    sizes: (cids) => store.sizes(cids),
    read: async (args) => {
      const blocks = await store.read(args)
      return blocks.map((bytes, index) => {
        const cid = args.cids[index]
        return bytes !== undefined && cid !== undefined && lies.has(cid) ? lie(bytes) : bytes
      })
    },
    write: (write) => store.write(write),
    readOutline: (root) => store.readOutline(root),
    unpin: (root) => store.unpin(root),
    get sizeBytes() {
      return store.sizeBytes
    },
    get blockCount() {
      return store.blockCount
    },
    sizeBytesMax: store.sizeBytesMax,
    get reason() {
      return store.reason
    },
    close: () => store.close(),
  }
}
