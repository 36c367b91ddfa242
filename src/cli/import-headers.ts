import type { Chain, HeaderStore, HeaderSummary, HeaderTree } from '../nodejs.ts'
import { chainOfGenesis } from './chain-option.ts'
import { CommandError } from './command-error.ts'
import { faultError, faultOfStop } from './header-fault.ts'
import { HEADERS_PER_CHUNK } from './header-file.ts'

/** What became of a file's headers; `imported` + `skipped` is all of them. */
export interface ImportOutcome {
  readonly imported: number
  readonly skipped: number
  /** Stored headers that gave way to a chain with more work. */
  readonly reverted: number
  /** The file leaves the stored chain and has no more work than it: nothing was written. */
  readonly keptStored: boolean
  /** The store's head afterwards. */
  readonly head: HeaderSummary
}

/**
 * Verifies all of a file in memory, then writes what is new; until then the store is only read.
 * Resolves when it is on disk. Throws `CommandError` 1 at the first bad header.
 */
export async function importHeaders(args: {
  readonly chain: Chain
  readonly store: HeaderStore
  readonly storedCount: number
  readonly path: string
  readonly chunks: AsyncIterable<Uint8Array>
  readonly nowUnixMs: number
  readonly onProgress: (headerCount: number) => void
}): Promise<ImportOutcome> {
  const { chain, store, storedCount } = args
  const stored = await loadStored(args)
  const file = new FileChain({ chain, stored, path: args.path, nowUnixMs: args.nowUnixMs })
  for await (const chunk of args.chunks) {
    file.add(chunk)
    args.onProgress(chunk.length / chain.headerSizeBytes)
  }

  const { tree, commonHeight } = file
  const isFork = tree !== stored
  if (isFork && tree.tip.work <= stored.tip.work) {
    return { imported: 0, skipped: file.headerCount, reverted: 0, keptStored: true, head: stored.tip }
  }
  const fromHeight = isFork ? commonHeight + 1 : storedCount
  // An empty store is given genesis too, which the file need not hold.
  const imported = Math.min(tree.tip.height + 1 - fromHeight, file.headerCount)
  await writeBest({ store, tree, fromHeight, inOneCommit: isFork })
  return {
    imported,
    skipped: file.headerCount - imported,
    reverted: isFork ? stored.tip.height - commonHeight : 0,
    keptStored: false,
    head: tree.tip,
  }
}

/** Reads the store into a tree, verifying it again on the way. */
async function loadStored(args: {
  readonly chain: Chain
  readonly store: HeaderStore
  readonly storedCount: number
  readonly nowUnixMs: number
}): Promise<HeaderTree> {
  const { chain, store, storedCount, nowUnixMs } = args
  const tree = chain.createTree()
  // Row 0 is genesis, which the tree brings along; the store was opened for it.
  for (let fromHeight = 1; fromHeight < storedCount; fromHeight += HEADERS_PER_CHUNK) {
    const headers = await store.read({ fromHeight, count: Math.min(HEADERS_PER_CHUNK, storedCount - fromHeight) })
    const count = headers.length / chain.headerSizeBytes
    const { stop } = tree.add({ headers, index: 0, count, nowUnixMs })
    if (stop !== undefined) {
      const fault = faultOfStop({ stop, firstIndex: fromHeight, firstHeight: fromHeight })
      throw new CommandError(2, `the stored header of height ${fault.height} is bad: ${fault.message}`)
    }
  }
  return tree
}

/** A file's headers laid over the stored chain: first what both have, then what only the file has. */
class FileChain {
  /** The stored tree, or one of its own from where the file left the stored chain. */
  tree: HeaderTree
  /** Up to here the file and the store are the same. */
  commonHeight = 0
  headerCount = 0
  readonly #chain: Chain
  readonly #stored: HeaderTree
  readonly #storedHeight: number
  readonly #path: string
  readonly #nowUnixMs: number
  #nextHeight = 0

  constructor(args: {
    readonly chain: Chain
    readonly stored: HeaderTree
    readonly path: string
    readonly nowUnixMs: number
  }) {
    this.#chain = args.chain
    this.#stored = args.stored
    this.#storedHeight = args.stored.tip.height
    this.#path = args.path
    this.#nowUnixMs = args.nowUnixMs
    this.tree = args.stored
  }

