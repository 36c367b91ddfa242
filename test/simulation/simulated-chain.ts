/** What a simulation needs of a chain besides its rules: somebody to mine it, and somebody to break it. */
import type { Chain, HeaderTree } from '../../src/core/chain.ts'
import type { CoreOptions } from '../../src/core/core.ts'
import type { Root } from '../../src/core/ids.ts'
import { toyCidOf } from './toy-content.ts'
import { createToyChain, TOY_GENESIS_TIME } from './toy-chain.ts'
import { TOY_HEADER_SIZE_BYTES } from './toy-header.ts'

export interface SimulatedChain {
  readonly chain: Chain
  /** Undefined where blocks are not exchanged. */
  readonly cidOf: CoreOptions['cidOf']
  /** What was mined before, and one light node brings along; without it all begin at genesis. */
  readonly history?: Uint8Array
  /** When a simulation begins. */
  readonly unixMs: number
  /** Headers on top of the tree's tip. `nonce` tells them from all others. */
  mine(args: { tree: HeaderTree; count: number; unixMs: number; nonce: number }): Uint8Array
  /** One header by a liar. */
  forge(args: {
    tree: HeaderTree
    parent: 'nothing' | 'tip'
    isInvalid: boolean
    unixMs: number
    nonce: number
  }): Uint8Array
  /** See `SimulatedStoreOptions`. */
  continues(last: Uint8Array | undefined, append: Uint8Array, isUpper: boolean): boolean
}

const MONTH_SECONDS = 30 * 24 * 3_600

/** With a history of this many headers, and a checkpoint at each step of it. */
export function createCheckpointedToyChain(args: {
  readonly headerCount: number
  readonly stepHeaders: number
}): SimulatedChain {
  const simulated = createSimulatedToyChain({ isHeadersOnly: true })
  const tree = simulated.chain.createTree()
  const history = simulated.mine({ tree, count: args.headerCount, unixMs: 0, nonce: 2 ** 30 })
  tree.add({ headers: history, index: 0, count: args.headerCount, nowUnixMs: simulated.unixMs })
  const stepCount = Math.floor(args.headerCount / args.stepHeaders)
  const heights = Array.from({ length: stepCount }, (_, index) => (index + 1) * args.stepHeaders)
  const checkpoints = heights.map((height) => tree.summary(height) ?? tree.tip)
  return { ...simulated, chain: { ...simulated.chain, checkpoints }, history }
}

/** Its blocks are exchanged, unless it is said that only headers are. */
export function createSimulatedToyChain(args: { readonly isHeadersOnly?: boolean } = {}): SimulatedChain {
  const chain = createToyChain()
  const nowhere = (nonce: number): Root => nonce.toString(16).padStart(64, 'f') as Root
  return {
    chain,
    cidOf: args.isHeadersOnly === true ? undefined : toyCidOf,
    unixMs: (TOY_GENESIS_TIME + MONTH_SECONDS) * 1_000,
    mine({ tree, count, unixMs, nonce }) {
      let parent = tree.tip
      const headers: Uint8Array[] = []
      for (let index = 0; index < count; index += 1) {
        const time = Math.max(parent.time + 1, Math.floor(unixMs / 1_000))
        const header = chain.mine({ parent: parent.root, time, work: 1 + (nonce % 3), nonce })
        headers.push(header)
        const root = chain.registry.preview(header)
        parent = { height: parent.height + 1, root, time, work: 0n }
      }
      return concat(headers)
    },
    forge({ tree, parent, isInvalid, unixMs, nonce }) {
      const { root, time } = tree.tip
      // Half of the invalid ones show it at once, the others only when they are judged on their parent.
      const isLate = isInvalid && nonce % 2 === 0
      const at = isLate ? time : Math.max(time + 1, Math.floor(unixMs / 1_000))
      const parentRoot = parent === 'tip' ? root : nowhere(nonce)
      return chain.mine({ parent: parentRoot, time: at, nonce, isInvalid: isInvalid && !isLate })
    },
    continues: (last, append) => isContinued(chain, last, append),
  }
}

function concat(headers: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(headers.length * TOY_HEADER_SIZE_BYTES)
  for (const [index, header] of headers.entries()) bytes.set(header, index * TOY_HEADER_SIZE_BYTES)
  return bytes
}

/**
 * Each header of `append` follows the one before it, the first one `last`; where there is none it is genesis, or in the upper part
 * follows the last checkpoint.
 */
export function isContinued(
  chain: Chain,
  last: Uint8Array | undefined,
  append: Uint8Array,
  isUpper: boolean = false,
): boolean {
  const start = isUpper ? chain.checkpoints?.at(-1)?.root : undefined
  const tree = chain.createTree()
  let parent = last
  for (let offset = 0; offset < append.length; offset += chain.headerSizeBytes) {
    const header = append.subarray(offset, offset + chain.headerSizeBytes)
    const before = parent === undefined ? start : tree.rootOf(parent)
    const isLinked =
      before === undefined ? tree.rootOf(header) === chain.genesis : tree.inspect(header).parent === before
    if (!isLinked) return false
    parent = header
  }
  return true
}
