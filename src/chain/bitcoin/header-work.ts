import type { Root } from '../../core/ids.ts'
import { contentError } from './content-failure.ts'
import { BITS_OFFSET, readUint32 } from './header.ts'
import { bitsOfTarget, bitsToHex, targetOfBits } from './target.ts'

/**
 * The target that a header names and meets. `limit` is the chain's easiest target, undefined where no chain is meant.
 * Throws `ContentError`.
 */
export function checkHeaderWork(args: {
  readonly header: Uint8Array
  readonly root: Root
  readonly limit: bigint | undefined
}): bigint {
  const { header, root, limit } = args
  const bits = readUint32(header, BITS_OFFSET)
  const target = targetOfBits(bits)
  if (target === undefined || BigInt(`0x${root}`) > target) {
    throw contentError('header-work', 'a header that meets its own target', root)
  }
  if (limit !== undefined && target > limit) {
    const easiest = bitsToHex(bitsOfTarget(limit))
    throw contentError('header-work', `a target no easier than the chain’s, bits ${easiest}`, bitsToHex(bits))
  }
  return target
}
