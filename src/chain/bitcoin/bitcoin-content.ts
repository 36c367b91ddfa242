/** What Bitcoin's blocks are made of, for the driver. */
import type { ChainContent } from '../../core/content.ts'
import type { Root } from '../../core/ids.ts'
import { parseBlock } from './block.ts'
import { blockNodes } from './block-nodes.ts'
import { headerCid, headerRootOf } from './content-cid.ts'
import { readRoot, ROOT_SIZE_BYTES } from './header.ts'
import { checkHeaderWork } from './header-work.ts'
import type { NetworkParameters } from './networks.ts'
import { assembleBlock, checkOutline, decodeOutline, encodeOutline, wantedCids } from './outline.ts'
import { BitcoinOutlineWalk } from './outline-walk.ts'
import { proveTransaction } from './prove-transaction.ts'
import { targetOfBits } from './target.ts'
import { verifyTransactionWithin } from './transaction-proof.ts'

/** A header's work has to be what the network asks for at least; whether it is what its height asks for is the tree's to say. */
export function createBitcoinContent(network: Pick<NetworkParameters, 'segwitHeight' | 'limitBits'>): ChainContent {
  const { segwitHeight, limitBits } = network
  const limit = targetOfBits(limitBits)
  if (limit === undefined) throw new RangeError(`expected bits of a target, got ${limitBits}`)
  return {
    headerRootOf,
    headerCid,
    checkOutline: (args) => checkOutline({ ...args, segwitHeight }),
    takeApart: (bytes) => {
      const block = parseBlock(bytes, segwitHeight)
      const { root, header, transactions } = block
      checkHeaderWork({ header, root, limit })
      const nodes = blockNodes(block)
      return { root, header, outline: encodeOutline(block), transactionCount: transactions.length, nodes }
    },
    wantedCids,
    assemble: assembleBlock,
    walk: (root) => new BitcoinOutlineWalk(root, segwitHeight),
    indexOf,
    prove: proveTransaction,
    verifyProof: (proof) => verifyTransactionWithin({ proof, limit }),
  }
}

function indexOf(outline: Uint8Array, transaction: number | Root): number | undefined {
  const { txids } = decodeOutline(outline)
  const count = txids.length / ROOT_SIZE_BYTES
  if (typeof transaction === 'number') {
    return Number.isSafeInteger(transaction) && transaction >= 0 && transaction < count ? transaction : undefined
  }
  for (let index = 0; index < count; index += 1) {
    if (readRoot(txids, index * ROOT_SIZE_BYTES) === transaction) return index
  }
  return undefined
}
