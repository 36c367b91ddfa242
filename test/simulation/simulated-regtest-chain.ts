/** Bitcoin's regtest in a simulation: real header rules, for depth. */
import type { HeaderTree } from '../../src/core/chain.ts'
import { bitcoin } from '../../src/bitcoin.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { isContinued, type SimulatedChain } from './simulated-chain.ts'

const HEADER_SIZE_BYTES = 80
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

function withoutWork(tree: HeaderTree, header: Uint8Array): Uint8Array {
  while (tree.inspect(header).lastHasWork) header[NONCE_OFFSET] = ((header[NONCE_OFFSET] ?? 0) + 1) & 255
  return header
}
