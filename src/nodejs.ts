/** Rushlight in Node.js: the light node of an app, and the gateway of the command line. */
import { hash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIPv6 } from 'node:net'
import type { LightNode, LightNodeErrorCode, LightNodeOptions, Log } from './driver/api.ts'
import type { Chain } from './core/chain.ts'
import { LightNodeError } from './driver/api.ts'
import { systemClock } from './driver/clock.ts'
import { RunningLightNode } from './driver/light-node.ts'
import { withCheckpoints } from './driver/load-checkpoints.ts'
import { loadDebugging } from './driver/load-debugging.ts'
import { guarded, silentLog } from './driver/log.ts'
import { checkOptions, fail, isDirectory } from './driver/options.ts'
import { WholeBlocks } from './driver/whole-blocks.ts'
import { AGENT } from './driver/version.ts'
import { addressProblem } from './host/address.ts'
import { parseBitcoinEndpoint, type BitcoinEndpoint } from './host/bitcoin-address.ts'
import {
  bitcoinPeersProblem,
  createBitcoinSide,
  type BitcoinPeers,
  type BitcoinSide,
} from './host/bitcoin-side.nodejs.ts'
import { gatewayRoads, type GatewayRoad } from './host/gateway-roads.nodejs.ts'
import type { Host } from './host/host.ts'
import { HostError } from './host/host.ts'
import type { RtcConfiguration } from './host/lazy-roads.ts'
import type { Diagnose } from './host/examination.ts'
import { roadsOf } from './host/roads.ts'
import { NODEJS_TRANSPORTS } from './host/transport-names.nodejs.ts'
import type { NodejsTransportsOptions } from './host/transports.nodejs.ts'
import { createFileBlockStore } from './store/block-store-file.nodejs.ts'
import { createMemoryBlockStore } from './store/block-store-memory.ts'
import type { BlockStore } from './store/block-store.ts'
import type { DataFolder } from './store/data-folder.nodejs.ts'
import { openDataFolder } from './store/data-folder.nodejs.ts'
import { createFileStore } from './store/file.nodejs.ts'
import { openLineFile } from './store/line-file.nodejs.ts'
import { createMemoryStore } from './store/memory.ts'
import type { HeaderStore } from './store/store.ts'
import { StoreError } from './store/store.ts'
import { textFile } from './store/text-file.nodejs.ts'
import { HASH_DBL_SHA2_256, HASH_SHA2_256 } from './wire/cid.ts'
import { createCidOf, createRehash, type Hashers } from './wire/rehash.ts'

export type * from './driver/api.ts'
export { LightNodeError } from './driver/api.ts'
export { exportHeaders, importHeaders } from './driver/header-files.ts'
export { VERSION } from './driver/version.ts'
export type * from './host/examination.ts'
export { describeExamination } from './host/examination.ts'

// What the command line is made of, besides.
export type { HeaderTree } from './core/chain.ts'
export { faultLine, faultOfGenesis, faultOfStop, sizeProblem, type HeaderFault } from './driver/header-fault.ts'
export type { HeaderStore, OpenedStore } from './store/store.ts'
export type { BitcoinNetwork } from './bitcoin.ts'
export { bitcoin, decodeHeader, encodeTransactionProof, verifyTransaction } from './bitcoin.ts'
export { ContentError } from './core/content.ts'
export { createHeaderVerifier } from './chain/bitcoin/header-verifier.ts'
export { mineHeader } from './chain/bitcoin/miner.ts'
export { BITCOIN_NETWORKS } from './chain/bitcoin/networks.ts'
export { defaultDataDirectory, makeFolder, openDataFolder } from './store/data-folder.nodejs.ts'
export { createFileStore } from './store/file.nodejs.ts'
export { addressProblem } from './host/address.ts'
export { GATEWAY_ROADS, gatewayRoadOf, type GatewayRoad } from './host/gateway-roads.nodejs.ts'
export type { BitcoinEndpoint } from './host/bitcoin-address.ts'
export { bitcoinPeersProblem, hasDnsSeeds, parseBitcoinListen, type BitcoinPeers } from './host/bitcoin-side.nodejs.ts'
export { StoreError } from './store/store.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const HASHERS: Hashers = new Map([
  [HASH_SHA2_256, sha256],
  [HASH_DBL_SHA2_256, (bytes) => sha256(sha256(bytes))],
])
const BLOCK_STORE_BYTES_MAX: number = 1024 * 1024 * 1024
/** In the data folder: addresses of Bitcoin peers that were good. */
const BITCOIN_PEERS_FILE = 'bitcoin-peers'
/** In the data folder, one for each road: the certificates that addresses name. */
const CERTIFICATE_FILES = { webtransport: 'webtransport-certificates', 'webrtc-direct': 'webrtc-certificate' } as const
/** A class of pupils at one gateway, several times over. */
export const MAX_PEERS = 256

