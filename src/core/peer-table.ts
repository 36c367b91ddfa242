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
  readonly #known = new Map<PeerId, KnownPeer>()
  readonly #random: RandomSource

  constructor(random: RandomSource) {
    this.#random = random
  }

  get known(): ReadonlyMap<PeerId, KnownPeer> {
    return this.#known
  }

  take({ record, source, nowMs }: { record: PeerRecord; source: PeerId; nowMs: number }): void {
    this.#forgetOld(nowMs)
    const { peer } = record
    const before = this.#known.get(peer)
    const isOwnWord = source === peer
    if (before !== undefined) {
      const isOlder = record.sequence < before.record.sequence
      if (isOlder || (record.sequence === before.record.sequence && !isOwnWord)) return
      this.#known.delete(peer)
    }
    const ofSource = [...this.#known].filter(([, known]) => known.source === source)
    if (ofSource.length >= limits.PEER_RECORDS_PER_SOURCE_MAX) this.#forgetFirst(ofSource)
    if (this.#known.size >= limits.PEER_RECORDS_MAX) this.#forgetFirst(this.#ofFullestSource())
    const isSame = record.sequence === before?.record.sequence
    this.#known.set(peer, {
      ...{ record, source, receivedMs: nowMs },
      failureCount: isSame ? before.failureCount : 0,
      // A new record is no way round a back-off.
      notBeforeMs: before?.notBeforeMs ?? nowMs,
    })
  }

  get(peer: PeerId): PeerRecord | undefined {
    return this.#known.get(peer)?.record
  }

  /** Somebody to dial now: a random one of a random source, so that who tells of many gets no more dials than who tells of one. */
  pick(nowMs: number, isEligible: (record: PeerRecord) => boolean): PeerRecord | undefined {
    this.#forgetOld(nowMs)
    const bySource = new Map<PeerId, PeerRecord[]>()
    for (const { record, source, notBeforeMs } of this.#known.values()) {
      if (notBeforeMs > nowMs || !isEligible(record)) continue
      const records = bySource.get(source)
      if (records === undefined) bySource.set(source, [record])
      else records.push(record)
    }
    return this.#oneOf(this.#oneOf([...bySource.values()]) ?? [])
  }

  /** When the next of those that back off may be dialled again; Infinity when none waits. */
  nextDueMs(nowMs: number): number {
    let next = Infinity
    for (const { notBeforeMs } of this.#known.values()) if (notBeforeMs > nowMs) next = Math.min(next, notBeforeMs)
    return next
  }

  reached(peer: PeerId): void {
    const known = this.#known.get(peer)
    if (known !== undefined) known.failureCount = 0
  }

  /** Backs off, doubling, with a random quarter off. */
  failed({ peer, nowMs, backoffMs = 0 }: { peer: PeerId; nowMs: number; backoffMs?: number | undefined }): void {
    const known = this.#known.get(peer)
    if (known === undefined) return
    known.failureCount += 1
    const fullMs = Math.min(limits.LEARNT_BACKOFF_MS_MAX, limits.LEARNT_BACKOFF_MS_MIN * 2 ** known.failureCount)
    known.notBeforeMs = nowMs + Math.max(backoffMs, fullMs * (0.75 + 0.25 * this.#random()))
  }

  #forgetOld(nowMs: number): void {
    for (const [peer, { receivedMs }] of this.#known) {
      if (receivedMs + limits.PEER_RECORD_LIFETIME_MS > nowMs) return
      this.#known.delete(peer)
    }
  }

  #forgetFirst([first]: readonly (readonly [PeerId, KnownPeer])[]): void {
    if (first !== undefined) this.#known.delete(first[0])
  }

  #ofFullestSource(): readonly (readonly [PeerId, KnownPeer])[] {
    const groups = Map.groupBy(this.#known, ([, { source }]) => source)
    return [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most), [])
  }

  #oneOf<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)]
  }
}
