import { assert } from '../assert.ts'
import type { Cid } from '../ids.ts'
import { LEDGER_POOL_WANTS, LEDGER_WANTS_GUARANTEED, LEDGER_WANTS_MAX } from '../limits.ts'
import type { AbsentIndex } from './absent-index.ts'
import type { AwaitedBlocks } from './awaited-blocks.ts'
import type { WantEntry } from './exchange-message.ts'
import { Heap } from './heap.ts'
import { PackedWants } from './packed-wants.ts'

export type LedgerState =
  | 'unknown' // nobody looked yet whether it is here
  | 'finding' // the store is looking
  | 'absent' // it is not here; kept until it comes, packed where it can be
  | 'queued' // it is here and waits for its turn
  | 'have' // it is here, and that is all there is to tell
  | 'loading' // the store is reading it
  | 'loaded' // its bytes wait for the next message
  | 'sending' // in a message on its way
  | 'gone' // sent, cancelled, evicted, packed, or its peer is gone

/** One want of one peer's. */
export interface LedgerEntry<Peer> {
  readonly cid: Cid
  readonly peer: Peer
  readonly order: number
  /** Read from the tree of headers, not from the block store. */
  readonly isHeader: boolean
  priority: number
  want: 'block' | 'have'
  sendDontHave: boolean
  /** 0 while nobody knows. */
  sizeBytes: number
  state: LedgerState
}

/** Wants beyond those guaranteed to each peer come out of one pool. */
export interface LedgerPool {
  usedCount: number
}

export interface LedgerOptions<Peer> {
  readonly pool: LedgerPool
  readonly awaited: AwaitedBlocks<LedgerEntry<Peer>>
  readonly absentees: AbsentIndex<Ledger<Peer>>
}

/** Entries of a heap that are over, beside as many that are not. */
const HEAP_GARBAGE_MIN = 64

/**
 * What one peer wants of us. LEDGER_WANTS_GUARANTEED are its own, more come out of the pool, LEDGER_WANTS_MAX is the end.
 * An entry leaves by being sent, cancelled, evicted, or with its peer; never otherwise.
 */
export class Ledger<Peer> {
  readonly #pool: LedgerPool
  readonly #awaited: AwaitedBlocks<LedgerEntry<Peer>>
  readonly #present = new Map<Cid, LedgerEntry<Peer>>()
  /** The mass of them: absent, oldest first, the first to be evicted. They have no entry. */
  readonly #packed: PackedWants<Ledger<Peer>>
  /** Absent, and not to be packed: headers, and CIDs of unusual length. Oldest first. */
  readonly #absent = new Map<Cid, LedgerEntry<Peer>>()
  /** Found by nobody yet, in the order of arrival. */
  readonly unknown: Set<LedgerEntry<Peer>> = new Set()
  #queue = new Heap<LedgerEntry<Peer>>(goesBefore)
  #queuedCount = 0
  #queuedBytes = 0
  /** Lowest priority first; made when the ledger is full for the first time. */
  #lowest: Heap<LedgerEntry<Peer>> | undefined
  #nextOrder = 0
  /** Undefined until it wants something. */
  owner: Peer | undefined

  constructor(options: LedgerOptions<Peer>) {
    this.#pool = options.pool
    this.#awaited = options.awaited
    this.#packed = new PackedWants({ index: options.absentees, owner: this })
  }

  get size(): number {
    return this.#present.size + this.#absent.size + this.#packed.size
  }

  /** Of blocks that are here and wait for their turn. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  get hasRoom(): boolean {
    if (this.size < LEDGER_WANTS_GUARANTEED) return true
    return this.size < LEDGER_WANTS_MAX && this.#pool.usedCount < LEDGER_POOL_WANTS
  }

  /** But for what is packed. */
  get(cid: Cid): LedgerEntry<Peer> | undefined {
    return this.#present.get(cid) ?? this.#absent.get(cid)
  }

  isAbsent(cid: Cid): boolean {
    return this.#absent.has(cid) || this.#packed.has(cid)
  }

  /** A copy. */
  cids(): readonly Cid[] {
    return [...this.#present.keys(), ...this.#absent.keys(), ...this.#packed.cids()]
  }

  /** What is packed leaves the ledger. */
  takePacked(cid: Cid): WantEntry | undefined {
    const taken = this.#packed.take(cid)
    if (taken !== undefined) this.#shrunk()
    return taken
  }

  /** What is packed has an entry again, in the last place. */
  unpack(cid: Cid): LedgerEntry<Peer> | undefined {
    const { owner } = this
    const taken = this.#packed.take(cid)
    if (owner === undefined || taken === undefined) return undefined
    const entry = this.#createEntry(owner, taken, { isHeader: false, state: 'absent' })
    this.#absent.set(cid, entry)
    return entry
  }

  /** Only where there is room. */
  add(peer: Peer, want: WantEntry, isHeader: boolean): LedgerEntry<Peer> {
    const { cid } = want
    assert(this.hasRoom && this.get(cid) === undefined, 'a ledger takes what it has room for, once')
    this.owner = peer
    const entry = this.#createEntry(peer, want, { isHeader, state: 'unknown' })
    if (this.size >= LEDGER_WANTS_GUARANTEED) this.#pool.usedCount += 1
    this.#present.set(cid, entry)
    this.unknown.add(entry)
    this.#awaited.add(entry)
    this.#lowest?.push(entry)
    this.#compactLowest()
    return entry
  }

  #createEntry(
    peer: Peer,
    want: WantEntry,
    { isHeader, state }: { isHeader: boolean; state: LedgerState },
  ): LedgerEntry<Peer> {
    return { ...want, peer, order: this.#nextOrder++, isHeader, sizeBytes: 0, state }
  }

  remove(entry: LedgerEntry<Peer>): void {
    if (entry.state === 'gone') return
    this.#leave(entry)
    entry.state = 'gone'
    this.#present.delete(entry.cid)
    this.#absent.delete(entry.cid)
    this.#shrunk()
  }

  #shrunk(): void {
    if (this.size >= LEDGER_WANTS_GUARANTEED) this.#pool.usedCount -= 1
    if (this.size < LEDGER_WANTS_GUARANTEED / 2) this.#lowest = undefined
    this.#compactLowest()
  }