export async function createLightNode(options: LightNodeOptions): Promise<LightNode> {
  checkOptions({ options, transports: NODEJS_TRANSPORTS, addressProblem })
  const { chain, peers, bitcoinPeers, maxPeers = MAX_PEERS, store: storeOption = 'memory' } = options
  const log = guarded(options.logger ?? silentLog)
  if (storeOption !== 'memory' && !isDirectory(storeOption)) {
    fail('store', "'memory' or { directory } in Node.js", storeOption)
  }
  const problem = bitcoinPeers === undefined ? undefined : bitcoinPeersProblem(chain.id, bitcoinPeers)
  if (problem !== undefined) fail('bitcoinPeers', problem, bitcoinPeers)
  const folder = storeOption === 'memory' ? undefined : await openFolder(storeOption.directory)
  const { listen = [], announce = [], transports = NODEJS_TRANSPORTS } = options
  const rtcConfiguration = options.rtcConfiguration as RtcConfiguration | undefined
  return await startLightNode({
    folder,
    chain,
    peers,
    bitcoinPeers,
    maxPeers,
    log,
    blockStoreBytesMax: options.blockStoreBytesMax ?? BLOCK_STORE_BYTES_MAX,
    record: options.record,
    debug: options.debug ?? false,
    isAuthority: false,
    makeHost: ({ createLibp2pHost, createNodejsLibp2p, nodejsTransports }, privateKey) =>
      createLibp2pHost({
        createLibp2p: createNodejsLibp2p,
        transports: nodejsTransports({ transports, rtcConfiguration, ...certificatesIn(folder) }),
        listen,
        announce,
        roads: options.discoverPeers === false ? undefined : roadsOf(transports),
        headerSizeBytes: chain.headerSizeBytes,
        parentOf: chain.parentOf,
        log,
        ...(privateKey === undefined ? {} : { privateKey }),
      }),
  })
}

/** Loads when it is called. */
export const diagnose: Diagnose = async (addresses, options = {}) => {
  const [{ diagnoseWith }, { probeTcp }, { createNodejsLibp2p, nodejsTransports }] = await Promise.all([
    import('./host/doctor.ts'),
    import('./host/probe.nodejs.ts'),
    loadLibp2p(),
  ])
  const transports = nodejsTransports({ rtcConfiguration: options.rtcConfiguration as RtcConfiguration | undefined })
  const parts = { agent: AGENT, createLibp2p: createNodejsLibp2p, transports, probe: probeTcp }
  return await diagnoseWith(parts, addresses, options)
}

export interface GatewayOptions {
  readonly chain: Chain
  /** Data folder: headers, key, lock. */
  readonly directory: string
  readonly peers: readonly string[]
  /** As the option of `createLightNode`. */
  readonly bitcoinPeers?: BitcoinPeers | undefined
  /** Where nodes of Bitcoin's own network can dial us: port 0 takes any free one. Nowhere by default. */
  readonly bitcoinListen?: BitcoinEndpoint | undefined
  /** For HTTP and WebSockets; 0 takes any free one. What the other roads take follows from it: `gatewayRoads`. */
  readonly port: number
  readonly host: string
  /** Multiaddrs to listen on in place of the default one of their road, none of them for WebSockets: `gatewayRoadOf`. */
  readonly listen?: readonly string[]
  /** Roads not to listen on. */
  readonly withoutRoads?: readonly GatewayRoad[]
  /** Tabs leave word here for each other, and then meet directly. Default: true. */
  readonly relays?: boolean
  /** As the option of `createLightNode`. */
  readonly discoverPeers?: boolean
  readonly announce: readonly string[]
  /** It makes the headers itself: a practice chain. */
  readonly isAuthority: boolean
  readonly log: Log
  /** As the option of `createLightNode`. */
  readonly record?: ((line: string) => void) | undefined
  /** As the option of `createLightNode`. */
  readonly debug?: boolean
  readonly maxPeers?: number
  /** As the option of `createLightNode`. */
  readonly blockStoreBytesMax?: number | undefined
  readonly httpRequestHandler: (request: IncomingMessage, response: ServerResponse) => void
  readonly allowUpgrade: (request: IncomingMessage) => boolean
}

