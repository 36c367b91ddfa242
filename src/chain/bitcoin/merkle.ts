/** Bitcoin's merkle trees: 32-byte hashes, paired; a level of odd length pairs its last hash with itself. */
import { doubleSha256 } from '../../hash/sha256.ts'
import { contentError } from './content-failure.ts'
import { isSameRoot, ROOT_SIZE_BYTES } from './header.ts'

export const MERKLE_NODE_SIZE_BYTES: number = 2 * ROOT_SIZE_BYTES

/** 2^15 leaves are more transactions than fit a block. */
export const MERKLE_DEPTH_MAX = 15

/**
 * Every level, the leaves first and the root, alone, last. A level is hashes one after another, without the duplicate of its last.
 * Throws `ContentError`: a pair of equal hashes is a duplicated tail (CVE-2012-2459), whose list has the root of a shorter one.
 */
export function merkleLevels(leaves: Uint8Array): readonly [Uint8Array, ...Uint8Array[]] {
  const levels: [Uint8Array, ...Uint8Array[]] = [leaves]
  let level = leaves
  while (level.length > ROOT_SIZE_BYTES) {
    const above = new Uint8Array(Math.ceil(level.length / MERKLE_NODE_SIZE_BYTES) * ROOT_SIZE_BYTES)
    for (let index = 0; index * ROOT_SIZE_BYTES < above.length; index += 1) {
      above.set(doubleSha256(merkleNode(level, index)), index * ROOT_SIZE_BYTES)
    }
    levels.push(above)
    level = above
  }
  return levels
}

/** Throws `ContentError` for a duplicated tail. */
export function merkleRoot(leaves: Uint8Array): Uint8Array {
  const levels = merkleLevels(leaves)
  return levels[levels.length - 1] ?? leaves
}

/** The 64 bytes of the node above the pair `index` of a level. Throws `ContentError` for a pair of equals. */
export function merkleNode(level: Uint8Array, index: number): Uint8Array {
  const start = index * MERKLE_NODE_SIZE_BYTES
  const middle = start + ROOT_SIZE_BYTES
  if (middle === level.length) {
    const last = level.subarray(start)
    const node = new Uint8Array(MERKLE_NODE_SIZE_BYTES)
    node.set(last)
    node.set(last, ROOT_SIZE_BYTES)
    return node
  }
  if (isSameRoot(level, start, level, middle)) {
    throw contentError('mutated', 'different neighbours in a merkle tree', 'a duplicated tail')
  }
  return level.subarray(start, middle + ROOT_SIZE_BYTES)
}

/** The hash beside each step from a leaf up to the root. Views, and throws, like `merkleLevels`. */
export function merkleSiblings(leaves: Uint8Array, index: number): readonly Uint8Array[] {
  return merkleLevels(leaves)
    .slice(0, -1)
    .map((level, depth) => {
      const neighbour = ((index >>> depth) ^ 1) * ROOT_SIZE_BYTES
      const start = neighbour < level.length ? neighbour : neighbour - ROOT_SIZE_BYTES
      return level.subarray(start, start + ROOT_SIZE_BYTES)
    })
}
