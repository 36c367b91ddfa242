import type { Chain, HeaderTree } from '../core/chain.ts'
import type {
  AssembledBlock,
  BlockParts,
  BlockPieces,
  ChainContent,
  TransactionProof,
  VerifiedTransaction,
} from '../core/content.ts'
import { ContentError } from '../core/content.ts'
import type { Cid, Root } from '../core/ids.ts'
import { isRoot } from '../core/ids.ts'
import { BLOCK_BYTES_MAX } from '../core/limits.ts'
import type { BlockStore, BlockWrite } from '../store/block-store.ts'
import { StoreError } from '../store/store.ts'
import { toCid } from '../wire/cid.ts'
import { WireError } from '../wire/wire-error.ts'
import { onAbort } from './abort-callbacks.ts'
import type { BlockRecord, BlockPlace, ImportedBlock, TransactionPlace, TransactionRecord } from './api.ts'
import { LightNodeError } from './api.ts'
import { notInTime, type Wants } from './wants.ts'
import type { WholeBlocks } from './whole-blocks.ts'

export interface ContentAccessOptions {
  readonly chain: Chain
  readonly tree: HeaderTree
  readonly store: BlockStore
  /** Writes and tells the core, so that the peers that wait for these blocks get them. */
  readonly put: (write: BlockWrite) => Promise<void>
  readonly wants: Wants
  /** Undefined where every peer speaks block exchange. */
  readonly wholeBlocks?: WholeBlocks | undefined
  readonly yieldTurn: (callback: () => void) => void
}

/** An outline, whether it came from a peer just now and is not kept yet, and what came with it. */
interface FoundOutline {
  readonly outline: Uint8Array
  readonly isNew: boolean
  readonly nodes?: BlockParts['nodes']
}

/** Blocks and their parts for the app: from the header tree, from the store, or from peers by way of the core. */
export class ContentAccess {
  readonly #options: ContentAccessOptions

  constructor(options: ContentAccessOptions) {
    this.#options = options
  }

