/** Rushlight in a browser tab. */
import type { Chain, LightNode, LightNodeOptions, StoreOption } from './driver/api.ts'
import { LightNodeError } from './driver/api.ts'
import { systemClock } from './driver/clock.ts'
import { RunningLightNode } from './driver/light-node.ts'
import { withCheckpoints } from './driver/load-checkpoints.ts'
import { loadDebugging } from './driver/load-debugging.ts'
import { guarded, silentLog } from './driver/log.ts'
import { checkOptions, fail } from './driver/options.ts'
import { doubleSha256, sha256 } from './hash/sha256.ts'
import { addressProblem } from './host/address.ts'
import type { RtcConfiguration } from './host/lazy-roads.ts'
import { createLibp2pHost } from './host/libp2p-host.ts'
import { roadsOf } from './host/roads.ts'
import { createTabLibp2p } from './host/tab-libp2p.ts'
import {
  BROWSER_TRANSPORTS,
  browserListen,
  browserTransports,
  isThere,
  type BrowserTransportName,
} from './host/transports.browser.ts'
import { createIndexedDbBlockStore } from './store/block-store-indexeddb.ts'
import { createMemoryBlockStore } from './store/block-store-memory.ts'
import type { BlockStore, BlockStoreOptions } from './store/block-store.ts'
import { createIndexedDbStore } from './store/indexeddb.ts'
import { createMemoryStore } from './store/memory.ts'
import type { HeaderStore } from './store/store.ts'
import { StoreError } from './store/store.ts'
import { HASH_DBL_SHA2_256, HASH_SHA2_256 } from './wire/cid.ts'
import { createCidOf, createRehash, type Hashers } from './wire/rehash.ts'

export type * from './driver/api.ts'
export { LightNodeError } from './driver/api.ts'
export { exportHeaders, importHeaders } from './driver/header-files.ts'
export { VERSION } from './driver/version.ts'
export type * from './host/examination.ts'
export { describeExamination, diagnose } from './browser-doctor.ts'

const HASHERS: Hashers = new Map([
  [HASH_SHA2_256, sha256],
  [HASH_DBL_SHA2_256, doubleSha256],
])
const BLOCK_STORE_BYTES_MAX: number = 64 * 1024 * 1024
/** A tab shares its machine with others. */
const MAX_PEERS = 32

export async function createLightNode(options: LightNodeOptions): Promise<LightNode> {
  checkOptions({ options, transports: BROWSER_TRANSPORTS, addressProblem })
  if (options.bitcoinPeers !== undefined) {
    fail('bitcoinPeers', "nothing: a tab cannot reach Bitcoin's network", options.bitcoinPeers)
  }
  if (options.listen !== undefined) fail('listen', 'nothing: a tab does not listen', options.listen)
  const { peers, maxPeers = MAX_PEERS } = options
  const log = guarded(options.logger ?? silentLog)
  const chain = await withCheckpoints(options.chain, log)
  const debugCore = await loadDebugging(options)
  // `checkOptions` let no other name pass.
  const transports = (options.transports as readonly BrowserTransportName[] | undefined) ?? BROWSER_TRANSPORTS
  // First, as a host that is not started holds nothing, and an open store does.
  const host = await createLibp2pHost({
    createLibp2p: createTabLibp2p,
    listen: browserListen(transports),
    transports: browserTransports({
      transports,
      rtcConfiguration: options.rtcConfiguration as RtcConfiguration | undefined,
    }),
    roads: options.discoverPeers === false ? undefined : roadsOf(transports.filter(isThere)),
    headerSizeBytes: chain.headerSizeBytes,
    parentOf: chain.parentOf,
    log,
  })
  const { store, storeReason } = await openableStore(chain, options.store ?? 'indexeddb')
  const listeners = new AbortController()
  const lightNode = new RunningLightNode({
    chain,
    peers,
    maxPeers,
    store,
    storeReason,
    blockStore: blockStoreBeside(store, {
      chain: chain.id,
      sizeBytesMax: options.blockStoreBytesMax ?? BLOCK_STORE_BYTES_MAX,
      rehash: createRehash(HASHERS),
      onWarning: (detail) => log('block-dropped', { detail }),
    }),
    cidOf: createCidOf(HASHERS),
    host,
    seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
    isAuthority: false,
    clock: systemClock,
    yieldTurn: createYield(),
    log,
    addressProblem,
    debugCore,
    onStopped: async () => listeners.abort(),
  })
  await lightNode.start()
  watchPlatform(lightNode, listeners.signal)
  return lightNode
}

/** Blocks are kept where headers are: what does not work for the one does not for the other. */
function blockStoreBeside(store: HeaderStore, options: BlockStoreOptions): BlockStore {
  return store.kind === 'indexeddb' ? createIndexedDbBlockStore(options) : createMemoryBlockStore(options)
}

/** IndexedDB where it works; memory, with the reason, where it does not. */
async function openableStore(
  chain: Chain,
  option: StoreOption,
): Promise<{ store: HeaderStore; storeReason: string | undefined }> {
  const { id, genesis, headerSizeBytes } = chain
  const storeOptions = { chain: id, genesis, headerSizeBytes, startsAbove: chain.checkpoints?.at(-1)?.root }
  if (option === 'memory') return { store: createMemoryStore(storeOptions), storeReason: undefined }
  if (option !== 'indexeddb') fail('store', "'indexeddb' or 'memory' in a tab", option)
  const store = createIndexedDbStore(storeOptions)
  try {
    const opened = await store.open()
    return { store: alreadyOpen(store, opened), storeReason: undefined }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    const code = error.code === 'wrong-chain' ? error.code : 'store-unavailable'
    if (error.code !== 'unavailable') throw new LightNodeError(code, error.message, { cause: error })
    return { store: createMemoryStore(storeOptions), storeReason: error.message }
  }
}

/** A store that was opened to see whether it works is not opened a second time. */
function alreadyOpen(store: HeaderStore, opened: Awaited<ReturnType<HeaderStore['open']>>): HeaderStore {
  return {
    kind: store.kind,
    open: async () => opened,
    read: (args) => store.read(args),
    write: (writes) => store.write(writes),
    onWritable: (callback) => store.onWritable(callback),
    get sizeBytes() {
      return store.sizeBytes
    },
    close: () => store.close(),
  }
}

/** A message to ourselves: hidden tabs hold timers back for a second and more, messages never. */
function createYield(): (callback: () => void) => void {
  const { port1, port2 } = new MessageChannel()
  const callbacks: (() => void)[] = []
  port1.onmessage = () => callbacks.shift()?.()
  return (callback) => {
    callbacks.push(callback)
    port2.postMessage(undefined)
  }
}

/** What the browser says of network and sleep; nothing depends on it. */
function watchPlatform(lightNode: RunningLightNode, signal: AbortSignal): void {
  if (typeof window === 'undefined') return
  window.addEventListener('online', () => lightNode.networkCameBack(), { signal })
  // A phone that was in a pocket may be on another network now.
  document.addEventListener('visibilitychange', () => document.hidden || lightNode.woke(), { signal })
  document.addEventListener('resume', () => lightNode.woke(), { signal })
  window.addEventListener('pageshow', (event) => event.persisted && lightNode.woke(), { signal })
}
