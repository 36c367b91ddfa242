import type { AncestorsSource, PeerSource } from './batch-queue.ts'
import type { Chain, HeaderTree } from './chain.ts'
import type { MissingView } from './core.ts'
import type { Effect } from './effect.ts'
import type { ConnectionId, PeerId, Root } from './ids.ts'
import * as limits from './limits.ts'
import type { Ancestors } from './message.ts'
import { MissingParents } from './missing-parents.ts'
import type { PeerRequests } from './peer-requests.ts'
import type { PendingAncestors, SyncPeer } from './sync-peer.ts'
import type { Verification } from './verification.ts'

export interface AncestorWalkOptions {
  readonly chain: Chain
  readonly tree: HeaderTree
  readonly effects: Effect[]
  readonly requests: PeerRequests
  readonly verification: Verification
  readonly peers: ReadonlyMap<PeerId, SyncPeer>
}

/**
 * Closes the gaps below announced headers: missing parents are collected and asked for together, and each request walks
 * back from its roots, so that a gap costs one round trip and not one a header.
 * Every root that was ever wanted is delivered, failed with a reason, queued, or owned by one request (S6).
 */
export class AncestorWalk {
  readonly missing: MissingView
  readonly #options: AncestorWalkOptions
  readonly #missing: MissingParents
  /** When roots are asked for: at once, but after everything that is queued, so that they go together. */
  #dueMs: number | undefined
  /** Headers in the tree when all roots were last looked up there; a root is wanted only while it is not in. */
  #lookedUpAtCount = -1

