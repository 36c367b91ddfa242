/** Blocks in IndexedDB: the records, and the transactions on them. Who may write is decided in `block-store-indexeddb.ts`. */
import type { Root } from '../core/ids.ts'
import { checkRoom, isOutlineKey } from './block-rows.ts'
import { abortTransaction, commitOf, openDatabase, resultOf } from './database.ts'
import { StoreError } from './store.ts'

/** Reads that wait to be written down as use; a tab that is killed forgets them, which changes only what gives way. */
const UNWRITTEN_USES_MAX = 512

/** `used` grows with every use; what is pinned has none, and is not in its index. */
interface Entry {
  readonly sizeBytes: number
  readonly used?: number
  readonly pins?: readonly Root[]
}

interface State {
  readonly chain: string
  readonly sizeBytes: number
  readonly pinnedBytes: number
  readonly blockCount: number
  readonly nextUse: number
}

type Totals = { -readonly [Name in keyof State]: State[Name] }

const STORES = ['entries', 'contents', 'state']

export class BlockRecords {
  readonly #database: IDBDatabase
  readonly #chain: string
  readonly #sizeBytesMax: number
  /** Keys that were read, used longest ago first. Bounded by `UNWRITTEN_USES_MAX`. */
  #unwrittenUses = new Set<string>()
  #state: State

  private constructor(database: IDBDatabase, options: { chain: string; sizeBytesMax: number }) {
    this.#database = database
    this.#chain = options.chain
    this.#sizeBytesMax = options.sizeBytesMax
    this.#state = emptyState(options.chain)
  }

  /** Opens or creates. `onGone` is called when another tab deletes the database or the browser closes it. */
  static async open(args: {
    readonly name: string
    readonly chain: string
    readonly sizeBytesMax: number
    readonly onGone: () => void
  }): Promise<BlockRecords> {
    const { name, chain, onGone } = args
    const database = await openDatabase({
      name,
      create(created) {
        // Bytes apart from their entries: when a block was used last changes often, and a record is written whole.
        const entries = created.createObjectStore('entries')
        entries.createIndex('used', 'used')
        entries.createIndex('pins', 'pins', { multiEntry: true })
        created.createObjectStore('contents')
        // One record, under 'state'; none before the first write.
        created.createObjectStore('state')
      },
      onGone,
    })
    const records = new BlockRecords(database, args)
    const state = await stateIn(database.transaction('state'))
    if (state !== undefined && state.chain !== chain) {
      database.close()
      throw new StoreError('wrong-chain', `expected blocks of ${chain}, got those of ${state.chain}`)
    }
    records.#state = state ?? records.#state
    return records
  }

  get sizeBytes(): number {
    return this.#state.sizeBytes
  }

  get blockCount(): number {
    return this.#state.blockCount
  }

  async sizes(keys: readonly string[]): Promise<(number | undefined)[]> {
    const entries = this.#database.transaction('entries').objectStore('entries')
    return (await Promise.all(keys.map((key) => entryIn(entries, key)))).map((entry) => entry?.sizeBytes)
  }

  /** `isUse` is false where nothing may be written. */
  async read(args: {
    readonly keys: readonly string[]
    readonly bytesMax: number
    readonly isUse: boolean
  }): Promise<(Uint8Array | undefined)[]> {
    const { keys, bytesMax, isUse } = args
    const transaction = this.#database.transaction(['entries', 'contents'])
    const [entries, contents] = [transaction.objectStore('entries'), transaction.objectStore('contents')]
    let sizeBytes = 0
    const found = await Promise.all(keys.map((key) => entryIn(entries, key)))
    const tooFar = found.findIndex((entry, index) => (sizeBytes += entry?.sizeBytes ?? 0) > bytesMax && index > 0)
    const read = tooFar === -1 ? found : found.slice(0, tooFar)
    const blocks = await Promise.all(
      read.map(async (entry, index) => (entry === undefined ? undefined : contentIn(contents, keys[index] ?? ''))),
    )
    if (isUse) await this.#use(keys.filter((_, index) => read[index]?.used !== undefined))
    return blocks
  }

