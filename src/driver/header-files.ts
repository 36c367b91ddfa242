import type { Chain, HeaderSummary, HeaderTree } from '../core/chain.ts'
import type { HeadersSettled } from '../core/effect.ts'
import type { HeadersSubmitted } from '../core/event.ts'
import type { Root } from '../core/ids.ts'
import { HEADERS_PER_SLICE } from '../core/limits.ts'
import { onAbort } from './abort-callbacks.ts'
import { LightNodeError, type HeaderSource, type ImportedHeaders, type Snapshot } from './api.ts'
import { faultLine, faultOfGenesis, faultOfStop, sizeProblem, type HeaderFault } from './header-fault.ts'

/** Headers in one chunk of an export: a file's writer should not be asked for crumbs. */
const HEADERS_PER_CHUNK = 2_016

export interface HeaderFilesOptions {
  readonly chain: Chain
  readonly tree: HeaderTree
  readonly post: (event: HeadersSubmitted) => void
  readonly snapshot: () => Snapshot
  readonly subscribe: (callback: () => void) => () => void
  readonly yieldTurn: (callback: () => void) => void
}

/** Waits for a promise, or for the signal or the stop that comes first. */
type Race = <Value>(promise: Promise<Value>) => Promise<Value>

/** Headers as files: in through the same verification as all others, out from the best chain. */
export class HeaderFiles {
  readonly #options: HeaderFilesOptions
  /** One for each import under way. */
  readonly #settle = new Map<number, (outcome: HeadersSettled) => void>()
  /** What ends the imports and exports under way. */
  readonly #ends = new Set<(reason: unknown) => void>()
  #nextToken = 1

  constructor(options: HeaderFilesOptions) {
    this.#options = options
  }

  settled(effect: HeadersSettled): void {
    this.#settle.get(effect.token)?.(effect)
    this.#settle.delete(effect.token)
  }

  stop(error: LightNodeError): void {
    for (const end of this.#ends) end(error)
  }

  async import(
    source: HeaderSource,
    options: { readonly signal?: AbortSignal; readonly onProgress?: (headerCount: number) => void },
  ): Promise<ImportedHeaders> {
    const { race, end } = this.#racing(options.signal)
    try {
      return await this.#import({ source, race, onProgress: options.onProgress })
    } finally {
      end()
    }
  }

  async *export(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, undefined> {
    const { chain, tree, snapshot, yieldTurn } = this.#options
    const { race, end } = this.#racing(signal)
    try {
      await this.#until(() => snapshot().head.trust === chain.trustWhenVerified, race)
      let parent: Root | undefined
      for (let fromHeight = 0; ;) {
        const headers = tree.range({ fromHeight, count: HEADERS_PER_CHUNK })
        if (headers.length === 0) return
        const found = tree.inspect(headers)
        if (parent !== undefined && found.parent !== parent) {
          throw new LightNodeError('not-found', `the best chain changed below height ${fromHeight} during the export`)
        }
        parent = found.last
        fromHeight += found.count
        yield headers
        await race(new Promise<void>((resolve) => yieldTurn(resolve)))
      }
    } finally {
      end()
    }
  }

  async #import(args: {
    readonly source: HeaderSource
    readonly race: Race
    readonly onProgress: ((headerCount: number) => void) | undefined
  }): Promise<ImportedHeaders> {
    const { source, race, onProgress } = args
    const { chain, tree, snapshot } = this.#options
    if (source instanceof Blob) this.#assertWhole(source.size)
    else if (source instanceof Uint8Array) this.#assertWhole(source.length)
    const batches = batchesOf(source, HEADERS_PER_SLICE * chain.headerSizeBytes)
    const file = new FileChain(chain, tree)
    try {
      for (;;) {
        const { done, value: headers } = await race(batches.next())
        if (done === true) break
        // The last one alone can be torn.
        if (headers.length % chain.headerSizeBytes !== 0) {
          this.#assertWhole(file.headerCount * chain.headerSizeBytes + headers.length)
        }
        const fault = file.faultBefore(headers) ?? file.faultAfter(headers, await race(this.#submit(headers)))
        if (fault !== undefined) throw new LightNodeError('invalid-headers', faultLine(fault))
        onProgress?.(file.headerCount)
      }
    } finally {
      void batches.return(undefined).catch(() => {})
    }
    const { last, headerCount, addedCount } = file
    if (last === undefined) throw new LightNodeError('invalid-headers', sizeProblem(0, chain.headerSizeBytes) ?? '')
    const isSettled = (): boolean => this.#isStored(last) || snapshot().store.reason !== undefined
    await this.#until(isSettled, race)
    const { reason } = snapshot().store
    if (!this.#isStored(last)) {
      throw new LightNodeError('store-unavailable', `all headers are verified and in use, but not stored: ${reason}`)
    }
    return { headerCount, addedCount, last, isOnBestChain: tree.get(last.root)?.isOnBestChain === true }
  }

  /** A side branch is kept in memory alone, until it has the most work. */
  #isStored({ root, height }: HeaderSummary): boolean {
    const isOnBestChain = this.#options.tree.get(root)?.isOnBestChain === true
    return !isOnBestChain || this.#options.snapshot().store.headerCount > height
  }

  #assertWhole(sizeBytes: number): void {
    const problem = sizeProblem(sizeBytes, this.#options.chain.headerSizeBytes)
    if (problem !== undefined) throw new LightNodeError('invalid-headers', problem)
  }

  #submit(headers: Uint8Array): Promise<HeadersSettled> {
    const token = this.#nextToken++
    return new Promise((resolve) => {
      this.#settle.set(token, resolve)
      this.#options.post({ type: 'headers-submitted', headers, token })
    })
  }