  constructor(options: AncestorWalkOptions) {
    this.#options = options
    this.#missing = new MissingParents((root, failure) => {
      options.effects.push({ type: 'want-failed', root, failure })
    })
    const missing = this.#missing
    const { queue, future } = options.verification
    this.missing = {
      get roots() {
        return missing.roots
      },
      get size() {
        return missing.size
      },
      has: (root) => missing.has(root),
      ownerOf: (root) => missing.ownerOf(root),
      isHeld: (root) => queue.holdsAncestorsOf(root) || future.holdsAncestorsOf(root),
    }
  }

  get dueMs(): number | undefined {
    return this.#dueMs
  }

  /** An announcement whose parent is missing. False when this announcer has too many: that is a flood. */
  add(args: {
    parent: Root
    headers: Uint8Array
    last: Root
    headerCount: number
    peer: PeerId
    nowMs: number
  }): boolean {
    if (!this.#missing.add(args)) return false
    this.askSoon(args.nowMs)
    return true
  }

  askSoon(atMs: number): void {
    if (this.#missing.size > 0) this.#dueMs ??= atMs
  }

  /** All missing parents go together, first to those who announced their children, what is left to anyone. */
  ask(nowMs: number): void {
    this.#dueMs = undefined
    this.deliverAll()
    const askable = [...this.#options.peers.values()].filter((peer) => peer.servesAncestors)
    for (const isAnnouncer of [true, false]) {
      for (const peer of askable) {
        if (peer.ancestorsRequest !== undefined) continue
        const roots = this.#missing.askable({ peer: peer.peer, isAnnouncer })
        if (roots.length > 0) this.#send(peer, roots, nowMs)
      }
    }
    if (askable.length > 0) this.#missing.failExhausted(askable.map(({ peer }) => peer))
  }

  /** A range is being fetched: it may bring what is missing, so the question waits for its end. */
  postpone(): void {
    this.#dueMs = undefined
  }

  #send(peer: SyncPeer, roots: readonly Root[], nowMs: number): void {
    const { requests, tree } = this.#options
    const known = tree.locator(tree.tip.height)
    const countMax = limits.HEADERS_PER_MESSAGE_MAX
    const timeoutMs = limits.REQUEST_TIMEOUT_MS
    const make = (request: PendingAncestors['request']) =>
      ({ type: 'get-ancestors', request, roots, known, countMax }) as const
    const sent = requests.send({ peer, timeoutMs, nowMs, make })
    if (sent === undefined) return
    peer.ancestorsRequest = { ...sent, roots }
    this.#missing.asked(roots, peer.peer)
  }

  /** The answer to this peer's request. Returns what is wrong with it, in one line, or undefined. */
  answered(peer: SyncPeer, pending: PendingAncestors, message: Ancestors, nowMs: number): string | undefined {
    peer.ancestorsRequest = undefined
    const left = new Set(pending.roots)
    const answered = message.answered.filter((root) => left.delete(root))
    const unknown = message.unknown.filter((root) => left.delete(root))
    const headerCount = message.headers.length / this.#options.chain.headerSizeBytes
    if (answered.length + unknown.length < message.answered.length + message.unknown.length) {
      return 'ancestors of roots that were not asked for'
    }
    if (headerCount > limits.HEADERS_PER_MESSAGE_MAX || (headerCount > 0 && answered.length === 0)) {
      return `expected at most ${limits.HEADERS_PER_MESSAGE_MAX} ancestors of answered roots, got ${headerCount} headers`
    }
    this.#release(unknown, peer.peer, 'tried')
    this.#release([...left], peer.peer, answered.length === 0 ? 'tried' : 'untried')
    if (headerCount === 0) this.#release(answered, peer.peer, 'tried')
    else {
      const { headers } = message
      const { last } = this.#options.tree.inspect(headers)
      const source: PeerSource = { type: 'ancestors', peer: peer.peer, roots: answered }
      this.#options.verification.queue.push({ source, headers, headerCount, last })
    }
    this.askSoon(nowMs)
    return undefined
  }

  /** No answer will come: refused, or too late. */
  failed(peer: SyncPeer, nowMs: number): void {
    this.#release(peer.ancestorsRequest?.roots ?? [], peer.peer, 'tried')
    peer.ancestorsRequest = undefined
    this.askSoon(nowMs)
  }

  /** Refused for good, or until `againMs`. */
  refused(peer: SyncPeer, againMs: number | undefined, nowMs: number): void {
    const { ancestorsRequest } = peer
    if (ancestorsRequest !== undefined && againMs !== undefined) this.lost(peer, ancestorsRequest.connection, againMs)
    else this.failed(peer, nowMs)
  }

  /** The request went down with its connection: the peer may be asked again. */
  lost(peer: SyncPeer, connection: ConnectionId, againMs: number): void {
    if (peer.ancestorsRequest?.connection !== connection) return
    this.#release(peer.ancestorsRequest.roots, peer.peer, 'untried')
    peer.ancestorsRequest = undefined
    this.askSoon(againMs)
  }

  peerGone(peer: PeerId, nowMs: number): void {
    this.#missing.peerGone(peer)
    this.askSoon(nowMs)
  }

  dropOf(peer: PeerId): void {
    this.#missing.dropOf(peer)
  }

  /** An answer ended above our chain: its gap is longer than one answer. The roots behind the cut one were not seen. */
  cut(source: AncestorsSource): void {
    this.deliverAll()
    const [cut, ...unseen] = source.roots.filter((root) => !this.#options.tree.has(root))
    if (cut !== undefined) this.#release([cut], source.peer, 'tried')
    this.#release(unseen, source.peer, 'untried')
  }

  /** Every header of an answer is in the tree. Returns what is wrong with it, in one line, or undefined. */
  verified({ roots }: AncestorsSource): string | undefined {
    const absent = roots.find((root) => !this.#options.tree.has(root))
    return absent === undefined ? undefined : `expected the ancestors of ${absent}, got others`
  }

  /** An answer that cannot be used. */
  unusable(source: AncestorsSource): void {
    this.#release(source.roots, source.peer, 'tried')
  }

  /** Orphans whose parent is in the tree now are verified next; their own children follow the same way, iteratively. */
  deliver(root: Root): void {
    for (const { peer, headers, headerCount, last } of this.#missing.take(root)) {
      const source: PeerSource = { type: 'announcement', peer }
      this.#options.verification.queue.push({ source, headers, headerCount, last })
    }
  }

  deliverAll(): void {
    const { addedCount } = this.#options.verification
    if (addedCount === this.#lookedUpAtCount) return
    this.#lookedUpAtCount = addedCount
    for (const root of [...this.#missing.roots]) if (this.#options.tree.has(root)) this.deliver(root)
  }

  stop(): void {
    this.#missing.clear()
  }

  #release(roots: readonly Root[], peer: PeerId, outcome: 'tried' | 'untried'): void {
    this.#missing.release({ roots, peer, isTried: outcome === 'tried' })
  }
}
