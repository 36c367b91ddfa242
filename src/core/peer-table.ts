import type { PeerId } from './ids.ts'
import * as limits from './limits.ts'
import type { PeerRecord } from './message.ts'
import type { RandomSource } from './random.ts'

export interface KnownPeer {
  readonly record: PeerRecord
  /** Who told us; itself, when it did. */
  readonly source: PeerId
  readonly receivedMs: number
  /** Dials in a row that led to nothing. */
  failureCount: number
  notBeforeMs: number
}

/**
 * Peers that others told of. Their host has checked every signature; what they say of their subject is that subject's word.
 * 1. An older record never replaces a newer one, and each is forgotten some hours after it came.
 * 2. No source holds more than a quarter: beyond that its own oldest gives way.
 */
export class PeerTable {
  /** By subject, oldest first; bounded by PEER_RECORDS_MAX. */
  readonly known: Map<PeerId, KnownPeer> = new Map<PeerId, KnownPeer>()
  readonly #random: RandomSource

  constructor(random: RandomSource) {
    this.#random = random
  }

  take({ record, source, nowMs }: { record: PeerRecord; source: PeerId; nowMs: number }): void {
    const { known } = this
    const { peer, sequence } = record
    const before = known.get(peer)
    const beforeSequence = before?.record.sequence ?? -1
    // The subject's own word is better than hearsay, and shows that it is there.
    if (sequence < beforeSequence || (sequence === beforeSequence && source !== peer)) return
    known.delete(peer)
    const ofSource = [...known.values()].filter((each) => each.source === source)
    const isFull = known.size >= limits.PEER_RECORDS_MAX
    const [oldest] = ofSource.length >= limits.PEER_RECORDS_PER_SOURCE_MAX ? ofSource : isFull ? known.values() : []
    if (oldest !== undefined) known.delete(oldest.record.peer)
    // A new record is no way round a back-off.
    known.set(peer, { record, source, receivedMs: nowMs, failureCount: 0, notBeforeMs: before?.notBeforeMs ?? 0 })
  }

  /** Somebody to dial now: a random one of a random source, so that who tells of many gets no more dials than who tells of one. */
  pick(nowMs: number, isEligible: (record: PeerRecord) => boolean): PeerRecord | undefined {
    for (const [peer, { receivedMs }] of this.known) {
      if (receivedMs + limits.PEER_RECORD_LIFETIME_MS <= nowMs) this.known.delete(peer)
    }
    const eligible = [...this.known.values()].filter(
      ({ record, notBeforeMs }) => notBeforeMs <= nowMs && isEligible(record),
    )
    const chosen = this.#oneOf([...new Set(eligible.map(({ source }) => source))])
    return this.#oneOf(eligible.filter(({ source }) => source === chosen))?.record
  }

  /** When the next of those that back off may be dialled again; Infinity when none waits. */
  nextDueMs(nowMs: number): number {
    let next = Infinity
    for (const { notBeforeMs } of this.known.values()) if (notBeforeMs > nowMs) next = Math.min(next, notBeforeMs)
    return next
  }

  /** Backs off, doubling, with a random quarter off. */
  failed({ peer, nowMs, backoffMs = 0 }: { peer: PeerId; nowMs: number; backoffMs?: number | undefined }): void {
    const known = this.known.get(peer)
    if (known === undefined) return
    known.failureCount += 1
    const fullMs = Math.min(limits.LEARNT_BACKOFF_MS_MAX, limits.LEARNT_BACKOFF_MS_MIN * 2 ** known.failureCount)
    known.notBeforeMs = nowMs + Math.max(backoffMs, fullMs * (0.75 + 0.25 * this.#random()))
  }

  #oneOf<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)]
  }
}
