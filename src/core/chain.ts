/**
 * What a chain supplies to the core: identity, rules, and a tree of verified headers.
 * Batches are raw bytes, whole headers one after another, never an object per header.
 */
import type { ChainContent } from './content.ts'
import type { Root } from './ids.ts'

/**
 * How the head came to be believed.
 * `stored`: read back and not yet verified again (shown, not served) · `checkpoint`: joined to a built-in hash ·
 * `backfilling`: the same, with headers below still coming · `genesis`: every header down to genesis verified ·
 * `pow-only`: the same, on a chain whose headers do not carry all of its rules (signet's signatures).
 */
export type Trust = 'stored' | 'checkpoint' | 'backfilling' | 'genesis' | 'pow-only'

/** A header of the tree, in short. `time` in Unix seconds, `work` of the whole chain up to it. */
export interface HeaderSummary {
  readonly height: number
  readonly root: Root
  readonly time: number
  readonly work: bigint
}

/** `confirmedBy`: how many ready peers have delivered this very header. */
export interface Head extends HeaderSummary {
  readonly trust: Trust
  readonly confirmedBy: number
}

/** A header of the tree. `bytes` is a copy, the caller's own. */
export interface HeaderRecord extends HeaderSummary {
  readonly parent: Root
  readonly bytes: Uint8Array
  readonly isOnBestChain: boolean
}

/** A header known beforehand. It steers download and trust; it never makes a header invalid. */
export interface Checkpoint {
  readonly height: number
  readonly root: Root
  /** Where a light node may start above it: work of the chain up to and with it, and the bits of the header that follows. */
  readonly start?: CheckpointStart
}

export interface CheckpointStart {
  readonly work: bigint
  readonly nextBits: number
}

/** Heights whose headers are still to come, both included. */
export interface Gap {
  readonly fromHeight: number
  readonly toHeight: number
}

export interface Chain {
  /** `bitcoin:mainnet`; told to peers and compared in handshakes. */
  readonly id: string
  readonly genesis: Root
  readonly headerSizeBytes: number
  /** What a fully verified head is worth on this chain. */
  readonly trustWhenVerified: 'genesis' | 'pow-only'
  /** A head older than this is `stale`; undefined where blocks come when somebody makes them (regtest). */
  readonly staleAfterMs: number | undefined
  /** With less work than this the chain is never reported as synced; 0n for no minimum. */
  readonly minimumChainWork: bigint
  /** Lowest first, none of them genesis. Without any, headers come from one peer at a time. */
  readonly checkpoints?: readonly Checkpoint[]
  /** The time that one header's bytes carry, Unix seconds. */
  timeOf(header: Uint8Array): number
  /** The parent that the first of some headers names. */
  readonly parentOf?: (headers: Uint8Array) => Root
  /** What blocks are made of; undefined for a chain that exchanges none. */
  readonly content?: ChainContent
  /** A new tree that holds genesis alone. A chain with less work than the minimum may grow on where it passes through checkpoints. */
  createTree(checkpoints?: readonly Checkpoint[]): HeaderTree
}

/** Why a slice stopped. `index` counts headers from the start of the whole batch. */
export type SliceStop =
  /** Breaks a rule for ever. `message` says what was expected and what came, in one line. */
  | {
      readonly type: 'invalid'
      readonly index: number
      readonly height: number
      readonly rule: string
      readonly message: string
    }
  /** Its time is too far ahead; from `untilUnixMs` on it may be tried again. */
  | { readonly type: 'future'; readonly index: number; readonly height: number; readonly untilUnixMs: number }
  /** Its parent is not in the tree. */
  | { readonly type: 'unconnected'; readonly index: number; readonly parent: Root }
  /** Keeps every rule, but the side rows are full of branches with more work. Not the peer's fault; it was not added. */
  | { readonly type: 'no-room'; readonly index: number; readonly height: number }

