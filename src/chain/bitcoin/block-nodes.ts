/**
 * What a block is made of, by CID, as IPLD lays it out: from the header's merkle root through nodes of 64 bytes to the
 * transactions without their witnesses; and from the hash in the coinbase's output through the witness commitment and nodes of
 * 64 bytes to the transactions with them.
 * Left out is the coinbase with its witness: nothing links to it, and it is the coinbase without it and the commitment's nonce.
 */
import type { Cid } from '../../core/ids.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import type { Block } from './block.ts'
import { headerCid, transactionCid, witnessCommitmentCid } from './content-cid.ts'
import { ROOT_SIZE_BYTES } from './header.ts'
import { merkleLevels, merkleNode } from './merkle.ts'
import { stripWitness } from './transaction.ts'

interface BlockNode {
  readonly cid: Cid
  /** A view of the block where it stands there. */
  readonly bytes: Uint8Array
}

/** The header and all of it, each CID once: about four a transaction at most, and together not four times as large as the block. */
export function blockNodes({
  header,
  root,
  transactions,
  txids,
  wtxids,
  witnessCommitment,
}: Block): readonly BlockNode[] {
  const nodes = new Map<Cid, BlockNode>()
  const add = (cid: Cid, bytes: Uint8Array): void => {
    nodes.set(cid, { cid, bytes })
  }
  add(headerCid(root), header)
  transactions.forEach((transaction, index) => {
    const offset = index * ROOT_SIZE_BYTES
    add(transactionCid(txids, offset), stripWitness(transaction))
    if (index > 0 && transaction.hasWitness) add(transactionCid(wtxids, offset), transaction.bytes)
  })
  addMerkleNodes(txids, add)
  if (witnessCommitment !== undefined) {
    const { hash, witnessRoot, nonce } = witnessCommitment
    addMerkleNodes(wtxids, add)
    add(witnessCommitmentCid(hash), joinBytes([witnessRoot, nonce]))
  }
  return [...nodes.values()]
}

function addMerkleNodes(leaves: Uint8Array, add: (cid: Cid, bytes: Uint8Array) => void): void {
  const levels = merkleLevels(leaves)
  levels.slice(1).forEach((above, depth) => {
    const level = levels[depth] ?? leaves
    for (let index = 0; index * ROOT_SIZE_BYTES < above.length; index += 1) {
      add(transactionCid(above, index * ROOT_SIZE_BYTES), merkleNode(level, index))
    }
  })
}