  #racing(signal: AbortSignal | undefined): { readonly race: Race; readonly end: () => void } {
    signal?.throwIfAborted()
    const { promise: ended, reject } = Promise.withResolvers<never>()
    // Nobody may be waiting just then.
    ended.catch(() => {})
    this.#ends.add(reject)
    const forget = onAbort(signal, () => reject(signal?.reason))
    const end = (): void => {
      this.#ends.delete(reject)
      forget()
    }
    return { race: (promise) => Promise.race([ended, promise]), end }
  }

  /** Looks again after each change of the snapshot. */
  async #until(isSo: () => boolean, race: Race): Promise<void> {
    if (isSo()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const forget = this.#options.subscribe(() => isSo() && resolve())
    try {
      await race(promise)
    } finally {
      forget()
    }
  }
}

/** How far a file is verified. Its headers are one chain: the tree would take a header of any known parent. */
class FileChain {
  headerCount = 0
  addedCount = 0
  /** Undefined before the first header. */
  last: HeaderSummary | undefined
  readonly #chain: Chain
  readonly #tree: HeaderTree

  constructor(chain: Chain, tree: HeaderTree) {
    this.#chain = chain
    this.#tree = tree
  }

  /** What is wrong with where these headers begin. */
  faultBefore(headers: Uint8Array): HeaderFault | undefined {
    const { parent } = this.#tree.inspect(headers)
    if (this.last !== undefined) {
      if (parent === this.last.root) return undefined
      const message = `expected the parent ${this.last.root}, got ${parent}`
      return { index: this.headerCount, height: this.last.height + 1, rule: 'parent', message }
    }
    const first = this.#tree.rootOf(headers.subarray(0, this.#chain.headerSizeBytes))
    // A first header of a chain names no parent.
    return /[^0]/.test(parent) || first === this.#chain.genesis ? undefined : faultOfGenesis(this.#chain, first)
  }

  /** What verification found; without a fault they are counted. */
  faultAfter(headers: Uint8Array, { stop, addedCount }: HeadersSettled): HeaderFault | undefined {
    const { parent, last, count } = this.#tree.inspect(headers)
    const before = this.last?.height ?? this.#tree.summary(parent)?.height
    if (before === undefined && /[^0]/.test(parent)) {
      const message = `expected it to follow a header of ${this.#chain.id} that is held here (heights 0 to ${this.#tree.tip.height}), got the parent ${parent}`
      return { index: 0, height: undefined, rule: 'parent', message }
    }
    if (stop !== undefined) {
      return faultOfStop({ stop, firstIndex: this.headerCount, firstHeight: (before ?? -1) + 1 })
    }
    this.headerCount += count
    this.addedCount += addedCount
    this.last = this.#tree.summary(last)
    return undefined
  }
}

/** Copies, as the core owns what it is given; each but the last is full. */
async function* batchesOf(source: HeaderSource, sizeBytes: number): AsyncGenerator<Uint8Array, undefined> {
  let batch = new Uint8Array(sizeBytes)
  let filledBytes = 0
  for await (const chunk of chunksOf(source)) {
    for (let offset = 0; offset < chunk.length;) {
      const part = chunk.subarray(offset, offset + sizeBytes - filledBytes)
      batch.set(part, filledBytes)
      offset += part.length
      filledBytes += part.length
      if (filledBytes < sizeBytes) continue
      yield batch
      batch = new Uint8Array(sizeBytes)
      filledBytes = 0
    }
  }
  if (filledBytes > 0) yield batch.subarray(0, filledBytes)
}

const BLOB_CHUNK_BYTES: number = 1024 * 1024

async function* chunksOf(source: HeaderSource): AsyncGenerator<Uint8Array, undefined> {
  if (source instanceof Uint8Array) yield source
  else if (source instanceof Blob) {
    for (let offset = 0; offset < source.size; offset += BLOB_CHUNK_BYTES) {
      yield new Uint8Array(await source.slice(offset, offset + BLOB_CHUNK_BYTES).arrayBuffer())
    }
  } else yield* source
}
