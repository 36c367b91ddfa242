import type { Chain, HeaderSummary, HeaderTree } from '../core/chain.ts'
import type { HeadersSettled } from '../core/effect.ts'
import type { Root } from '../core/ids.ts'
import { HEADERS_PER_SLICE } from '../core/limits.ts'
import { onAbort } from './abort-callbacks.ts'
import { LightNodeError, type HeaderSource, type ImportHeaders, type LightNode } from './api.ts'
import { faultLine, faultOfGenesis, faultOfStop, sizeProblem, type HeaderFault } from './header-fault.ts'
import { RunningLightNode, stoppedError } from './light-node.ts'

/** Headers in one chunk of an export: a file's writer should not be asked for crumbs. */
const HEADERS_PER_CHUNK = 2_016

/** Waits for a promise, or for the signal or the stop that comes first. */
type Race = <Value>(promise: Promise<Value>) => Promise<Value>

/** As `ImportHeaders` says. */
export const importHeaders: ImportHeaders = async (lightNode, source, options = {}) => {
  const running = asRunning(lightNode)
  const { race, end } = racing(running, options.signal)
  try {
    // While there is a gap only its back-fill, which is soon done, connects below it. Whether there is one is known when all
    // that is stored has been read.
    await until(running, () => running.tree.gap === undefined && running.head.trust !== 'stored', race)
    const { last, headerCount, addedCount } = await verifyAll({ running, source, race, onProgress: options.onProgress })
    if (last === undefined) throw invalid(sizeProblem(0, running.chain.headerSizeBytes))
    const reason = (): string | undefined => running.snapshot().store.reason
    await until(running, () => isStored(running, last) || reason() !== undefined, race)
    if (!isStored(running, last)) {
      throw new LightNodeError('store-unavailable', `all headers are verified and in use, but not stored: ${reason()}`)
    }
    return { headerCount, addedCount, last, isOnBestChain: running.tree.get(last.root)?.isOnBestChain === true }
  } finally {
    end()
  }
}

/** As `ExportHeaders` says. */
export async function* exportHeaders(
  lightNode: LightNode,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, undefined> {
  const running = asRunning(lightNode)
  const { chain, tree } = running
  const { race, end } = racing(running, options.signal)
  try {
    await until(running, () => running.snapshot().head.trust === chain.trustWhenVerified, race)
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
      await race(running.nextTurn())
    }
  } finally {
    end()
  }
}

function asRunning(lightNode: LightNode): RunningLightNode {
  if (lightNode instanceof RunningLightNode) return lightNode
  throw new LightNodeError('invalid-option', 'expected a light node that createLightNode has made, got something else')
}

async function verifyAll(args: {
  readonly running: RunningLightNode
  readonly source: HeaderSource
  readonly race: Race
  readonly onProgress: ((headerCount: number) => void) | undefined
}): Promise<FileChain> {
  const { running, source, race, onProgress } = args
  const { chain, tree } = running
  if (source instanceof Blob) assertWhole(chain, source.size)
  else if (source instanceof Uint8Array) assertWhole(chain, source.length)
  const batches = batchesOf(source, HEADERS_PER_SLICE * chain.headerSizeBytes)
  const file = new FileChain(chain, tree)
  try {
    for (;;) {
      const { done, value: headers } = await race(batches.next())
      if (done === true) return file
      // The last one alone can be torn.
      if (headers.length % chain.headerSizeBytes !== 0) {
        assertWhole(chain, file.headerCount * chain.headerSizeBytes + headers.length)
      }
      const fault = file.faultBefore(headers) ?? file.faultAfter(headers, await race(running.importSlice(headers)))
      if (fault !== undefined) throw invalid(faultLine(fault))
      onProgress?.(file.headerCount)
    }
  } finally {
    void batches.return(undefined).catch(() => {})
  }
}

/** A side branch is kept in memory alone, until it has the most work. */
function isStored(running: RunningLightNode, { root, height }: HeaderSummary): boolean {
  const isOnBestChain = running.tree.get(root)?.isOnBestChain === true
  return !isOnBestChain || running.snapshot().store.headerCount > height
}

function assertWhole({ headerSizeBytes }: Chain, sizeBytes: number): void {
  const problem = sizeProblem(sizeBytes, headerSizeBytes)
  if (problem !== undefined) throw invalid(problem)
}

function invalid(message: string | undefined): LightNodeError {
  return new LightNodeError('invalid-headers', message ?? '')
}

/** Ends with the signal, and with the light node. */
function racing(
  running: RunningLightNode,
  signal: AbortSignal | undefined,
): { readonly race: Race; readonly end: () => void } {
  signal?.throwIfAborted()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  // Nobody may be waiting just then.
  ended.catch(() => {})
  const lookForStop = (): void => {
    if (running.snapshot().status === 'stopped') reject(stoppedError())
  }
  lookForStop()
  const forgetStop = running.subscribe(lookForStop)
  const forgetAbort = onAbort(signal, () => reject(signal?.reason))
  const end = (): void => {
    forgetStop()
    forgetAbort()
  }
  return { race: (promise) => Promise.race([ended, promise]), end }
}

/** Looks again after each change of the snapshot. */
async function until(running: RunningLightNode, isSo: () => boolean, race: Race): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = (): void => {
    if (isSo()) resolve()
  }
  const forget = running.subscribe(look)
  look()
  try {
    await race(promise)
  } finally {
    forget()
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
