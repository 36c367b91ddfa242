import type { PeerId, Root } from './ids.ts'

/** What a peer sent, and how: it decides what follows from it. */
export type PeerSource =
  /** An answer to get-headers. */
  | { readonly type: 'range'; readonly peer: PeerId }
  /** A whole range between checkpoints, below a gap. */
  | { readonly type: 'backfill'; readonly peer: PeerId }
  | { readonly type: 'announcement'; readonly peer: PeerId }
  /** An answer to get-ancestors: several runs may stand in it. */
  | { readonly type: 'ancestors'; readonly peer: PeerId; readonly roots: readonly Root[] }

export type AncestorsSource = Extract<PeerSource, { type: 'ancestors' }>

type BatchSource =
  | PeerSource
  /** Read back from the store. */
  | { readonly type: 'store'; readonly fromHeight: number }
  /** Mined or imported on our own side. */
  | { readonly type: 'own'; readonly token: number | undefined }

export interface Batch {
  readonly source: BatchSource
  readonly headers: Uint8Array
  readonly headerCount: number
  /** Root of its last header. */
  readonly last: Root
  /** The first header that is not verified yet. */
  index: number
  /** Of those verified, how many were new. */
  addedCount: number
}

/**
 * Headers that wait to be verified, in the order they came.
 * Bounded by QUEUED_BATCHES_MAX ranges of the sync peer, one range between checkpoints, one probe or ancestors answer and
 * QUEUED_ANNOUNCEMENTS_PER_PEER_MAX announcements for each other peer, the orphans that were delivered, and two loads of
 * the store. What a peer sent stays when it goes. Our own headers are as many as our own side submits.
 */
export class BatchQueue {
  #batches: Batch[] = []

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  get first(): Batch | undefined {
    return this.#batches[0]
  }

  /** Nothing in it can move the head. */
  get isQuiet(): boolean {
    return this.#batches.every(({ source }) => source.type === 'backfill')
  }

  push(batch: Omit<Batch, 'index' | 'addedCount'>): void {
    this.#batches.push({ ...batch, index: 0, addedCount: 0 })
  }

  removeFirst(): void {
    this.#batches.shift()
  }

  countOf(peer: PeerId, type: BatchSource['type']): number {
    let count = 0
    for (const { source } of this.#batches) if (source.type === type && peerOf(source) === peer) count += 1
    return count
  }

  get hasRange(): boolean {
    return this.#batches.some(({ source }) => source.type === 'range')
  }

  /** A batch that waits ends in this header. */
  holdsLast(root: Root): boolean {
    return this.#batches.some(({ last }) => last === root)
  }

  holdsAncestorsOf(root: Root): boolean {
    return this.#batches.some(({ source }) => source.type === 'ancestors' && source.roots.includes(root))
  }

  /** The last header of the newest range of this peer; undefined when none waits. */
  lastRangeRoot(peer: PeerId): Root | undefined {
    return this.#batches.findLast(({ source }) => source.type === 'range' && source.peer === peer)?.last
  }

  /** What else a peer sent that sent a header that was no good. */
  dropOf(peer: PeerId): void {
    this.#batches = this.#batches.filter(({ source }) => peerOf(source) !== peer)
  }

  /** What follows in a chain of ranges when one of them cannot be used. */
  dropRangesOf(peer: PeerId): void {
    this.#batches = this.#batches.filter(({ source }) => source.type !== 'range' || source.peer !== peer)
  }

  dropStored(): void {
    this.#batches = this.#batches.filter(({ source }) => source.type !== 'store')
  }

  clear(): void {
    this.#batches = []
  }
}

function peerOf(source: BatchSource): PeerId | undefined {
  return 'peer' in source ? source.peer : undefined
}
