/** Light nodes in Node.js over real connections, with every message between them counted. */
import type { HeaderRecord } from '../../src/core/chain.ts'
import type { HostEffect } from '../../src/core/effect.ts'
import type { HostEvent } from '../../src/core/event.ts'
import type { SyncMessage } from '../../src/core/message.ts'
import { bitcoin } from '../../src/bitcoin.ts'
import type { BitcoinNetwork } from '../../src/bitcoin.ts'
import { readUint32, TIME_OFFSET } from '../../src/chain/bitcoin/header.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import type { LightNode, LightNodeEventMap } from '../../src/driver/api.ts'
import { systemClock } from '../../src/driver/clock.ts'
import { RunningLightNode } from '../../src/driver/light-node.ts'
import { addressProblem } from '../../src/host/address.ts'
import type { Host } from '../../src/host/host.ts'
import { createLibp2pHost } from '../../src/host/libp2p-host.ts'
import { createPrivateKey, readPrivateKey } from '../../src/host/private-key.nodejs.ts'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { openDataFolder } from '../../src/store/data-folder.nodejs.ts'
import { createFileStore } from '../../src/store/file.nodejs.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { HeaderStore } from '../../src/store/store.ts'
import { libp2pUnderTest } from './libp2p-under-test.ts'
import { blockParts } from '../block-parts.ts'

export type TransportUnderTest = keyof typeof LISTEN
type MessageType = SyncMessage['type']

const LISTEN = {
  tcp: '/ip4/127.0.0.1/tcp/0',
  websockets: '/ip4/127.0.0.1/tcp/0/ws',
  'webrtc-direct': '/ip4/127.0.0.1/udp/0/webrtc-direct',
  webtransport: '/ip4/127.0.0.1/udp/0/quic-v1/webtransport',
} as const

export interface CountedOptions {
  readonly network?: BitcoinNetwork
  readonly transport?: TransportUnderTest
  readonly isListening?: boolean
  readonly peers?: readonly string[]
  readonly maxPeers?: number
  /** Memory without it. */
  readonly directory?: string
  /** It makes its headers itself and needs nobody to be in step. */
  readonly isAuthority?: boolean
  /** Called with the number of headers once a write is acknowledged. */
  readonly onWritten?: (headerCount: number) => void
  /** Hears everything that the host is told to do, … */
  readonly onEffect?: (effect: HostEffect) => void
  /** … and everything that it tells, but for exchange that nobody has read. */
  readonly onEvent?: (event: HostEvent) => void
}

export interface CountedLightNode {
  readonly lightNode: RunningLightNode
  /** Messages handed to the host so far, by type. */
  readonly sent: Map<MessageType, number>
  /** Headers that came in answers and announcements so far. */
  readonly receivedHeaderCount: () => number
  readonly warnings: LightNodeEventMap['warning'][]
  /** Its first address; throws where it does not listen. */
  readonly address: () => string
  /** Mines on its head, or on the header at a height; resolves to the new head when it is its own head. */
  mine(args: { readonly count: number; readonly onHeight?: number; readonly salt?: number }): Promise<HeaderRecord>
}