/** A light node that others reach: one port for page, API and WebSockets. */
export interface Gateway extends LightNode {
  /** The port of HTTP and WebSockets. */
  readonly port: number
  /** Headers from our own side: consecutive, whole, judged like any other. */
  submitHeaders(headers: Uint8Array): void
  /** Milliseconds since the loop turned last. */
  loopAgeMs(): number
  /** Milliseconds since a header was verified last, or since the start. */
  lastVerifiedAgoMs(): number
  uptimeMs(): number
}

/** Rejects with `LightNodeError`; where it cannot listen, with what the operating system said among its causes. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { chain, host, port, peers, announce, isAuthority, log, httpRequestHandler, allowUpgrade } = options
  const ip = isIPv6(host) ? 'ip6' : 'ip4'
  const folder = await openFolder(options.directory)
  let listeningPort = port
  const onListening = (actualPort: number): void => {
    listeningPort = actualPort
  }
  let notes: readonly string[] = []
  const lightNode = await startLightNode({
    folder,
    chain,
    peers,
    bitcoinPeers: options.bitcoinPeers,
    bitcoinListen: options.bitcoinListen,
    maxPeers: options.maxPeers ?? MAX_PEERS,
    blockStoreBytesMax: options.blockStoreBytesMax ?? BLOCK_STORE_BYTES_MAX,
    log,
    record: options.record,
    debug: options.debug ?? false,
    isAuthority,
    makeHost: async ({ createLibp2pHost, createNodejsLibp2p, nodejsTransports, relayServer }, privateKey) => {
      const roads = await gatewayRoads({ host, port, listen: options.listen, without: options.withoutRoads })
      notes = roads.notes
      return createLibp2pHost({
        createLibp2p: createNodejsLibp2p,
        transports: nodejsTransports({ httpRequestHandler, allowUpgrade, onListening, ...certificatesIn(folder) }),
        listen: [`/${ip}/${host}/tcp/${port}/ws`, ...roads.listen],
        services: options.relays === false ? [] : [relayServer()],
        announce,
        roads: options.discoverPeers === false ? undefined : roadsOf(NODEJS_TRANSPORTS),
        headerSizeBytes: chain.headerSizeBytes,
        parentOf: chain.parentOf,
        log,
        ...(privateKey === undefined ? {} : { privateKey }),
      })
    },
  })
  // Not before: a start that fails says why in one line.
  for (const detail of notes) log('warning', { code: 'road-missing', detail })
  return Object.assign(lightNode, { port: listeningPort })
}

interface StartOptions {
  readonly folder: DataFolder | undefined
  readonly chain: Chain
  readonly peers: readonly string[]
  readonly bitcoinPeers: BitcoinPeers | undefined
  readonly bitcoinListen?: BitcoinEndpoint | undefined
  readonly maxPeers: number
  readonly blockStoreBytesMax: number
  readonly log: Log
  readonly record: ((line: string) => void) | undefined
  readonly debug: boolean
  readonly isAuthority: boolean
  readonly makeHost: (
    libp2p: Libp2pModules,
    privateKey: ReturnType<Libp2pModules['readPrivateKey']> | undefined,
  ) => Promise<Host>
}

type Libp2pModules = typeof import('./host/libp2p-host.ts') &
  typeof import('./host/libp2p.nodejs.ts') &
  typeof import('./host/private-key.nodejs.ts') &
  typeof import('./host/transports.nodejs.ts')

/** libp2p takes a quarter of a second to load, which a command that needs no network should not wait for. */
async function loadLibp2p(): Promise<Libp2pModules> {
  return {
    ...(await import('./host/libp2p-host.ts')),
    ...(await import('./host/libp2p.nodejs.ts')),
    ...(await import('./host/private-key.nodejs.ts')),
    ...(await import('./host/transports.nodejs.ts')),
  }
}