  /** Asks nobody. */
  async has(text: string): Promise<boolean> {
    const cid = checkedCid(text)
    if (this.#headerOf(cid) !== undefined) return true
    const [sizeBytes] = await this.#stored(this.#options.store.sizes([cid]))
    return sizeBytes !== undefined
  }

  async getBytes(text: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const cid = checkedCid(text)
    signal?.throwIfAborted()
    const known = this.#headerOf(cid) ?? (await this.#read([cid]))[0]
    return ownCopy(known ?? ((await this.#options.wants.blocks([cid], signal))[0] as Uint8Array))
  }

  async putBytes(text: string, bytes: Uint8Array): Promise<void> {
    const cid = checkedCid(text)
    checkBytes(bytes)
    if (bytes.length > BLOCK_BYTES_MAX) {
      throw new LightNodeError('block-too-large', `expected at most ${BLOCK_BYTES_MAX} bytes, got ${bytes.length}`)
    }
    await this.#put({ blocks: [{ cid, bytes: ownCopy(bytes) }] })
  }

  /** Takes a block apart and keeps its parts, pinned, so that peers can have them. */
  async importBlock(bytes: Uint8Array): Promise<ImportedBlock> {
    checkBytes(bytes)
    // Its parts are views of it.
    const parts = judged(() => this.#content.takeApart(ownCopy(bytes)))
    const { root, outline, transactionCount } = parts
    const headerCid = this.#content.headerCid(root)
    const isInTree = this.#options.tree.has(root)
    const blocks = isInTree ? parts.nodes.filter(({ cid }) => cid !== headerCid) : parts.nodes
    await this.#put({ blocks, outline: { root, bytes: outline }, pin: root })
    return { ...this.#placeOf(root), transactionCount, sizeBytes: bytes.length }
  }

  async getBlock(rootOrHeight: string | number, signal: AbortSignal | undefined): Promise<BlockRecord> {
    const root = this.#rootOf(rootOrHeight)
    const found = await this.#outlineOf(root, signal)
    const { outline } = found
    await this.#nextTurn()
    const cids = this.#content.wantedCids(outline)
    const wanted = cids.filter((cid) => cid !== undefined)
    const fetched = await this.#getParts({ root, found, cids: wanted, signal })
    let next = 0
    const parts = cids.map((cid) => (cid === undefined ? undefined : fetched[next++]))
    const assembled = await this.#assemble({ outline, parts })
    await this.#keep(root, found)
    return { ...this.#placeOf(root), ...assembled }
  }

  async getTransaction(place: TransactionPlace, signal: AbortSignal | undefined): Promise<TransactionRecord> {
    checkPlace(place)
    const content = this.#content
    const root = this.#rootOf(place.block)
    const found = await this.#outlineOf(root, signal)
    const { outline } = found
    const which = 'txid' in place ? checkedRoot(place.txid, 'a transaction id') : place.index
    const index = content.indexOf(outline, which)
    if (index === undefined) throw new LightNodeError('not-found', `block ${root} has no transaction ${which}`)
    const cid = content.wantedCids(outline)[index]
    const part = cid === undefined ? undefined : (await this.#getParts({ root, found, cids: [cid], signal }))[0]
    const proof = judged(() => content.prove({ outline, index, part }))
    await this.#keep(root, found)
    return { ...this.verifyTransaction(proof), proof }
  }

  verifyTransaction(proof: TransactionProof): VerifiedTransaction & BlockPlace {
    const verified = judged(() => this.#content.verifyProof(proof))
    return { ...verified, ...this.#placeOf(verified.blockRoot) }
  }

  get #content(): ChainContent {
    const { id, content } = this.#options.chain
    if (content !== undefined) return content
    throw new LightNodeError('invalid-option', `expected a chain that says what its blocks hold, got ${id}`)
  }

  #placeOf(root: Root): BlockPlace {
    const record = this.#options.tree.get(root)
    return { root, height: record?.height, isOnBestChain: record?.isOnBestChain ?? false }
  }

  /** A block as an error calls it: somebody asked for its root or its height, and knows of no CID. */
  #nameOf(root: Root): string {
    const { height } = this.#placeOf(root)
    return height === undefined ? `block ${root}` : `block ${root} (height ${height})`
  }

  #rootOf(rootOrHeight: string | number): Root {
    if (typeof rootOrHeight === 'string') return checkedRoot(rootOrHeight, 'a block root')
    const isHeight = Number.isSafeInteger(rootOrHeight) && rootOrHeight >= 0
    const summary = isHeight ? this.#options.tree.summary(rootOrHeight) : undefined
    if (summary !== undefined) return summary.root
    throw new LightNodeError('not-found', `no header is known at height ${rootOrHeight}`)
  }

  #headerOf(cid: Cid): Uint8Array | undefined {
    const root = this.#options.chain.content?.headerRootOf(cid)
    return root === undefined ? undefined : this.#options.tree.get(root)?.bytes
  }

  /** From the store, else from a peer that serves outlines, else found by walking the block's trees by CID. */
  async #outlineOf(root: Root, signal: AbortSignal | undefined): Promise<FoundOutline> {
    signal?.throwIfAborted()
    const { store, wants } = this.#options
    const stored = await this.#stored(store.readOutline(root))
    if (stored !== undefined && this.#content.checkOutline({ root, outline: stored }) === undefined) {
      return { outline: stored, isNew: false }
    }
    const outline = await wants.outline(root, signal)
    if (outline !== undefined) return { outline, isNew: true }
    return (await this.#fetchWhole(root, signal)) ?? { outline: await this.#walk(root, signal), isNew: true }
  }

  /** From a peer that gives blocks whole, which keeps them here; undefined where there is none. */
  async #fetchWhole(root: Root, signal: AbortSignal | undefined): Promise<FoundOutline | undefined> {
    const { wholeBlocks } = this.#options
    if (wholeBlocks === undefined) return undefined
    const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
    const endAbort = onAbort(signal, () => resolve(undefined))
    try {
      const block = await Promise.race([wholeBlocks.fetch(root), aborted])
      if (signal?.aborted === true)
        throw notInTime(this.#nameOf(root), 'peers that have blocks whole were asked', signal)
      return block === undefined ? undefined : { outline: block.outline, isNew: false, nodes: block.nodes }
    } finally {
      endAbort()
    }
  }

  /** Of one block. Where they do not come the whole of it is fetched, if anybody gives it. */
  async #getParts(args: {
    readonly root: Root
    readonly found: FoundOutline
    readonly cids: readonly Cid[]
    readonly signal: AbortSignal | undefined
  }): Promise<readonly Uint8Array[]> {
    const { root, found, cids, signal } = args
    if (found.nodes !== undefined) {
      const nodes = new Map(found.nodes.map(({ cid, bytes }) => [cid, bytes]))
      return cids.map((cid) => nodes.get(cid) as Uint8Array)
    }
    const endLater = this.#options.wholeBlocks?.fetchLater(root)
    try {
      return await this.#getAll(cids, signal, this.#nameOf(root))
    } finally {
      endLater?.()
    }
  }

  async #walk(root: Root, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const walk = judged(() => this.#content.walk(root))
    for (let cids = walk.next(); cids.length > 0; cids = walk.next()) {
      const nodes = await this.#getAll(cids, signal, this.#nameOf(root))
      judged(() => walk.add(nodes))
    }
    return judged(() => walk.outline())
  }

  /** In order; what is not here is wanted all at once. `whole` is what they are parts of, as an error calls it. */
  async #getAll(cids: readonly Cid[], signal: AbortSignal | undefined, whole?: string): Promise<readonly Uint8Array[]> {
    signal?.throwIfAborted()
    const blocks = new Map<Cid, Uint8Array>()
    for (const cid of cids) {
      const header = this.#headerOf(cid)
      if (header !== undefined) blocks.set(cid, header)
    }
    const unknown = [...new Set(cids)].filter((cid) => !blocks.has(cid))
    const stored = unknown.length === 0 ? [] : await this.#read(unknown)
    stored.forEach((bytes, index) => bytes !== undefined && blocks.set(unknown[index] as Cid, bytes))
    const missing = unknown.filter((cid) => !blocks.has(cid))
    const fetched = await this.#options.wants.blocks(missing, signal, whole)
    fetched.forEach((bytes, index) => blocks.set(missing[index] as Cid, bytes))
    return cids.map((cid) => blocks.get(cid) as Uint8Array)
  }

  /** Each slice in a turn of its own. */
  async #assemble(pieces: BlockPieces): Promise<AssembledBlock> {
    const assembly = this.#content.assemble(pieces)
    for (;;) {
      await this.#nextTurn()
      const step = judged(() => assembly.next())
      if (step.done === true) return step.value
    }
  }

