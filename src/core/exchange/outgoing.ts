import { assert } from '../assert.ts'
import type { Cid } from '../ids.ts'
import { EXCHANGE_BLOCKS_PER_MESSAGE_MAX, EXCHANGE_PACKED_BYTES_MAX } from '../limits.ts'
import { entrySizeBytes, hashCodeOf } from './cid-text.ts'
import type { OutgoingExchange, WantEntry } from './exchange-message.ts'
import type { ExchangePeer, LedgerEntry } from './exchange-peer.ts'

export interface Packed {
  readonly message: OutgoingExchange
  readonly sizeBytes: number
  readonly blocks: readonly LedgerEntry[]
  readonly blockBytes: number
  readonly haves: readonly LedgerEntry[]
}

/** A block's prefix, keys and lengths. */
const BLOCK_OVERHEAD_BYTES = 24

/**
 * Takes the next message out of a peer's outbox; undefined when there is nothing to say.
 * At most EXCHANGE_PACKED_BYTES_MAX and EXCHANGE_BLOCKS_PER_MESSAGE_MAX, blocks of one hash function only; a larger block goes alone.
 */
export function packMessage(peer: ExchangePeer, nowMs: number): Packed | undefined {
  const { outbox } = peer
  const { wants, cancels, haves, dontHaves, blocks } = outbox
  const hasWords = outbox.isFullWantlist || wants.size + cancels.size + haves.size + dontHaves.size > 0
  if (!hasWords && blocks.size === 0) return undefined
  const { isFullWantlist } = outbox
  const isLargeNext = firstSizeBytes(blocks) > EXCHANGE_PACKED_BYTES_MAX - BLOCK_OVERHEAD_BYTES
  const isAlone = isLargeNext && (!hasWords || outbox.isTurnOfLarge)
  const room = new Room(isAlone ? 0 : EXCHANGE_PACKED_BYTES_MAX)
  const takenCancels = takeFrom(cancels, (cid) => room.take(entrySizeBytes(cid)))
  const takenWants = takeWants(peer, room, nowMs)
  const takenHaves = takeFrom(haves, ({ cid }) => room.take(entrySizeBytes(cid)))
  const takenDontHaves = takeFrom(dontHaves, (cid) => room.take(entrySizeBytes(cid)))
  const taken = isAlone ? takeLarge(peer) : takeBlocks(peer, room)
  outbox.isTurnOfLarge = !isAlone
  if (!isAlone) outbox.isFullWantlist = false
  const blockBytes = taken.reduce((sizeBytes, { bytes }) => sizeBytes + bytes.length, 0)
  outbox.blockBytes -= blockBytes
  return {
    message: {
      wants: takenWants,
      cancels: takenCancels,
      isFullWantlist: isFullWantlist && !isAlone,
      blocks: taken.map(({ entry, bytes }) => ({ cid: entry.cid, bytes })),
      haves: takenHaves.map(({ cid }) => cid),
      dontHaves: takenDontHaves,
      pendingBytes: peer.ledger.queuedBytes + outbox.blockBytes,
    },
    sizeBytes: isAlone ? blockBytes + BLOCK_OVERHEAD_BYTES : room.takenBytes,
    blocks: taken.map(({ entry }) => entry),
    blockBytes,
    haves: takenHaves,
  }
}

class Room {
  readonly #bytesMax: number
  takenBytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  take(sizeBytes: number): boolean {
    if (this.takenBytes + sizeBytes > this.#bytesMax) return false
    this.takenBytes += sizeBytes
    return true
  }
}

interface TakenBlock {
  readonly entry: LedgerEntry
  readonly bytes: Uint8Array
}

function firstSizeBytes(blocks: ReadonlyMap<LedgerEntry, Uint8Array>): number {
  for (const bytes of blocks.values()) return bytes.length
  return 0
}

/** In order, until one does not fit. */
function takeFrom<Item>(items: Set<Item>, fits: (item: Item) => boolean): readonly Item[] {
  const taken: Item[] = []
  for (const item of items) {
    if (!fits(item)) break
    items.delete(item)
    taken.push(item)
  }
  return taken
}

function takeWants(peer: ExchangePeer, room: Room, nowMs: number): readonly WantEntry[] {
  const { wants } = peer.outbox
  const taken: WantEntry[] = []
  for (const [cid, ask] of wants) {
    if (!room.take(entrySizeBytes(cid))) break
    wants.delete(cid)
    ask.sentCount += 1
    ask.askedMs = nowMs
    taken.push({ cid, priority: ask.want.priority, want: ask.kind, sendDontHave: true })
  }
  return taken
}

function takeLarge(peer: ExchangePeer): readonly TakenBlock[] {
  for (const [entry, bytes] of peer.outbox.blocks) {
    peer.outbox.blocks.delete(entry)
    return [{ entry, bytes }]
  }
  return []
}

/** Of the hash function of the first; the others stay for the next message. */
function takeBlocks(peer: ExchangePeer, room: Room): readonly TakenBlock[] {
  const taken: TakenBlock[] = []
  let hashCode: number | undefined
  for (const [entry, bytes] of peer.outbox.blocks) {
    if (taken.length >= EXCHANGE_BLOCKS_PER_MESSAGE_MAX) break
    const itsHashCode = hashCodeOf(entry.cid)
    if (taken.length > 0 && itsHashCode !== hashCode) continue
    if (!room.take(bytes.length + BLOCK_OVERHEAD_BYTES)) break
    assert(entry.state === 'loaded', 'what waits for its message is in the ledger')
    hashCode = itsHashCode
    peer.outbox.blocks.delete(entry)
    taken.push({ entry, bytes })
  }
  return taken
}

/** Takes a want out of what is to be said; a peer that has heard of it hears that it is over. */
export function takeBack(peer: ExchangePeer, cid: Cid, wasSent: boolean): void {
  peer.outbox.wants.delete(cid)
  if (wasSent && !peer.outbox.isFullWantlist) peer.outbox.cancels.add(cid)
}
