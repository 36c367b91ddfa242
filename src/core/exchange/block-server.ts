import { assert } from '../assert.ts'
import type { Cid, LoadId } from '../ids.ts'
import {
  BLOCK_BYTES_MAX,
  BLOCK_READ_TIMEOUT_MS,
  CIDS_PER_READ_MAX,
  EXCHANGE_PACKED_BYTES_MAX,
  HAVE_ANSWERED_BY_BLOCK_BYTES_MAX,
  LEDGER_WANTS_GUARANTEED,
} from '../limits.ts'
import { AbsentIndex } from './absent-index.ts'
import { AwaitedBlocks } from './awaited-blocks.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { BlocksFound, BlocksLoaded, BlocksStored } from './exchange-event.ts'
import type { IncomingExchange, WantEntry } from './exchange-message.ts'
import type { ExchangePeer, LedgerEntry, Sending } from './exchange-peer.ts'
import type { LedgerPool } from './ledger.ts'
import { Ledger } from './ledger.ts'
import { SendBudget } from './send-budget.ts'

interface Read {
  readonly type: 'find' | 'load'
  readonly peer: ExchangePeer
  readonly entries: readonly LedgerEntry[]
}

/**
 * Serves blocks: per peer one look-up, one load and one message under way, and a ledger of what it wants.
 * 1. No peer waits for another: what they share is the budget beyond each peer's own share, lent in fair order (X2).
 * 2. An entry is forgotten when its message was drained, not before.
 */
export class BlockServer {
  readonly #context: ExchangeContext
  readonly budget: SendBudget = new SendBudget()
  readonly #pool: LedgerPool = { usedCount: 0 }
  readonly #awaited = new AwaitedBlocks<LedgerEntry>()
  readonly #absentees: AbsentIndex<Ledger<ExchangePeer>>
  /** Under way; two a peer. */
  readonly #reads = new Map<LoadId, Read>()

  constructor(context: ExchangeContext, seed: number) {
    this.#context = context
    this.#absentees = new AbsentIndex(seed)
  }

  createLedger(): Ledger<ExchangePeer> {
    return new Ledger({ pool: this.#pool, awaited: this.#awaited, absentees: this.#absentees })
  }

  // What a peer wants.

  received(peer: ExchangePeer, message: IncomingExchange, nowMs: number): void {
    const { wants, cancels, isFullWantlist } = message
    if (wants.length === 0 && cancels.length === 0 && !isFullWantlist) return
    const { ledger } = peer
    if (isFullWantlist) {
      const kept = new Set(wants.map(({ cid }) => cid))
      for (const cid of ledger.cids()) if (!kept.has(cid)) this.#cancelled(peer, cid, nowMs)
    }
    for (const cid of cancels) this.#cancelled(peer, cid, nowMs)
    for (const want of wants) this.#wanted(peer, want)
    this.#context.dirty.add(peer)
  }

  #cancelled(peer: ExchangePeer, cid: Cid, nowMs: number): void {
    const entry = peer.ledger.get(cid)
    if (entry !== undefined) {
      this.#remove(entry, nowMs)
      return
    }
    peer.ledger.takePacked(cid)
    peer.outbox.dontHaves.delete(cid)
  }

  #wanted(peer: ExchangePeer, wanted: WantEntry): void {
    const { ledger } = peer
    // It was absent: it is looked for again, as the block itself where it was wanted so before.
    const packed = ledger.takePacked(wanted.cid)
    if (packed !== undefined) peer.outbox.dontHaves.delete(wanted.cid)
    const want = packed?.want === 'block' ? { ...wanted, want: packed.want } : wanted
    const known = ledger.get(want.cid)
    if (known !== undefined) {
      this.#refresh(known, want)
      return
    }
    if (!ledger.hasRoom) {
      const evicted = ledger.evict(want.priority)
      if (evicted?.entry !== undefined) peer.outbox.haves.delete(evicted.entry)
      if (evicted !== undefined) peer.outbox.dontHaves.delete(evicted.cid)
      // Whoever gives way hears of it, within reason, and asks elsewhere.
      const refused = evicted ?? want
      const isTold = refused.sendDontHave && peer.outbox.dontHaves.size < LEDGER_WANTS_GUARANTEED
      if (isTold) this.#tellAbsent(peer, refused.cid)
      if (evicted === undefined) return
    }
    this.#lookFor(ledger.add(peer, want, this.#isInTree(want.cid)))
  }