export interface HeadChange {
  readonly commonHeight: number
  readonly reverted: readonly HeaderSummary[]
}

export interface SliceOutcome {
  /** Headers new to the tree. */
  readonly addedCount: number
  /** Headers the tree had already. */
  readonly knownCount: number
  /** The head moved: the best chain is the same up to and with `commonHeight`; `reverted` oldest first, empty on growth. */
  readonly headChange: HeadChange | undefined
  readonly stop: SliceStop | undefined
}

/** What can be said of a batch for the price of one hash, before any of it is verified. */
export interface BatchInspection {
  readonly count: number
  /** Root of the first header's parent. */
  readonly parent: Root
  /** Root of the last header. */
  readonly last: Root
  /** The last header's root meets the target that the header itself names, within the chain's easiest. */
  readonly lastHasWork: boolean
}

/**
 * Verified headers, at most 140 bytes of memory each, everything included; side rows at most 20,000, least work evicted.
 * 1. Every header in the tree keeps every rule that its ancestors in the tree allow to be checked.
 * 2. The best chain is the one with the most work; of equals, the one seen first.
 */
export interface HeaderTree {
  /** The best chain's last header. */
  readonly tip: HeaderSummary
  /** What is missing below a start at a checkpoint; undefined where every header down to genesis is here. */
  readonly gap: Gap | undefined
  /**
   * From now on a header that follows this checkpoint connects, though what lies below is missing: it becomes the tip, and
   * headers below are added as they come, until the last of them is the checkpoint. Not where the tip is as high already.
   */
  startAbove(checkpoint: Checkpoint): void
  /** Gives up what is above the gap: the tip is then where the headers from genesis on end. */
  dropAbove(): void
  /** Gives up what is below the gap and above this height: it does not lead to the next checkpoint. */
  dropBelow(height: number): void
  has(root: Root): boolean
  /** By height on the best chain, or by root anywhere in the tree. */
  get(heightOrRoot: number | Root): HeaderRecord | undefined
  /** Like `get`, without the bytes. */
  summary(heightOrRoot: number | Root): HeaderSummary | undefined
  /** Of the best chain from `fromHeight` down: 10 dense, then doubling steps, then genesis; newest first. */
  locator(fromHeight: number): readonly Root[]
  /** The bytes of best-chain headers `fromHeight`, …; fewer at the tip. A copy. */
  range(args: { readonly fromHeight: number; readonly count: number }): Uint8Array
  /** `headers.length` is a multiple of the header size and not 0. */
  inspect(headers: Uint8Array): BatchInspection
  /** The root of one header. */
  rootOf(header: Uint8Array): Root
  /**
   * Verifies and adds headers `index` … `index + count - 1` of a batch, each following the one before. Copies what it keeps.
   * Below a gap nothing connects but a back-fill, so that nobody can put anything else between genesis and the checkpoint.
   */
  add(args: {
    readonly headers: Uint8Array
    readonly index: number
    readonly count: number
    readonly nowUnixMs: number
    readonly isBackfill?: boolean
  }): SliceOutcome
  /**
   * Best-chain headers after the first locator entry that is on the best chain, but for the first `skip`; an unknown locator
   * answers from genesis.
   */
  serveRange(args: {
    readonly locator: readonly Root[]
    readonly stop: Root | undefined
    readonly countMax: number
    readonly skip?: number
  }): { readonly headers: Uint8Array; readonly hasMore: boolean }
  /** See `Ancestors`. `known` are roots at which a walk stops; a walk also stops at the best chain once a known root is at or above it. */
  serveAncestors(args: {
    readonly roots: readonly Root[]
    readonly known: readonly Root[]
    readonly countMax: number
  }): { readonly headers: Uint8Array; readonly answered: readonly Root[]; readonly unknown: readonly Root[] }
  /** Memory held by rows and indexes. */
  readonly sizeBytes: number
  readonly sideHeaderCount: number
}