async function startLightNode(options: StartOptions): Promise<RunningLightNode> {
  const { folder, peers, maxPeers, log, isAuthority } = options
  const bitcoinSide = await openBitcoinSide(options)
  const chain = await withCheckpoints(bitcoinSide?.chain ?? options.chain, log)
  try {
    const libp2p = await loadLibp2p()
    const debugCore = await loadDebugging(options)
    const key = await folder?.readOrCreateKey(libp2p.createPrivateKey)
    const host = await options.makeHost(libp2p, key && libp2p.readPrivateKey(key))
    const lightNode = new RunningLightNode({
      chain,
      peers: [...peers, ...(bitcoinSide?.peers ?? [])],
      maxPeers,
      host: bitcoinSide?.joined(host) ?? host,
      createWholeBlocks: bitcoinSide && ((given) => new WholeBlocks({ ...given, fetch: bitcoinSide.fetchWholeBlock })),
      store: storeIn(folder, chain),
      blockStore: blockStoreIn({ folder, chain, sizeBytesMax: options.blockStoreBytesMax, log }),
      cidOf: createCidOf(HASHERS),
      storeReason: undefined,
      seed: randomBytes(4).readUInt32LE(),
      isAuthority,
      clock: systemClock,
      yieldTurn: (callback) => setImmediate(callback),
      log,
      addressProblem: bitcoinSide === undefined ? addressProblem : bitcoinSide.addressProblem,
      debugCore,
      onStopped: async () => {
        await bitcoinSide?.close()
        await folder?.close()
      },
    })
    await lightNode.start()
    return lightNode
  } catch (error) {
    await bitcoinSide?.close()
    await folder?.close()
    throw asLightNodeError(error)
  }
}

/** Where there is no folder a restart makes new ones. */
function certificatesIn(folder: DataFolder | undefined): Pick<NodejsTransportsOptions, 'certificateStorage'> {
  if (folder === undefined) return {}
  return { certificateStorage: (road) => textFile({ folder, name: CERTIFICATE_FILES[road] }) }
}

interface OpenBitcoinSide extends BitcoinSide {
  /** Resolves when the addresses worth keeping are written. */
  close(): Promise<void>
}

/** Undefined where nobody named Bitcoin peers, and none may dial us. Addresses that were good are kept in the data folder, if there is one. */
async function openBitcoinSide(options: StartOptions): Promise<OpenBitcoinSide | undefined> {
  const { folder, chain, bitcoinListen: listen, bitcoinPeers, log } = options
  if (bitcoinPeers === undefined && listen === undefined) return undefined
  const side = { chain, peers: bitcoinPeers ?? [], listen, log }
  if (folder === undefined) return { ...createBitcoinSide(side), close: () => Promise.resolve() }
  const file = await openLineFile({
    folder,
    name: BITCOIN_PEERS_FILE,
    isLine: (line) => parseBitcoinEndpoint(line, undefined) !== undefined,
    onWarning: (detail) => log('warning', { code: 'bitcoin-peers-dropped', detail }),
  })
  const saveAddresses = (lines: readonly string[]): void => file.save(lines)
  return {
    ...createBitcoinSide({ ...side, savedAddresses: file.lines, saveAddresses }),
    close: () => file.close(),
  }
}

function storeIn(folder: DataFolder | undefined, chain: Chain): HeaderStore {
  const { id, genesis, headerSizeBytes } = chain
  const storeOptions = { chain: id, genesis, headerSizeBytes, startsAbove: chain.checkpoints?.at(-1)?.root }
  return folder === undefined ? createMemoryStore(storeOptions) : createFileStore({ ...storeOptions, folder })
}

function blockStoreIn(args: {
  readonly folder: DataFolder | undefined
  readonly chain: Chain
  readonly sizeBytesMax: number
  readonly log: Log
}): BlockStore {
  const { folder, chain, sizeBytesMax, log } = args
  const onWarning = (detail: string): void => log('block-dropped', { detail })
  const options = { chain: chain.id, sizeBytesMax, rehash: createRehash(HASHERS), onWarning }
  if (folder === undefined) return createMemoryBlockStore(options)
  return createFileBlockStore({ ...options, directory: folder.directory })
}

async function openFolder(directory: string): Promise<DataFolder> {
  try {
    return await openDataFolder({ directory })
  } catch (error) {
    throw asLightNodeError(error)
  }
}

function storeErrorCode({ code }: StoreError): LightNodeErrorCode {
  if (code === 'locked') return 'store-locked'
  return code === 'wrong-chain' || code === 'quota-exceeded' ? code : 'store-unavailable'
}

function asLightNodeError(error: unknown): unknown {
  if (error instanceof StoreError) {
    return new LightNodeError(storeErrorCode(error), error.message, { cause: error })
  }
  if (error instanceof HostError) {
    const code = error.code === 'listen-failed' ? 'invalid-option' : error.code
    return new LightNodeError(code, error.message, { cause: error })
  }
  return error
}
