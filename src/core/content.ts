/**
 * What a chain says of the content of its blocks: how a block is taken apart into parts by CID, put together again, and how
 * one transaction is proved. All of it synchronous and pure; the driver fetches, the chain judges.
 */
import type { Cid, Root } from './ids.ts'

/**
 * An outline names the parts of one block, so that all of them can be wanted at once. For Bitcoin: the header, the ids of
 * the transactions in order, and the coinbase. Its bytes are the chain's own; OUTLINE_BYTES_MAX at most.
 */
export interface ChainContent {
  /** The header that this CID names, which is served from the tree; undefined for every other CID. */
  headerRootOf(cid: Cid): Root | undefined
  /** The CID of that header. */
  headerCid(root: Root): Cid
  /** Undefined when the outline is whole and is that block's, down to its last id; else what is wrong, in one line. */
  checkOutline(args: { readonly root: Root; readonly outline: Uint8Array }): string | undefined
  /** Takes a whole block apart, whose header has proof of work. Throws `ContentError` (`invalid-block`). */
  takeApart(block: Uint8Array): BlockParts
  /** The CIDs of the transactions, in order; undefined for one that the outline holds itself (the coinbase). */
  wantedCids(outline: Uint8Array): readonly (Cid | undefined)[]
  /**
   * The block of an outline that was checked. `parts` as `wantedCids` names them. Stops at intervals of some milliseconds, so
   * that a tab can do other things meanwhile. Throws `ContentError` when a part does not fit.
   */
  assemble(args: BlockPieces): Generator<undefined, AssembledBlock>
  /** Where nobody serves outlines: finds the outline by walking the block's trees by CID, from the header. */
  walk(root: Root): OutlineWalk
  /** Where that transaction stands, by its place or its id; undefined when the block has none. */
  indexOf(outline: Uint8Array, transaction: number | Root): number | undefined
  /** The proof that this transaction is in the outline's block. `part` is undefined for one the outline holds itself. */
  prove(args: {
    readonly outline: Uint8Array
    readonly index: number
    readonly part: Uint8Array | undefined
  }): TransactionProof
  /** As an object or as bytes. Throws `ContentError` (`invalid-proof`) that says which step failed, such as too little work for this chain. */
  verifyProof(proof: TransactionProof | Uint8Array): VerifiedTransaction
}

export interface BlockParts {
  readonly root: Root
  readonly header: Uint8Array
  readonly outline: Uint8Array
  readonly transactionCount: number
  /** Everything that is made available by CID, the header included. */
  readonly nodes: readonly { readonly cid: Cid; readonly bytes: Uint8Array }[]
}

export interface BlockPieces {
  readonly outline: Uint8Array
  readonly parts: readonly (Uint8Array | undefined)[]
}

export interface AssembledBlock {
  /** Byte for byte as it was. */
  readonly bytes: Uint8Array
  /** In block order. */
  readonly transactions: readonly TransactionSummary[]
}

/** A pure walk, level by level: fetch what `next` names, hand it in, until `outline` is there. Bounded by OUTLINE_BYTES_MAX. */
export interface OutlineWalk {
  /** What is to be fetched now; empty when the walk is done. */
  next(): readonly Cid[]
  /** In the order of `next`. Throws `ContentError` when a node does not fit. */
  add(nodes: readonly Uint8Array[]): void
  /** Once `next` is empty. */
  outline(): Uint8Array
}

export interface TransactionOutput {
  /** In satoshis. */
  readonly value: bigint
  /** The script, as hex. */
  readonly script: string
}

export interface TransactionSummary {
  readonly index: number
  /** In display order, as explorers show it. */
  readonly txid: Root
  readonly wtxid: Root
  readonly sizeBytes: number
  readonly outputs: readonly TransactionOutput[]
}

/** Plain data, of hex texts and numbers: it survives JSON. What it shows and what not stands with `verifyTransaction`. */
export interface TransactionProof {
  readonly version: 1
  /** 80 bytes. */
  readonly header: string
  readonly index: number
  readonly transaction: string
  /** From the leaf up, each 32 bytes in the order in which they are hashed. */
  readonly siblings: readonly string[]
  /** The block's first transaction, which shows how deep the tree is. */
  readonly coinbase: string
  readonly coinbaseSiblings: readonly string[]
  /** From the transaction's wtxid up to the witness root; undefined for a transaction without witness. */
  readonly witnessSiblings?: readonly string[]
}

export interface VerifiedTransaction extends TransactionSummary {
  readonly blockRoot: Root
  /** The transaction's bytes. */
  readonly bytes: Uint8Array
  /** The header's proof of work was checked against the target it names itself: the work that a forger would have to do. */
  readonly work: bigint
}

export type ContentErrorCode = 'invalid-block' | 'invalid-outline' | 'invalid-proof'

/** Bytes that are not what they claim to be. `step` says which check failed; the message what was expected and what came. */
export class ContentError extends Error {
  override readonly name = 'ContentError'
  readonly code: ContentErrorCode
  readonly step: string

  constructor(code: ContentErrorCode, step: string, message: string) {
    super(message)
    this.code = code
    this.step = step
  }
}
