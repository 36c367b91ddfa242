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
  /** Wanted roots per announcer, for the bound. */
  readonly #countByPeer = new Map<PeerId, number>()
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

  isAskedOf(root: Root, peer: PeerId): boolean {
    return this.#wanted.get(root)?.askedOf === peer
  }

  /** False when this announcer has too many missing roots already: that is a flood. Copies what it keeps. */
  add(args: { parent: Root; headers: Uint8Array; last: Root; headerCount: number; peer: PeerId }): boolean {
    const existing = this.#wanted.get(args.parent)
    if (existing === undefined && (this.#countByPeer.get(args.peer) ?? 0) >= limits.WANTED_ROOTS_PER_PEER_MAX)
      return false
    const wanted = existing ?? { announcers: new Set(), tried: new Set(), askedOf: undefined, orphans: [] }
    if (!wanted.announcers.has(args.peer)) {
      wanted.announcers.add(args.peer)
      this.#countByPeer.set(args.peer, (this.#countByPeer.get(args.peer) ?? 0) + 1)
    }
    this.#wanted.set(args.parent, wanted)
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
    const counts = new Map<PeerId, { count: number; oldest: Root }>()
    for (const [root, wanted] of this.#wanted) {
      if (root === except) continue
      if (wanted.announcers.size === 0) return root
      for (const peer of wanted.announcers) {
        const entry = counts.get(peer)
        if (entry === undefined) counts.set(peer, { count: 1, oldest: root })
        else entry.count += 1
      }
    }
    let greediest: { count: number; oldest: Root } | undefined
    for (const entry of counts.values()) if (entry.count > (greediest?.count ?? 0)) greediest = entry
    return greediest?.oldest
  }

  /** Roots that this peer may be asked for now: those it announced children of, or those that only others did. */
  askable(args: { peer: PeerId; isAnnouncer: boolean }): readonly Root[] {
    const roots: Root[] = []
    for (const [root, wanted] of this.#wanted) {
      if (wanted.askedOf !== undefined || wanted.tried.has(args.peer)) continue
      if (wanted.announcers.has(args.peer) !== args.isAnnouncer) continue
      if (roots.push(root) === limits.ROOTS_PER_REQUEST_MAX) break
    }
    return roots
  }

  /** queued → owned */
  asked(roots: readonly Root[], peer: PeerId): void {
    for (const root of roots) {
      const wanted = this.#wanted.get(root)
      if (wanted !== undefined) wanted.askedOf = peer
    }
  }

  /** owned → queued: the answer did not reach these, or never came. `isTried`: this peer cannot help with them. */
  release(args: { roots: readonly Root[]; peer: PeerId; isTried: boolean }): void {
    for (const root of args.roots) {
      const wanted = this.#wanted.get(root)
      if (wanted?.askedOf !== args.peer) continue
      wanted.askedOf = undefined
      if (args.isTried) wanted.tried.add(args.peer)
    }
  }

  /** Gives up what every peer that could be asked has been asked for. */
  failExhausted(askable: readonly PeerId[]): void {
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
    for (const wanted of this.#wanted.values()) {
      if (wanted.askedOf === peer) wanted.askedOf = undefined
      wanted.tried.delete(peer)
      this.#forgetAnnouncer(wanted, peer)
    }
  }

  /** A liar's announcements are not worth asking others for. */
  dropOf(peer: PeerId): void {
    for (const [root, wanted] of [...this.#wanted]) {
      if (!this.#forgetAnnouncer(wanted, peer) || wanted.announcers.size > 0) continue
      this.#drop(root)
      this.#onFailed(root, 'announcer-misbehaved')
    }
  }

  #forgetAnnouncer(wanted: Wanted, peer: PeerId): boolean {
    if (!wanted.announcers.delete(peer)) return false
    const count = (this.#countByPeer.get(peer) ?? 1) - 1
    if (count > 0) this.#countByPeer.set(peer, count)
    else this.#countByPeer.delete(peer)
    return true
  }

  clear(): void {
    this.#wanted.clear()
    this.#countByPeer.clear()
    this.#orphanCount = 0
    this.#orphanBytes = 0
  }

  #drop(root: Root): void {
    const wanted = this.#wanted.get(root)
    if (wanted === undefined) return
    this.#wanted.delete(root)
    for (const peer of [...wanted.announcers]) this.#forgetAnnouncer(wanted, peer)
    for (const { headers, headerCount } of wanted.orphans) {
      this.#orphanBytes -= headers.length
      this.#orphanCount -= headerCount
    }
  }
}
