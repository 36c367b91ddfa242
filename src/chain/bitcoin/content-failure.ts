/** The one way in which Bitcoin's content is found bad: `ContentError`, with the check that failed as its step. */
import { ContentError } from '../../core/content.ts'
import type { ContentErrorCode } from '../../core/content.ts'

export type ContentStep =
  | 'malformed' // bytes that are no transaction, block, outline or proof
  | 'oversize' // a block or a transaction above the weight limit
  | 'root' // the header of another block
  | 'coinbase' // the first transaction is no coinbase, or another one is
  | 'merkle-root' // the transactions are not those that the header commits to
  | 'witness-commitment' // the witnesses are not those that the coinbase commits to
  | 'mutated' // a duplicated tail: another list with the same merkle root (CVE-2012-2459)
  | 'ambiguous-size' // a transaction as long as a merkle node (CVE-2017-12842)
  | 'node' // a node of a walk that does not hash to what was asked for
  | 'header-work' // a header does not meet its own target, or that is easier than the chain's
  | 'coinbase-path' // a proof's coinbase does not lead to the merkle root
  | 'merkle-path' // a proof's transaction does not lead to the merkle root
  | 'depth' // a proof's transaction is not as deep in the tree as the coinbase

/** A block's, until `failAs` says otherwise. */
export function contentError(step: ContentStep, expected: string, got: string | number): ContentError {
  return new ContentError('invalid-block', step, `expected ${expected}, got ${got}`)
}

/** Runs `read` for what is no block: the same steps fail under another code. */
export function failAs<Result>(code: ContentErrorCode, read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    throw error instanceof ContentError ? new ContentError(code, error.step, error.message) : error
  }
}