  /** A header that was never synced may still be in the store, imported with its block. */
  #isInTree(cid: Cid): boolean {
    const root = this.#context.content?.headerRootOf(cid)
    return root !== undefined && this.#context.tree.has(root)
  }

  /** Headers and what may not be served are settled at once; the rest waits for the next look-up. */
  #lookFor(entry: LedgerEntry): void {
    const { peer, cid, isHeader } = entry
    if (!this.#context.mayServe(peer.id, cid)) this.#absent(entry)
    else if (!isHeader) peer.ledger.move(entry, 'unknown')
    else {
      const header = this.#headerOf(entry)
      if (header === undefined) this.#absent(entry)
      else this.#present(entry, header.length)
    }
  }

  #headerOf({ cid }: LedgerEntry): Uint8Array | undefined {
    const root = this.#context.content?.headerRootOf(cid)
    return root === undefined || !this.#context.isTreeServed() ? undefined : this.#context.tree.get(root)?.bytes
  }

  /** Asked for again: looked for again where it was absent, and sent where it was only told of. */
  #refresh(entry: LedgerEntry, want: WantEntry): void {
    const { peer, state, sizeBytes } = entry
    if (state === 'finding' && want.want === 'block') entry.want = 'block'
    if (state === 'finding' || state === 'loading' || state === 'loaded' || state === 'sending') return
    const kind = entry.want === 'block' ? 'block' : want.want
    if (state !== 'absent' && entry.priority === want.priority && entry.want === kind) return
    forgetAnswer(entry)
    peer.ledger.remove(entry)
    const again = peer.ledger.add(peer, { ...want, want: kind }, this.#isInTree(want.cid))
    if (state === 'queued' || state === 'have') this.#present(again, sizeBytes)
    else this.#lookFor(again)
  }

  #remove(entry: LedgerEntry, nowMs: number): void {
    const { peer } = entry
    if (entry.state === 'loaded') this.#unload(entry)
    forgetAnswer(entry)
    peer.ledger.remove(entry)
    if (peer.ledger.nextQueued === undefined) this.#stopWaiting(peer, nowMs)
  }

  #stopWaiting(peer: ExchangePeer, nowMs: number): void {
    if (this.budget.stopWaiting(peer)) this.#turn(nowMs)
  }

  #unload(entry: LedgerEntry): void {
    const { outbox } = entry.peer
    const bytes = outbox.blocks.get(entry)
    if (bytes === undefined) return
    outbox.blocks.delete(entry)
    outbox.blockBytes -= bytes.length
    this.budget.free(entry.peer, bytes.length)
  }

  #tellAbsent(peer: ExchangePeer, cid: Cid): void {
    peer.outbox.dontHaves.add(cid)
    this.#context.dirty.add(peer)
  }

  #absent(entry: LedgerEntry): void {
    // It was told before.
    if (entry.state === 'absent') return
    entry.peer.ledger.move(entry, 'absent')
    if (entry.sendDontHave) this.#tellAbsent(entry.peer, entry.cid)
  }

  #isForPeer({ id, isRushlight }: ExchangePeer, cid: Cid, sizeBytes: number): boolean {
    const bytesMax = isRushlight ? BLOCK_BYTES_MAX : EXCHANGE_PACKED_BYTES_MAX
    return sizeBytes <= bytesMax && this.#context.mayServe(id, cid)
  }

  #present(entry: LedgerEntry, sizeBytes: number): void {
    const { peer } = entry
    if (!this.#isForPeer(peer, entry.cid, sizeBytes)) {
      this.#absent(entry)
      return
    }
    entry.sizeBytes = sizeBytes
    peer.outbox.dontHaves.delete(entry.cid)
    this.#context.dirty.add(peer)
    if (entry.want === 'have' && sizeBytes > HAVE_ANSWERED_BY_BLOCK_BYTES_MAX) {
      peer.ledger.move(entry, 'have')
      peer.outbox.haves.add(entry)
    } else peer.ledger.move(entry, 'queued')
  }

  // What the store says.

  found(event: BlocksFound): void {
    const read = this.#take(event.load)
    if (read?.type !== 'find') return
    read.entries.forEach((entry, index) => {
      // Cancelled meanwhile, or stored and told.
      if (entry.state !== 'finding') return
      const sizeBytes = event.sizes[index]
      if (sizeBytes === undefined) this.#absent(entry)
      else this.#present(entry, sizeBytes)
    })
  }

  stored(event: BlocksStored): void {
    for (const { cid, sizeBytes } of event.blocks) {
      for (const entry of this.#awaited.of(cid)) if (!entry.isHeader) this.#present(entry, sizeBytes)
      for (const ledger of this.#absentees.of(cid)) {
        if (ledger.owner === undefined || !this.#isForPeer(ledger.owner, cid, sizeBytes)) continue
        const entry = ledger.unpack(cid)
        if (entry !== undefined) this.#present(entry, sizeBytes)
      }
    }
  }

  loaded(event: BlocksLoaded, nowMs: number): void {
    const read = this.#take(event.load)
    if (read?.type !== 'load') return
    read.entries.forEach((entry, index) => {
      if (index >= event.blocks.length) this.#putBack(entry)
      else this.#loadedOne(entry, event.blocks[index])
    })
    this.#turn(nowMs)
  }

  #loadedOne(entry: LedgerEntry, bytes: Uint8Array | undefined): void {
    const { peer, sizeBytes } = entry
    if (bytes === undefined || entry.state !== 'loading') {
      this.budget.free(peer, sizeBytes)
      if (entry.state === 'loading') this.#absent(entry)
      return
    }
    assert(bytes.length === sizeBytes, 'a block of one CID has one size')
    peer.ledger.move(entry, 'loaded')
    peer.outbox.blocks.set(entry, bytes)
    peer.outbox.blockBytes += bytes.length
  }

  /** It was not loaded after all: it waits for its turn again. */
  #putBack(entry: LedgerEntry): void {
    this.budget.free(entry.peer, entry.sizeBytes)
    if (entry.state === 'loading') entry.peer.ledger.move(entry, 'queued')
  }

  /** What could not be read is as absent: its peer asks elsewhere. */
  readFailed(load: LoadId, nowMs: number): void {
    const read = this.#take(load)
    for (const entry of read?.entries ?? []) {
      if (read?.type === 'load') this.budget.free(entry.peer, entry.sizeBytes)
      if (entry.state === 'finding' || entry.state === 'loading') this.#absent(entry)
    }
    this.#turn(nowMs)
  }

  #take(load: LoadId): Read | undefined {
    const read = this.#reads.get(load)
    if (read === undefined) return undefined
    this.#reads.delete(load)
    if (read.type === 'find') read.peer.isFinding = false
    else read.peer.isLoading = false
    this.#context.dirty.add(read.peer)
    return read
  }

  // What goes on for a peer.

  /** Starts the look-up and the load that may be started for it. */
  advance(peer: ExchangePeer, nowMs: number): void {
    if (!peer.isFinding && peer.ledger.unknown.size > 0) this.#find(peer)
    if (!peer.isLoading && !peer.isResting) this.#load(peer, nowMs)
  }

  #find(peer: ExchangePeer): void {
    const entries: LedgerEntry[] = []
    for (const entry of peer.ledger.unknown) {
      peer.ledger.move(entry, 'finding')
      entries.push(entry)
      if (entries.length >= CIDS_PER_READ_MAX) break
    }
    peer.isFinding = true
    const load = this.#read({ type: 'find', peer, entries })
    const cids = entries.map(({ cid }) => cid)
    this.#context.effects.push({
      type: 'find-blocks',
      load,
      owner: peer.id,
      cids,
      timeoutMs: BLOCK_READ_TIMEOUT_MS,
    })
  }

  #read(read: Read): LoadId {
    const load = this.#context.nextLoad()
    this.#reads.set(load, read)
    return load
  }

  /** As much as goes into the next envelope, while the current one is on its way. */
  #load(peer: ExchangePeer, nowMs: number): void {
    const { ledger, outbox } = peer
    const first = ledger.nextQueued
    if (first === undefined || outbox.blockBytes >= peer.envelopeBytes) {
      this.#stopWaiting(peer, nowMs)
      return
    }
    // An empty block needs room too, so that 0 always means none.
    const roomBytes = this.budget.roomFor(peer, Math.max(1, first.sizeBytes), nowMs)
    if (roomBytes === 0) return
    const bytesMax = Math.min(roomBytes, Math.max(peer.envelopeBytes - outbox.blockBytes, first.sizeBytes))
    const entries: LedgerEntry[] = []
    let sizeBytes = 0
    for (let next = ledger.nextQueued; next !== undefined; next = ledger.nextQueued) {
      if (entries.length >= CIDS_PER_READ_MAX || sizeBytes + next.sizeBytes > bytesMax) break
      sizeBytes += next.sizeBytes
      ledger.move(next, 'loading')
      entries.push(next)
    }
    this.budget.take(peer, sizeBytes, nowMs)
    this.#turn(nowMs)
    const stored: LedgerEntry[] = []
    for (const entry of entries) {
      if (entry.isHeader) this.#loadedOne(entry, this.#headerOf(entry))
      else stored.push(entry)
    }
    if (stored.length === 0) {
      this.#context.dirty.add(peer)
      return
    }
    peer.isLoading = true
    const load = this.#read({ type: 'load', peer, entries: stored })
    const cids = stored.map(({ cid }) => cid)
    const timeoutMs = BLOCK_READ_TIMEOUT_MS
    this.#context.effects.push({ type: 'load-blocks', load, owner: peer.id, cids, bytesMax: sizeBytes, timeoutMs })
  }

  /** Memory became free: whoever is first in line goes on. */
  #turn(nowMs: number): void {
    const first = this.budget.firstWaiting(nowMs)
    if (first !== undefined) this.#context.dirty.add(first)
  }

  // What became of a message.

  sent(peer: ExchangePeer, sending: Sending, nowMs: number): void {
    for (const entry of sending.blocks) if (entry.state === 'sending') peer.ledger.remove(entry)
    for (const entry of sending.haves) if (entry.state === 'have') peer.ledger.remove(entry)
    this.budget.free(peer, sending.blockBytes)
    this.budget.drained(peer, nowMs)
    this.#turn(nowMs)
  }

  /** Nobody knows what arrived: all of it goes back to where it came from. */
  failed(peer: ExchangePeer, sending: Sending, nowMs: number): void {
    const { ledger, outbox } = peer
    for (const entry of sending.blocks) if (entry.state === 'sending') ledger.move(entry, 'queued')
    for (const entry of [...outbox.blocks.keys()]) {
      this.#unload(entry)
      ledger.move(entry, 'queued')
    }
    for (const entry of sending.haves) if (entry.state === 'have') outbox.haves.add(entry)
    for (const cid of sending.dontHaves) {
      if (ledger.isAbsent(cid)) this.#tellAbsent(peer, cid)
    }
    this.budget.free(peer, sending.blockBytes)
    this.budget.stopWaiting(peer)
    this.#turn(nowMs)
  }

  gone(peer: ExchangePeer, nowMs: number): void {
    peer.ledger.end()
    peer.outbox.blocks.clear()
    for (const [load, read] of this.#reads) if (read.peer === peer) this.#reads.delete(load)
    this.budget.free(peer, peer.outstandingBytes)
    this.budget.stopWaiting(peer)
    this.#turn(nowMs)
    this.#context.dirty.delete(peer)
  }
}

/** Nobody waits for it any more. */
function forgetAnswer(entry: LedgerEntry): void {
  entry.peer.outbox.haves.delete(entry)
  entry.peer.outbox.dontHaves.delete(entry.cid)
}
