import type { PeerId, Root } from './ids.ts'
import * as limits from './limits.ts'

/** Announced headers whose parent we do not have. */
interface Orphan {
  readonly headers: Uint8Array
  readonly last: Root
  readonly headerCount: number
  readonly peer: PeerId
}

interface Wanted {
  /** Ready peers that announced a child of it, first to last. */
  readonly announcers: Set<PeerId>
  /** Who was asked and could not say; not asked again. */
  readonly tried: Set<PeerId>
  /** Who owes us an answer. */
  askedOf: PeerId | undefined
  /** Bounded by ORPHANS_PER_ROOT_MAX, and by ORPHANS_MAX and ORPHAN_BYTES_MAX in all. */
  readonly orphans: Orphan[]
}

/** What became of a wanted root that was given up. */
export type WantFailure = 'evicted' | 'nobody-has-it' | 'announcer-misbehaved'

/**
 * Roots that announced headers build on and that we lack, with those headers.
 * Every root that was ever wanted is delivered, failed with a reason, queued, or owned by one request (S6).
 */
export class MissingParents {
  /** Bounded by WANTED_ROOTS_MAX. */
  readonly #wanted = new Map<Root, Wanted>()
  /** The wanted roots of each ready peer that announced children of them, oldest first. */
  readonly #announced = new Map<PeerId, Set<Root>>()
  /** Wanted roots whose announcers have all left, oldest first. */
  readonly #unclaimed = new Set<Root>()
  /** Wanted roots that nobody owns: where there are none, nobody is looked through for one. */
  #queuedCount = 0
  readonly #onFailed: (root: Root, failure: WantFailure) => void
  #orphanCount = 0
  #orphanBytes = 0

  constructor(onFailed: (root: Root, failure: WantFailure) => void) {
    this.#onFailed = onFailed
  }

  get roots(): Iterable<Root> {
    return this.#wanted.keys()
  }

  get size(): number {
    return this.#wanted.size
  }

  get orphanBytes(): number {
    return this.#orphanBytes
  }

  has(root: Root): boolean {
    return this.#wanted.has(root)
  }

  /** Who was asked for it; undefined while it is queued. */
  ownerOf(root: Root): PeerId | undefined {
    return this.#wanted.get(root)?.askedOf
  }

  /** False when this announcer has too many missing roots already: that is a flood. Copies what it keeps. */
  add(args: { parent: Root; headers: Uint8Array; last: Root; headerCount: number; peer: PeerId }): boolean {
    const existing = this.#wanted.get(args.parent)
    const announced = this.#announced.get(args.peer) ?? new Set()
    if (existing === undefined && announced.size >= limits.WANTED_ROOTS_PER_PEER_MAX) return false
    const wanted = existing ?? { announcers: new Set(), tried: new Set(), askedOf: undefined, orphans: [] }
    if (existing === undefined) this.#queuedCount += 1
    this.#wanted.set(args.parent, wanted)
    wanted.announcers.add(args.peer)
    this.#announced.set(args.peer, announced.add(args.parent))
    this.#unclaimed.delete(args.parent)
    const hasRoom = wanted.orphans.length < limits.ORPHANS_PER_ROOT_MAX
    if (hasRoom && !wanted.orphans.some((orphan) => orphan.last === args.last)) {
      const { last, headerCount, peer } = args
      wanted.orphans.push({ headers: args.headers.slice(), last, headerCount, peer })
      this.#orphanCount += args.headerCount
      this.#orphanBytes += args.headers.length
    }
    this.#evict(args.parent)
    return true
  }

