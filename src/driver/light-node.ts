import type { Chain, Head, HeaderRecord, HeaderTree } from '../core/chain.ts'
import type { CoreView, LightNodeCore } from '../core/core.ts'
import type { TransactionProof, VerifiedTransaction } from '../core/content.ts'
import type { AppEffect, ConnectSettled, HeadersSettled } from '../core/effect.ts'
import type { CidPrefix } from '../core/exchange/exchange-message.ts'
import type { Cid, PeerId } from '../core/ids.ts'
import { isRoot, toPeerId } from '../core/ids.ts'
import { createLightNodeCore } from '../core/light-node-core.ts'
import type { Host } from '../host/host.ts'
import type { BlockStore, BlockWrite } from '../store/block-store.ts'
import type { HeaderStore, OpenedStore } from '../store/store.ts'
import type {
  BlockPlace,
  BlockRecord,
  ImportedBlock,
  LightNode,
  LightNodeEventMap,
  Snapshot,
  StoreSnapshot,
  TransactionPlace,
  TransactionRecord,
} from './api.ts'
import { LightNodeError } from './api.ts'
import { BlockRunner } from './block-runner.ts'
import type { Clock } from './clock.ts'
import { ContentAccess } from './content-access.ts'
import type { DebuggedCore } from './debugging.ts'
import { Driver } from './driver.ts'
import { HeadStream } from './head-stream.ts'
import type { Log } from './log.ts'
import { Snapshots } from './snapshots.ts'
import { AGENT } from './version.ts'
import { Wants } from './wants.ts'
import type { WholeBlocks, WholeBlocksOptions } from './whole-blocks.ts'

export interface LightNodeParts {
  readonly chain: Chain
  readonly host: Host
  readonly store: HeaderStore
  /** Why the store is another one than was meant; undefined when it is not. */
  readonly storeReason: string | undefined
  readonly blockStore: BlockStore
  /** Makes a block's CID by hashing it; undefined for an unknown hash function. */
  readonly cidOf: (prefix: CidPrefix, bytes: Uint8Array) => Cid | undefined
  /** Where some peers have blocks whole and speak no block exchange; of a chain with content. */
  readonly createWholeBlocks?: ((options: Omit<WholeBlocksOptions, 'fetch'>) => WholeBlocks) | undefined
  readonly peers: readonly string[]
  readonly maxPeers: number
  /** 32 random bits. */
  readonly seed: number
  readonly isAuthority: boolean
  readonly clock: Clock
  readonly yieldTurn: (callback: () => void) => void
  readonly log: Log
  /** Undefined when the text can be tried; else one line. */
  readonly addressProblem: (address: string) => string | undefined
  /** Puts a checker or a recorder around the core: see `debugging.ts`. */
  readonly debugCore?: ((parts: DebuggedCore) => LightNodeCore) | undefined
  /** Called once `stop` has ended all else. */
  readonly onStopped?: () => Promise<void>
}

interface PendingConnect {
  readonly resolve: (peer: PeerId) => void
  readonly reject: (reason: unknown) => void
}

/** DOM's event target, with the types of our events. */
type LightNodeEventTarget = Pick<LightNode, 'addEventListener' | 'removeEventListener'> &
  Pick<EventTarget, 'dispatchEvent'>
const TypedEventTarget: new () => LightNodeEventTarget = EventTarget as unknown as new () => LightNodeEventTarget

/** The light node that an app holds: the driver's loop on one side, promises and DOM events on the other. */
export class RunningLightNode extends TypedEventTarget implements LightNode {
  readonly chain: Chain
  readonly #parts: LightNodeParts
  readonly #core: LightNodeCore
  readonly #driver: Driver
  readonly #snapshots: Snapshots
  readonly #connects = new Map<number, PendingConnect>()
  /** One for each import under way. */
  readonly #imports = new Map<number, (outcome: HeadersSettled) => void>()
  readonly #readiness = Promise.withResolvers<void>()
  readonly #headStreams = new Set<HeadStream>()
  readonly #wants: Wants
  readonly #content: ContentAccess
  #isReady = false
  #nextToken = 1
  #storeReason: string | undefined
  /** Why the last write failed; undefined once everything is written. */
  #writeProblem: string | undefined
  #stopped: Promise<void> | undefined
  #lastVerifiedMs: number