  /** Throws `CommandError` 1 at the first header that breaks a rule. */
  add(chunk: Uint8Array): void {
    const size = this.#chain.headerSizeBytes
    if (this.headerCount === 0) this.#nextHeight = this.#findStart(chunk.subarray(0, size))
    const shared = this.tree === this.#stored ? this.#sharedCount(chunk) : 0
    if (shared > 0) this.commonHeight = this.#nextHeight + shared - 1
    const count = chunk.length / size
    if (shared < count) {
      const isFork = this.tree === this.#stored && this.#nextHeight + shared <= this.#storedHeight
      if (isFork) this.tree = this.#copyStored(this.#nextHeight + shared - 1)
      this.#verify({ chunk, index: shared, count: count - shared })
    }
    this.headerCount += count
    this.#nextHeight += count
  }

  /** The height of the file's first header. */
  #findStart(header: Uint8Array): number {
    const root = this.#stored.rootOf(header)
    if (root === this.#chain.genesis) return 0
    const other = chainOfGenesis(root)
    const { parent } = this.#stored.inspect(header)
    const before = this.#stored.summary(parent)
    if (before !== undefined && other === undefined) {
      this.commonHeight = before.height
      return before.height + 1
    }
    throw new CommandError(
      1,
      other === undefined
        ? `${this.#path}: header 0 (height unknown) breaks the rule parent: expected it to follow a stored header of ${this.#chain.id} (heights 0 to ${this.#storedHeight}), got the parent ${parent}`
        : `${this.#path}: header 0 (height 0) breaks the rule genesis: wrong chain: expected the genesis of ${this.#chain.id} (${this.#chain.genesis}), got the genesis of ${other} (${root})`,
    )
  }

  /** How many headers at the start of a chunk are stored already, byte for byte. */
  #sharedCount(chunk: Uint8Array): number {
    const size = this.#chain.headerSizeBytes
    const stored =
      this.#nextHeight > this.#storedHeight
        ? new Uint8Array(0)
        : this.#stored.range({
            fromHeight: this.#nextHeight,
            count: Math.min(chunk.length / size, this.#storedHeight + 1 - this.#nextHeight),
          })
    const different = stored.findIndex((byte, offset) => byte !== chunk[offset])
    return different === -1 ? stored.length / size : Math.floor(different / size)
  }

  #copyStored(upToHeight: number): HeaderTree {
    const tree = this.#chain.createTree()
    for (let fromHeight = 1; fromHeight <= upToHeight; fromHeight += HEADERS_PER_CHUNK) {
      const headers = this.#stored.range({
        fromHeight,
        count: Math.min(HEADERS_PER_CHUNK, upToHeight + 1 - fromHeight),
      })
      tree.add({ headers, index: 0, count: headers.length / this.#chain.headerSizeBytes, nowUnixMs: this.#nowUnixMs })
    }
    return tree
  }

  #verify(args: { readonly chunk: Uint8Array; readonly index: number; readonly count: number }): void {
    const size = this.#chain.headerSizeBytes
    const headers = args.chunk.subarray(args.index * size)
    const at = { firstIndex: this.headerCount + args.index, firstHeight: this.#nextHeight + args.index }
    // The tree would take a header of any known parent; a file is one chain.
    const { parent } = this.tree.inspect(headers.subarray(0, size))
    const before = this.tree.tip
    if (parent !== before.root) {
      const message = `expected the parent ${before.root}, got ${parent}`
      throw faultError(this.#path, { index: at.firstIndex, height: at.firstHeight, rule: 'parent', message })
    }
    const { stop } = this.tree.add({ headers, index: 0, count: args.count, nowUnixMs: this.#nowUnixMs })
    if (stop !== undefined) throw faultError(this.#path, faultOfStop({ stop, ...at }))
  }
}

/**
 * Growth is written in groups, so that an import that is cut short keeps what it has;
 * a reorganisation in one commit, so that the store never holds less work than before.
 */
async function writeBest(args: {
  readonly store: HeaderStore
  readonly tree: HeaderTree
  readonly fromHeight: number
  readonly inOneCommit: boolean
}): Promise<void> {
  const { store, tree } = args
  const headerCount = tree.tip.height + 1
  const groupCount = args.inOneCommit ? headerCount : HEADERS_PER_CHUNK
  for (let fromHeight = args.fromHeight; fromHeight < headerCount; fromHeight += groupCount) {
    const count = Math.min(groupCount, headerCount - fromHeight)
    const last = tree.summary(fromHeight + count - 1)
    if (last === undefined) throw new Error(`expected a header of height ${fromHeight + count - 1} in the tree`)
    await store.write([{ truncateTo: fromHeight, append: tree.range({ fromHeight, count }), work: last.work }])
  }
}
