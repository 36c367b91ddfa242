/** Bitcoin's regtest in a simulation: real header rules, for depth. */
import type { HeaderTree } from '../../src/core/chain.ts'
import { bitcoin } from '../../src/bitcoin.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { isContinued, type SimulatedChain } from './simulated-chain.ts'

const HEADER_SIZE_BYTES = 80
/** Regtest's, for every header. */
const EASIEST_BITS = 0x207fffff
/** The last four bytes are the nonce. */
const NONCE_OFFSET = 76
/** 14 November 2023. */
const START_UNIX_MS = 1_700_000_000_000

export function createSimulatedRegtestChain(): SimulatedChain {
  const chain = bitcoin('regtest')
  function tipHeader(tree: HeaderTree): Uint8Array {
    return tree.range({ fromHeight: tree.tip.height, count: 1 })
  }
  return {
    chain,
    cidOf: undefined,
    unixMs: START_UNIX_MS,
    mine({ tree, count, unixMs, nonce }) {
      const firstTime = Math.max(tree.tip.time + 1, Math.floor(unixMs / 1_000))
      return mineHeaders({ parent: tipHeader(tree), count, firstTime, stepSeconds: 1, salt: nonce })
    },
    forge({ tree, parent, isInvalid, unixMs, nonce }) {
      const nowhere = new Uint8Array(HEADER_SIZE_BYTES).fill(nonce)
      const firstTime = Math.max(tree.tip.time + 1, Math.floor(unixMs / 1_000))
      const from = parent === 'tip' ? tipHeader(tree) : nowhere
      const header = mineHeaders({ parent: from, count: 1, firstTime, stepSeconds: 1, salt: nonce })
      return isInvalid ? withoutWork(tree, header) : header
    },
    continues: (last, append) => isContinued(chain, last, append),
  }
}

/** With a history of this many headers, a checkpoint at each step of it, and a start above the last one. */
export function createCheckpointedRegtestChain(args: {
  readonly headerCount: number
  readonly stepHeaders: number
}): SimulatedChain {
  const simulated = createSimulatedRegtestChain()
  const { chain, unixMs } = simulated
  const tree = chain.createTree()
  const firstTime = unixMs / 1_000 - 1_000_000
  const parent = tree.range({ fromHeight: 0, count: 1 })
  const history = mineHeaders({ parent, count: args.headerCount, firstTime, stepSeconds: 1, salt: 1 })
  tree.add({ headers: history, index: 0, count: args.headerCount, nowUnixMs: unixMs })
  const stepCount = Math.floor(args.headerCount / args.stepHeaders)
  const heights = Array.from({ length: stepCount }, (_, index) => (index + 1) * args.stepHeaders)
  const checkpoints = heights.map((height, index) => {
    const { root, work } = tree.summary(height) ?? tree.tip
    return { height, root, ...(index === stepCount - 1 && { start: { work, nextBits: EASIEST_BITS } }) }
  })
  const checkpointed = { ...chain, checkpoints }
  const continues: SimulatedChain['continues'] = (...args) => isContinued(checkpointed, ...args)
  return { ...simulated, chain: checkpointed, history, continues }
}

function withoutWork(tree: HeaderTree, header: Uint8Array): Uint8Array {
  while (tree.inspect(header).lastHasWork) header[NONCE_OFFSET] = ((header[NONCE_OFFSET] ?? 0) + 1) & 255
  return header
}