  /** One transaction, handed to the operating system; a pinned one is on the disk when it resolves, where the browser can tell. */
  async write(args: { readonly rows: ReadonlyMap<string, Uint8Array>; readonly pin: Root | undefined }): Promise<void> {
    const { rows, pin } = args
    await this.#change(pin === undefined ? 'relaxed' : 'strict', async (transaction, totals) => {
      const [entries, contents] = [transaction.objectStore('entries'), transaction.objectStore('contents')]
      const before = await Promise.all([...rows.keys()].map((key) => entryIn(entries, key)))
      let freeBytes = 0
      const puts = [...rows].map(([key, bytes], index) => {
        const old = before[index]
        if (old !== undefined) forget(key, old, totals)
        const pins = [...new Set([...(old?.pins ?? []), ...(pin === undefined ? [] : [pin])])]
        const entry = toEntry(bytes.length, pins, totals)
        if (entry.used !== undefined) freeBytes += bytes.length
        count(key, entry, totals)
        return { key, bytes, entry }
      })
      checkRoom(totals.pinnedBytes + freeBytes, this.#sizeBytesMax)
      // A function each: a browser that throws at once is heard of like one that says so later.
      const requests = [
        ...puts.map(async ({ key, entry }) => resultOf(entries.put(entry, key))),
        ...puts.map(async ({ key, bytes }) => resultOf(contents.put(bytes, key))),
      ]
      await Promise.all(requests)
      await this.#makeRoom(transaction, totals)
    })
  }

  async drop(keys: readonly string[]): Promise<void> {
    await this.#change('relaxed', async (transaction, totals) => {
      for (const key of keys) {
        const entry = await entryIn(transaction.objectStore('entries'), key)
        if (entry !== undefined) await remove(transaction, key, entry, totals)
      }
    })
  }

  async unpin(root: Root): Promise<void> {
    await this.#change('relaxed', async (transaction, totals) => {
      const entries = transaction.objectStore('entries')
      for (const key of (await resultOf(entries.index('pins').getAllKeys(root))) as string[]) {
        const old = await entryIn(entries, key)
        if (old === undefined) continue
        forget(key, old, totals)
        const pins = (old.pins ?? []).filter((pin) => pin !== root)
        const entry = toEntry(old.sizeBytes, pins, totals)
        count(key, entry, totals)
        await resultOf(entries.put(entry, key))
      }
    })
  }

  /** Makes room where the cap is lower than it was. */
  async trim(): Promise<void> {
    if (this.#state.sizeBytes > this.#sizeBytesMax) {
      await this.#change('relaxed', (transaction, totals) => this.#makeRoom(transaction, totals))
    }
  }

  /** Transactions under way still finish. */
  async close(): Promise<void> {
    await this.#writeUses()
    this.#database.close()
  }

  async #use(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.#unwrittenUses.delete(key)
      this.#unwrittenUses.add(key)
    }
    if (this.#unwrittenUses.size > UNWRITTEN_USES_MAX) await this.#writeUses()
  }

  /** A disk that is full costs no more than the order in which blocks give way. */
  async #writeUses(): Promise<void> {
    if (this.#unwrittenUses.size === 0) return
    await this.#change('relaxed', async () => undefined).catch(() => this.#unwrittenUses.clear())
  }

  /** One transaction: what was read since the last one, and `work`, which awaits nothing else; all of it or nothing. */
  async #change(
    durability: IDBTransactionDurability,
    work: (transaction: IDBTransaction, totals: Totals) => Promise<void>,
  ): Promise<void> {
    const uses = this.#unwrittenUses
    this.#unwrittenUses = new Set()
    const transaction = this.#database.transaction(STORES, 'readwrite', { durability })
    const committed = commitOf(transaction)
    committed.catch(() => undefined) // told below, or aborted below
    try {
      const entries = transaction.objectStore('entries')
      const totals: Totals = { ...((await stateIn(transaction)) ?? emptyState(this.#chain)) }
      const used = await Promise.all([...uses].map(async (key) => [key, await entryIn(entries, key)] as const))
      const requests = used.map(async ([key, entry]) => {
        if (entry?.used !== undefined) await resultOf(entries.put({ ...entry, used: totals.nextUse++ }, key))
      })
      await Promise.all(requests)
      await work(transaction, totals)
      await resultOf(transaction.objectStore('state').put(totals, 'state'))
      await committed
      this.#state = totals
    } catch (error) {
      // When it is the transaction that failed, it knows why; the requests in it only know that they were aborted.
      const cause = transaction.error ?? error
      abortTransaction(transaction)
      const later = this.#unwrittenUses
      this.#unwrittenUses = new Set([...[...uses].filter((key) => !later.has(key)), ...later])
      throw cause
    }
  }

  async #makeRoom(transaction: IDBTransaction, totals: Totals): Promise<void> {
    if (totals.sizeBytes <= this.#sizeBytesMax) return
    const request = transaction.objectStore('entries').index('used').openCursor()
    let cursor = await resultOf(request)
    while (cursor !== null && totals.sizeBytes > this.#sizeBytesMax) {
      await remove(transaction, cursor.primaryKey as string, cursor.value as Entry, totals)
      cursor.continue()
      cursor = await resultOf(request)
    }
  }
}

function emptyState(chain: string): State {
  return { chain, sizeBytes: 0, pinnedBytes: 0, blockCount: 0, nextUse: 1 }
}

async function remove(transaction: IDBTransaction, key: string, entry: Entry, totals: Totals): Promise<void> {
  await Promise.all(['entries', 'contents'].map((name) => resultOf(transaction.objectStore(name).delete(key))))
  forget(key, entry, totals)
}

/** As what was used last. */
function toEntry(sizeBytes: number, pins: readonly Root[], totals: Totals): Entry {
  return pins.length === 0 ? { sizeBytes, used: totals.nextUse++ } : { sizeBytes, pins }
}

function count(key: string, { sizeBytes, used }: Entry, totals: Totals): void {
  totals.sizeBytes += sizeBytes
  if (used === undefined) totals.pinnedBytes += sizeBytes
  if (!isOutlineKey(key)) totals.blockCount += 1
}

function forget(key: string, { sizeBytes, used }: Entry, totals: Totals): void {
  totals.sizeBytes -= sizeBytes
  if (used === undefined) totals.pinnedBytes -= sizeBytes
  if (!isOutlineKey(key)) totals.blockCount -= 1
}

function stateIn(transaction: IDBTransaction): Promise<State | undefined> {
  return resultOf(transaction.objectStore('state').get('state'))
}

function contentIn(contents: IDBObjectStore, key: string): Promise<Uint8Array | undefined> {
  return resultOf(contents.get(key))
}

function entryIn(entries: IDBObjectStore, key: string): Promise<Entry | undefined> {
  return resultOf(entries.get(key))
}