  constructor(parts: LightNodeParts) {
    super()
    const { chain, host, store, clock, peers, maxPeers, seed, isAuthority, yieldTurn } = parts
    this.#parts = parts
    this.chain = chain
    this.#lastVerifiedMs = clock.now().monotonicMs
    const coreOptions = { ownPeer: host.peerId, agent: AGENT, peers, maxPeers, seed, isAuthority }
    const ownCore = createLightNodeCore({ chain, cidOf: parts.cidOf, ...coreOptions })
    this.#core =
      parts.debugCore?.({
        core: ownCore,
        chain,
        coreOptions: { ...coreOptions, cidOf: parts.cidOf },
        log: parts.log,
      }) ?? ownCore
    const wholeBlocks = this.#wholeBlocks((write) => blocks.put(write))
    const blocks = new BlockRunner({
      store: parts.blockStore,
      clock,
      fetchOutline: wholeBlocks === undefined ? undefined : (root) => wholeBlocks.fetchOutline(root),
      post: (event) => this.#driver.post(event),
      onWarning: (warning) => this.#warn(warning),
    })
    this.#driver = new Driver({
      core: this.#core,
      host,
      store,
      blocks,
      headerSizeBytes: chain.headerSizeBytes,
      clock,
      yieldTurn,
      onEffect: (effect) => this.#onEffect(effect),
      onStoreWritable: (opened) => {
        this.#storeReason = parts.storeReason ?? opened.reason
        this.#snapshots.touchNow()
      },
      onTurn: () => this.#snapshots.touch(),
    })
    this.#snapshots = new Snapshots({
      chain,
      host,
      clock,
      view: () => this.#core.view(),
      exchange: () => this.#core.exchangeView(),
      blockStore: parts.blockStore,
      store: (view) => this.#storeSnapshot(view),
    })
    this.#wants = new Wants((event) => this.#driver.post(event))
    this.#content = new ContentAccess({
      chain,
      tree: this.#core.tree,
      store: parts.blockStore,
      put: (write) => blocks.put(write),
      wants: this.#wants,
      wholeBlocks,
      yieldTurn,
    })
    // Nobody may be waiting when a stop rejects this.
    this.#readiness.promise.catch(() => {})
  }

  #wholeBlocks(put: (write: BlockWrite) => Promise<void>): WholeBlocks | undefined {
    const { chain, clock, createWholeBlocks } = this.#parts
    const { content } = chain
    return content === undefined ? undefined : createWholeBlocks?.({ tree: this.#core.tree, content, put, clock })
  }

  /** Opens store and host. Rejects with `StoreError` or `HostError`; then nothing is left open. */
  async start(): Promise<OpenedStore> {
    const opened = await this.#driver.start()
    this.#storeReason = this.#parts.storeReason ?? opened.reason
    // In a later turn, when whoever waits for this has had the time to listen.
    this.#parts.yieldTurn(() => {
      for (const detail of opened.warnings) this.#warn({ code: 'store-tail-dropped', detail })
    })
    return opened
  }

  get peerId(): PeerId {
    return this.#parts.host.peerId
  }

  get addresses(): readonly string[] {
    return this.#parts.host.addresses
  }

  get head(): Head {
    return this.#core.view().head
  }

  /** Milliseconds since the loop turned last. */
  loopAgeMs(): number {
    return this.#driver.loopAgeMs
  }

  /** Milliseconds since a header was verified last, or since the start. */
  lastVerifiedAgoMs(): number {
    return this.#parts.clock.now().monotonicMs - this.#lastVerifiedMs
  }

  uptimeMs(): number {
    return this.#snapshots.uptimeMs
  }

  /** Headers from our own side: consecutive, whole, judged like any other. */
  submitHeaders(headers: Uint8Array): void {
    this.#driver.post({ type: 'headers-submitted', headers })
  }

  /** The same for an import, which waits for the outcome; for ever once this is stopped. */
  importSlice(headers: Uint8Array): Promise<HeadersSettled> {
    const token = this.#nextToken++
    this.#driver.post({ type: 'headers-submitted', headers, token })
    return new Promise((resolve) => this.#imports.set(token, resolve))
  }

  /** Verified headers, for reading. */
  get tree(): HeaderTree {
    return this.#core.tree
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#parts.yieldTurn(resolve))
  }

  /** The platform says that the network is back; what was connected over another one may be dead, and is probed. */
  networkCameBack(): void {
    this.#driver.post({ type: 'network-online' })
    this.woke()
  }

  /** The platform says that we may have slept. */
  woke(): void {
    this.#driver.post({ type: 'clock-jumped', aheadMs: 0 })
  }

  async ready(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    options.signal?.throwIfAborted()
    this.#checkRunning()
    if (this.#isReady) return
    const { hasTargets, peers } = this.#core.view()
    // A connection that is being closed, as that to a peer of another chain, leads to nobody.
    const isAlone = peers.every(({ state }) => state === 'closing')
    if (!hasTargets && this.#connects.size === 0 && !this.#parts.isAuthority && isAlone) {
      throw new LightNodeError('no-peers', 'expected somebody to connect to, got no peers and no connect under way')
    }
    await orAborted(this.#readiness.promise, options.signal)
  }

  async connect(address: string, options: { readonly signal?: AbortSignal } = {}): Promise<PeerId> {
    options.signal?.throwIfAborted()
    this.#checkRunning()
    const problem = this.#parts.addressProblem(address)
    if (problem !== undefined) throw new LightNodeError('invalid-address', problem)
    const token = this.#nextToken++
    const { promise, resolve, reject } = Promise.withResolvers<PeerId>()
    this.#connects.set(token, { resolve, reject })
    this.#driver.post({ type: 'connect-requested', token, address })
    try {
      return await orAborted(promise, options.signal)
    } finally {
      if (this.#connects.delete(token)) this.#driver.post({ type: 'connect-cancelled', token })
    }
  }

  async disconnect(peer: PeerId | string): Promise<void> {
    this.#checkRunning()
    this.#driver.post({ type: 'disconnect-requested', peer: toPeerId(peer) })
  }

  async getHeader(heightOrRoot: number | string): Promise<HeaderRecord | undefined> {
    if (typeof heightOrRoot === 'number') {
      return Number.isSafeInteger(heightOrRoot) && heightOrRoot >= 0 ? this.#headerAt(heightOrRoot) : undefined
    }
    return isRoot(heightOrRoot) ? this.#core.tree.get(heightOrRoot) : undefined
  }

  #headerAt(height: number): HeaderRecord | undefined {
    const { tree } = this.#core
    const { gap } = tree
    if (gap === undefined || height < gap.fromHeight || height > gap.toHeight) return tree.get(height)
    const coming = `headers ${gap.fromHeight} to ${gap.toHeight} are still to come`
    throw new LightNodeError('not-found', `expected a height that is filled in (${coming}), got ${height}`)
  }

  async getBlock(rootOrHeight: string | number, options: { readonly signal?: AbortSignal } = {}): Promise<BlockRecord> {
    this.#checkRunning()
    return await this.#content.getBlock(rootOrHeight, options.signal)
  }

  async getTransaction(
    place: TransactionPlace,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<TransactionRecord> {
    this.#checkRunning()
    return await this.#content.getTransaction(place, options.signal)
  }

  verifyTransaction(proof: TransactionProof): VerifiedTransaction & BlockPlace {
    return this.#content.verifyTransaction(proof)
  }

  async importBlock(bytes: Uint8Array): Promise<ImportedBlock> {
    this.#checkRunning()
    return await this.#content.importBlock(bytes)
  }

  async has(cid: string): Promise<boolean> {
    this.#checkRunning()
    return await this.#content.has(cid)
  }

  async getBytes(cid: string, options: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array> {
    this.#checkRunning()
    return await this.#content.getBytes(cid, options.signal)
  }

  async putBytes(cid: string, bytes: Uint8Array): Promise<void> {
    this.#checkRunning()
    await this.#content.putBytes(cid, bytes)
  }

  #checkRunning(): void {
    if (this.#stopped !== undefined) throw stoppedError()
  }

  heads(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Head> {
    const stream = new HeadStream({
      first: this.head,
      signal: options.signal,
      onEnd: () => this.#headStreams.delete(stream),
    })
    if (this.#stopped !== undefined) stream.end()
    else if (options.signal?.aborted !== true) this.#headStreams.add(stream)
    return stream
  }

  snapshot(): Snapshot {
    return this.#snapshots.current
  }

  subscribe(callback: () => void): () => void {
    return this.#snapshots.subscribe(callback)
  }

  stop(): Promise<void> {
    if (this.#stopped === undefined) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      // First: a listener that hears of the end may stop us again.
      this.#stopped = promise
      this.#stop().then(resolve, reject)
    }
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Whoever waits is let go at once; what is open is closed, all of it, even where the store fails while closing. */
  async #stop(): Promise<void> {
    const stopping = this.#driver.stop()
    for (const { reject } of this.#connects.values()) reject(stoppedError())
    this.#connects.clear()
    this.#readiness.reject(stoppedError())
    this.#wants.stop(stoppedError())
    for (const stream of [...this.#headStreams]) stream.end()
    try {
      await stopping
    } finally {
      this.#snapshots.stop()
      await this.#parts.onStopped?.()
    }
  }

  #onEffect(effect: AppEffect): void {
    switch (effect.type) {
      case 'head-changed':
        this.#lastVerifiedMs = this.#parts.clock.now().monotonicMs
        for (const stream of this.#headStreams) stream.push(effect.head)
        this.#emit('head', effect.head)
        return
      case 'reorganised':
        this.#emit('reorg', { reverted: effect.reverted, adopted: effect.adopted })
        return
      case 'status-changed': {
        const { status, reason } = effect
        this.#parts.log('status-changed', { status, reason })
        this.#snapshots.touchNow()
        this.#emit('status', { status, reason })
        if ((status === 'synced' || status === 'stale') && !this.#isReady) {
          this.#isReady = true
          this.#readiness.resolve()
        }
        return
      }
      case 'peer-ready':
        this.#snapshots.touchNow()
        this.#parts.log('peer-ready', { peer: effect.peer, agent: effect.agent })
        this.#emit('peer-ready', { peer: effect.peer, agent: effect.agent })
        return
      case 'peer-gone':
        this.#snapshots.touchNow()
        this.#parts.log('peer-gone', { peer: effect.peer, reason: effect.reason })
        this.#emit('peer-gone', { peer: effect.peer, reason: effect.reason })
        return
      case 'connect-settled':
        this.#settle(effect)
        return
      case 'want-failed':
        this.#parts.log('want-failed', { root: effect.root, failure: effect.failure })
        return
      case 'warning':
        if (effect.code === 'quota-exceeded' || effect.code === 'store-write-failed') this.#writeProblem = effect.detail
        this.#warn(effect)
        return
      case 'headers-settled':
        this.#imports.get(effect.token)?.(effect)
        this.#imports.delete(effect.token)
        return
      case 'want-settled':
      case 'outline-settled':
        this.#wants.settled(effect)
    }
  }

  #warn({ code, detail }: LightNodeEventMap['warning']): void {
    this.#parts.log('warning', { code, detail })
    this.#emit('warning', { code, detail })
  }

  #settle({ token, outcome }: ConnectSettled): void {
    const pending = this.#connects.get(token)
    this.#connects.delete(token)
    if (outcome.type === 'ready') pending?.resolve(outcome.peer)
    else pending?.reject(new LightNodeError(outcome.code, outcome.detail))
  }

  #emit<Type extends keyof LightNodeEventMap>(type: Type, detail: LightNodeEventMap[Type]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }

  #storeSnapshot({ storedHeaderCount, head }: CoreView): Pick<StoreSnapshot, 'kind' | 'reason' | 'sizeBytes'> {
    const { store } = this.#parts
    if (storedHeaderCount > head.height) this.#writeProblem = undefined
    return { kind: store.kind, reason: this.#writeProblem ?? this.#storeReason, sizeBytes: store.sizeBytes }
  }
}

export function stoppedError(): LightNodeError {
  return new LightNodeError('stopped', 'this light node was stopped')
}

/** The promise's outcome, or the signal's reason if that comes first. */
async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return await promise
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