  /** Everything but `gone`, which is `remove`. What is absent is packed where it can be, and its entry is gone. */
  move(entry: LedgerEntry<Peer>, state: Exclude<LedgerState, 'gone'>): void {
    assert(entry.state !== 'gone', 'what left the ledger does not come back')
    if (entry.state === state) return
    this.#leave(entry)
    const wasAbsent = entry.state === 'absent'
    const wasEvictable = isEvictable(entry)
    entry.state = state
    if (!wasEvictable && isEvictable(entry)) this.#lowest?.push(entry)
    if (state === 'absent') {
      this.#present.delete(entry.cid)
      if (!entry.isHeader && this.#packed.add(entry)) entry.state = 'gone'
      else this.#absent.set(entry.cid, entry)
    } else if (wasAbsent) {
      this.#absent.delete(entry.cid)
      this.#present.set(entry.cid, entry)
    }
    this.#compactLowest()
    if (state === 'unknown') this.unknown.add(entry)
    if (isAwaited(entry.state)) this.#awaited.add(entry)
    if (state !== 'queued') return
    this.#queuedCount += 1
    this.#queuedBytes += entry.sizeBytes
    this.#queue.push(entry)
  }

  #leave(entry: LedgerEntry<Peer>): void {
    const { state } = entry
    if (state === 'unknown') this.unknown.delete(entry)
    if (isAwaited(state)) this.#awaited.delete(entry)
    if (state !== 'queued') return
    this.#queuedCount -= 1
    this.#queuedBytes -= entry.sizeBytes
    if (this.#queue.size <= 2 * this.#queuedCount + HEAP_GARBAGE_MIN) return
    this.#queue = new Heap<LedgerEntry<Peer>>(goesBefore)
    for (const queued of this.#present.values()) {
      if (queued !== entry && queued.state === 'queued') this.#queue.push(queued)
    }
  }

  /** The next to be loaded: of the greatest priority, the first to come. */
  get nextQueued(): LedgerEntry<Peer> | undefined {
    while (this.#queue.top !== undefined && this.#queue.top.state !== 'queued') this.#queue.pop()
    return this.#queue.top
  }

  /** What gives way to a want of this priority: the oldest absent one, or one of a lower priority. Undefined when none does. */
  evict(priority: number): (WantEntry & { readonly entry: LedgerEntry<Peer> | undefined }) | undefined {
    const oldest = this.#packed.takeOldest()
    if (oldest !== undefined) {
      this.#shrunk()
      return { ...oldest, entry: undefined }
    }
    for (const entry of this.#absent.values()) {
      this.remove(entry)
      return { ...entry, entry }
    }
    const lowest = this.#lowestPriority()
    if (lowest === undefined || lowest.priority >= priority) return undefined
    this.remove(lowest)
    return { ...lowest, entry: lowest }
  }

  #lowestPriority(): LedgerEntry<Peer> | undefined {
    const lowest = (this.#lowest ??= this.#evictable())
    while (lowest.top !== undefined && !isEvictable(lowest.top)) lowest.pop()
    return lowest.top
  }

  #compactLowest(): void {
    if (this.#lowest !== undefined && this.#lowest.size > 2 * this.size + HEAP_GARBAGE_MIN) {
      this.#lowest = this.#evictable()
    }
  }

  #evictable(): Heap<LedgerEntry<Peer>> {
    const heap = new Heap<LedgerEntry<Peer>>((entry, other) => goesBefore(other, entry))
    for (const entry of this.#present.values()) if (isEvictable(entry)) heap.push(entry)
    return heap
  }

  /** Its peer is gone. */
  end(): void {
    for (const entry of [...this.#present.values(), ...this.#absent.values()]) this.remove(entry)
    for (const cid of [...this.#packed.cids()]) this.takePacked(cid)
    this.#packed.end()
  }
}

interface Ranked {
  readonly priority: number
  readonly order: number
}

function goesBefore(entry: Ranked, other: Ranked): boolean {
  if (entry.priority !== other.priority) return entry.priority > other.priority
  return entry.order < other.order
}

function isAwaited(state: LedgerState): boolean {
  return state === 'unknown' || state === 'finding' || state === 'absent'
}

/** What is being read or sent has its bytes counted, and is nearly done. */
function isEvictable({ state }: { readonly state: LedgerState }): boolean {
  return state === 'unknown' || state === 'finding' || state === 'queued' || state === 'have'
}