  /** Over a bound, a root whose announcers have left gives way, else the oldest of the announcer with the most. */
  #evict(newest: Root): void {
    while (
      this.#wanted.size > limits.WANTED_ROOTS_MAX ||
      this.#orphanCount > limits.ORPHANS_MAX ||
      this.#orphanBytes > limits.ORPHAN_BYTES_MAX
    ) {
      const root = this.#oldestOfGreediest(newest)
      if (root === undefined) return
      this.#drop(root)
      this.#onFailed(root, 'evicted')
    }
  }

  #oldestOfGreediest(except: Root): Root | undefined {
    const unclaimed = oldestOf(this.#unclaimed, except)
    if (unclaimed !== undefined) return unclaimed
    let greediest: { count: number; oldest: Root } | undefined
    for (const roots of this.#announced.values()) {
      const oldest = oldestOf(roots, except)
      if (oldest === undefined || roots.size <= (greediest?.count ?? 0)) continue
      greediest = { count: roots.size, oldest }
    }
    return greediest?.oldest
  }

  /** Roots that this peer may be asked for now: those it announced children of, or those that only others did. */
  askable(args: { peer: PeerId; isAnnouncer: boolean }): readonly Root[] {
    const roots: Root[] = []
    if (this.#queuedCount === 0) return roots
    const candidates = args.isAnnouncer ? (this.#announced.get(args.peer) ?? []) : this.#wanted.keys()
    for (const root of candidates) {
      const wanted = this.#wanted.get(root)
      if (wanted === undefined || wanted.askedOf !== undefined || wanted.tried.has(args.peer)) continue
      if (wanted.announcers.has(args.peer) !== args.isAnnouncer) continue
      if (roots.push(root) === limits.ROOTS_PER_REQUEST_MAX) break
    }
    return roots
  }

  /** queued → owned */
  asked(roots: readonly Root[], peer: PeerId): void {
    for (const root of roots) {
      const wanted = this.#wanted.get(root)
      if (wanted !== undefined) this.#own(wanted, peer)
    }
  }

  /** owned → queued: the answer did not reach these, or never came. `isTried`: this peer cannot help with them. */
  release(args: { roots: readonly Root[]; peer: PeerId; isTried: boolean }): void {
    for (const root of args.roots) {
      const wanted = this.#wanted.get(root)
      if (wanted?.askedOf !== args.peer) continue
      this.#own(wanted, undefined)
      if (args.isTried) wanted.tried.add(args.peer)
    }
  }

  /** Gives up what every peer that could be asked has been asked for. */
  failExhausted(askable: readonly PeerId[]): void {
    if (this.#queuedCount === 0) return
    for (const [root, wanted] of [...this.#wanted]) {
      if (wanted.tried.size === 0 || wanted.askedOf !== undefined) continue
      if (askable.some((peer) => !wanted.tried.has(peer))) continue
      this.#drop(root)
      this.#onFailed(root, 'nobody-has-it')
    }
  }

  /** delivered: takes the headers that waited for this root. */
  take(root: Root): readonly Orphan[] {
    const wanted = this.#wanted.get(root)
    if (wanted === undefined) return []
    this.#drop(root)
    return wanted.orphans
  }

  /** A peer left: what it owed is queued again; what it tried or announced no longer counts. */
  peerGone(peer: PeerId): void {
    for (const [root, wanted] of this.#wanted) {
      if (wanted.askedOf === peer) this.#own(wanted, undefined)
      wanted.tried.delete(peer)
      if (wanted.announcers.delete(peer) && wanted.announcers.size === 0) this.#unclaimed.add(root)
    }
    this.#announced.delete(peer)
  }

  /** A liar's announcements are not worth asking others for. */
  dropOf(peer: PeerId): void {
    for (const root of [...(this.#announced.get(peer) ?? [])]) {
      const wanted = this.#wanted.get(root)
      wanted?.announcers.delete(peer)
      if (wanted === undefined || wanted.announcers.size > 0) continue
      this.#drop(root)
      this.#onFailed(root, 'announcer-misbehaved')
    }
    this.#announced.delete(peer)
  }

  clear(): void {
    this.#wanted.clear()
    this.#announced.clear()
    this.#unclaimed.clear()
    this.#queuedCount = 0
    this.#orphanCount = 0
    this.#orphanBytes = 0
  }

  /** queued ↔ owned */
  #own(wanted: Wanted, peer: PeerId | undefined): void {
    if (wanted.askedOf === undefined) this.#queuedCount -= 1
    if (peer === undefined) this.#queuedCount += 1
    wanted.askedOf = peer
  }

  #drop(root: Root): void {
    const wanted = this.#wanted.get(root)
    if (wanted === undefined) return
    this.#wanted.delete(root)
    this.#unclaimed.delete(root)
    if (wanted.askedOf === undefined) this.#queuedCount -= 1
    for (const peer of wanted.announcers) {
      const announced = this.#announced.get(peer)
      announced?.delete(root)
      if (announced?.size === 0) this.#announced.delete(peer)
    }
    for (const { headers, headerCount } of wanted.orphans) {
      this.#orphanBytes -= headers.length
      this.#orphanCount -= headerCount
    }
  }
}

function oldestOf(roots: Iterable<Root>, except: Root): Root | undefined {
  for (const root of roots) if (root !== except) return root
  return undefined
}