  /** What comes next takes milliseconds, and so did what a peer's answer set off just now. */
  async #nextTurn(): Promise<void> {
    await new Promise<void>((resolve) => this.#options.yieldTurn(resolve))
  }

  /** A block that was fetched can be had from here; that it is kept is no promise. */
  async #keep(root: Root, { outline, isNew }: FoundOutline): Promise<void> {
    if (!isNew) return
    await this.#put({ blocks: [], outline: { root, bytes: outline } }).catch((error: unknown) => {
      if (!(error instanceof LightNodeError)) throw error
    })
  }

  #read(cids: readonly Cid[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#stored(this.#options.store.read({ cids, bytesMax: Infinity }))
  }

  async #put(write: BlockWrite): Promise<void> {
    await this.#stored(this.#options.put(write))
    this.#options.wants.put(write.blocks)
  }

  /** The store's failure as the app's error. One that was closed by our stop says so. */
  async #stored<Value>(outcome: Promise<Value>): Promise<Value> {
    try {
      return await outcome
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      if (this.#options.wants.stopped !== undefined) throw this.#options.wants.stopped
      const { code } = error
      const isOurs = code === 'quota-exceeded' || code === 'hash-mismatch' || code === 'unknown-hash'
      throw new LightNodeError(isOurs ? code : 'store-unavailable', error.message, { cause: error })
    }
  }
}

/** What is stored and served must not change. No `slice`: that of a Node.js `Buffer` is a view. */
function ownCopy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function checkedCid(text: string): Cid {
  if (typeof text !== 'string') throw new LightNodeError('invalid-cid', `expected a CID as text, got ${typeof text}`)
  try {
    return toCid(text)
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause
    throw new LightNodeError('invalid-cid', cause.message, { cause })
  }
}

function checkBytes(bytes: unknown): void {
  if (bytes instanceof Uint8Array) return
  throw new LightNodeError('invalid-option', `expected bytes as a Uint8Array, got ${kindOf(bytes)}`)
}

function checkPlace(place: unknown): void {
  const expected = 'expected { block, index } or { block, txid }'
  if (typeof place !== 'object' || place === null) {
    throw new LightNodeError('invalid-option', `${expected}, got ${kindOf(place)}`)
  }
  if ('txid' in place) return
  if ('index' in place && typeof place.index === 'number') return
  const got = 'index' in place ? `an index that is ${kindOf(place.index)}` : 'neither index nor txid'
  throw new LightNodeError('invalid-option', `${expected}, got ${got}`)
}

/** What a value is, in a word or two. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`
}

function checkedRoot(text: unknown, what: string): Root {
  if (typeof text === 'string' && isRoot(text)) return text
  const got = JSON.stringify(String(text).slice(0, 80))
  throw new LightNodeError('not-found', `expected ${what} of 64 lower-case hex digits, got ${got}`)
}

/** The chain's verdict as the app's error. */
function judged<Value>(judge: () => Value): Value {
  try {
    return judge()
  } catch (error) {
    if (!(error instanceof ContentError)) throw error
    const code = error.code === 'invalid-outline' ? 'invalid-block' : error.code
    throw new LightNodeError(code, `${error.step}: ${error.message}`, { cause: error })
  }
}