export async function startCounted(options: CountedOptions = {}): Promise<CountedLightNode> {
  const { network = 'regtest', transport = 'tcp', isListening = false, peers = [], maxPeers = 16 } = options
  const chain = bitcoin(network)
  const { id, genesis, headerSizeBytes } = chain
  const storeOptions = { chain: id, genesis, headerSizeBytes }
  const folder = options.directory === undefined ? undefined : await openDataFolder({ directory: options.directory })
  const store = folder === undefined ? createMemoryStore(storeOptions) : createFileStore({ ...storeOptions, folder })
  const key = await folder?.readOrCreateKey(createPrivateKey)
  const host = await createLibp2pHost({
    createLibp2p: libp2pUnderTest,
    transports: nodejsTransports({ transports: [transport] }),
    listen: isListening ? [LISTEN[transport]] : [],
    headerSizeBytes,
    ...(key === undefined ? {} : { privateKey: readPrivateKey(key) }),
  })
  const sent = new Map<MessageType, number>()
  let receivedBytes = 0
  const lightNode = new RunningLightNode({
    chain,
    peers,
    maxPeers,
    host: watchHost(host, {
      onSent: ({ type }) => sent.set(type, (sent.get(type) ?? 0) + 1),
      onReceived: (message) => (receivedBytes += 'headers' in message ? message.headers.length : 0),
      ...(options.onEffect === undefined ? {} : { onEffect: options.onEffect }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    }),
    store: options.onWritten === undefined ? store : watchStore(store, options.onWritten, headerSizeBytes),
    storeReason: undefined,
    ...blockParts(chain.id),
    seed: 1,
    isAuthority: options.isAuthority ?? false,
    clock: systemClock,
    yieldTurn: (callback) => setImmediate(callback),
    log: () => {},
    addressProblem,
    onStopped: async () => folder?.close(),
  })
  const warnings: LightNodeEventMap['warning'][] = []
  lightNode.addEventListener('warning', ({ detail }) => warnings.push(detail))
  await lightNode.start()
  return {
    lightNode,
    sent,
    receivedHeaderCount: () => receivedBytes / headerSizeBytes,
    warnings,
    address: () => {
      const [address] = lightNode.addresses
      if (address === undefined) throw new Error('expected a light node that listens')
      return address
    },
    mine: (args) => mine(lightNode, args),
  }
}

/** Resolves when the snapshot's owner is in a state that fits. */
export function until(lightNode: LightNode, fits: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!fits()) return
      end()
      lightNode.removeEventListener('head', look)
      resolve()
    }
    const end = lightNode.subscribe(look)
    lightNode.addEventListener('head', look)
    look()
  })
}

/** Resolves when this is its head. */
export function untilHead(lightNode: LightNode, root: string): Promise<void> {
  return until(lightNode, () => lightNode.head.root === root && lightNode.head.trust !== 'stored')
}

async function mine(
  lightNode: RunningLightNode,
  { count, onHeight, salt = 0 }: { readonly count: number; readonly onHeight?: number; readonly salt?: number },
): Promise<HeaderRecord> {
  const parent = await lightNode.getHeader(onHeight ?? lightNode.head.height)
  if (parent === undefined) throw new Error(`expected a header at ${onHeight}`)
  const firstTime = readUint32(parent.bytes, TIME_OFFSET) + 600
  const height = parent.height + count
  const headers = mineHeaders({ parent: parent.bytes, count, firstTime, stepSeconds: 600, salt })
  lightNode.submitHeaders(headers)
  const root = lightNode.chain.createTree().rootOf(headers.slice(-lightNode.chain.headerSizeBytes))
  await untilHead(lightNode, root)
  const head = await lightNode.getHeader(height)
  if (head === undefined) throw new Error(`expected a header at ${height}`)
  return head
}

interface HostWatch {
  readonly onSent: (message: SyncMessage) => void
  readonly onReceived: (message: SyncMessage) => void
  readonly onEffect?: (effect: HostEffect) => void
  readonly onEvent?: (event: HostEvent) => void
}

function watchHost(host: Host, watch: HostWatch): Host {
  return {
    peerId: host.peerId,
    get addresses() {
      return host.addresses
    },
    start: (sink) =>
      host.start({
        post: (event) => {
          watch.onEvent?.(event)
          sink.post(event)
        },
        offer: (event, sizeBytes) => {
          if (event.type === 'message-received') {
            watch.onEvent?.(event)
            watch.onReceived(event.message)
          }
          return sink.offer(event, sizeBytes)
        },
      }),
    perform: (effect) => {
      watch.onEffect?.(effect)
      if (effect.type === 'send-message') watch.onSent(effect.message)
      host.perform(effect)
    },
    traffic: (connection) => host.traffic(connection),
    stop: () => host.stop(),
  }
}

function watchStore(
  store: HeaderStore,
  onWritten: (headerCount: number) => void,
  headerSizeBytes: number,
): HeaderStore {
  return {
    kind: store.kind,
    open: () => store.open(),
    read: (args) => store.read(args),
    write: async (writes) => {
      await store.write(writes)
      const last = writes.at(-1)
      if (last !== undefined) onWritten(last.truncateTo + last.append.length / headerSizeBytes)
    },
    onWritable: (callback) => store.onWritable(callback),
    get sizeBytes() {
      return store.sizeBytes
    },
    close: () => store.close(),
  }
}
