/** Blocks in an SQLite file: the tables and the transactions on them, all synchronous. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Root } from '../core/ids.ts'
import { checkRoom, isOutlineKey } from './block-rows.ts'
import { StoreError } from './store.ts'

/** Of the tables below. */
const VERSION = 1
/** Reads that wait to be written down as use; a process that is killed forgets them, which changes only what gives way. */
const UNWRITTEN_USES_MAX = 512

/**
 * Two tables, because a change of a row writes all of it, and when a block was used last changes often. `used` is a
 * number that grows with every use, and NULL in what is pinned. `bytes` may be NULL because Node.js 22 hands over no bytes
 * at all as that.
 */
const TABLES = `
  CREATE TABLE state (
    chain TEXT NOT NULL, sizeBytes INTEGER NOT NULL, pinnedBytes INTEGER NOT NULL, blockCount INTEGER NOT NULL,
    nextUse INTEGER NOT NULL
  );
  CREATE TABLE entries (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, sizeBytes INTEGER NOT NULL, used INTEGER);
  CREATE INDEX entriesByUse ON entries (used) WHERE used IS NOT NULL;
  CREATE TABLE contents (id INTEGER PRIMARY KEY, bytes BLOB);
  CREATE TABLE pins (root TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (root, entry)) WITHOUT ROWID;
  CREATE INDEX pinsByEntry ON pins (entry);
  PRAGMA user_version = ${VERSION};
`

interface Totals {
  sizeBytes: number
  pinnedBytes: number
  blockCount: number
  nextUse: number
}

interface Entry {
  readonly id: number
  readonly key: string
  readonly sizeBytes: number
  readonly used: number | null
}

/** What SQLite throws passes through; see `sqliteProblem`. */
export class BlockDatabase {
  readonly #database: DatabaseSync
  readonly #statements: ReturnType<typeof prepare>
  readonly #sizeBytesMax: number
  /** Keys that were read, used longest ago first. Bounded by `UNWRITTEN_USES_MAX`. */
  readonly #unwrittenUses = new Set<string>()
  #totals: Totals

  /** Makes the tables where there are none. Throws `StoreError` when they are another chain's. The database is ours from now on. */
  constructor(args: { readonly database: DatabaseSync; readonly chain: string; readonly sizeBytesMax: number }) {
    const { database, chain } = args
    this.#database = database
    this.#sizeBytesMax = args.sizeBytesMax
    // Nobody else has it open: no shared memory is needed, and a second process is refused.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 16777216')
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version === 0) this.#create(chain)
    else if (version !== VERSION) {
      throw new StoreError('unavailable', `expected blocks in version ${VERSION}, got version ${version}`)
    }
    const state = database.prepare('SELECT * FROM state').get()
    if (state?.['chain'] !== chain) {
      throw new StoreError('wrong-chain', `expected blocks of ${chain}, got those of ${String(state?.['chain'])}`)
    }
    this.#totals = {
      sizeBytes: Number(state['sizeBytes']),
      pinnedBytes: Number(state['pinnedBytes']),
      blockCount: Number(state['blockCount']),
      nextUse: Number(state['nextUse']),
    }
    this.#statements = prepare(database)
    this.#change({ isSynced: false }, (totals) => this.#makeRoom(totals)) // the cap may be lower than it was
  }

  get sizeBytes(): number {
    return this.#totals.sizeBytes
  }

  get blockCount(): number {
    return this.#totals.blockCount
  }

  sizeOf(key: string): number | undefined {
    return this.#entry(key)?.sizeBytes
  }

  read(args: { readonly keys: readonly string[]; readonly bytesMax: number }): (Uint8Array | undefined)[] {
    const found: (Uint8Array | undefined)[] = []
    let sizeBytes = 0
    for (const key of args.keys) {
      const entry = this.#entry(key)
      sizeBytes += entry?.sizeBytes ?? 0
      if (sizeBytes > args.bytesMax && found.length > 0) break
      const row = entry === undefined ? undefined : this.#statements.content.get(entry.id)
      found.push(row === undefined ? undefined : ((row['bytes'] as Uint8Array | null) ?? new Uint8Array(0)))
      if (entry === undefined || entry.used === null) continue
      this.#unwrittenUses.delete(key)
      this.#unwrittenUses.add(key)
    }
    if (this.#unwrittenUses.size > UNWRITTEN_USES_MAX) this.#writeUses()
    return found
  }

  /** What is pinned is on the disk when this returns; the rest survives the process, and maybe not a power failure. */
  write({ rows, pin }: { readonly rows: ReadonlyMap<string, Uint8Array>; readonly pin: Root | undefined }): void {
    this.#change({ isSynced: pin !== undefined }, (totals) => {
      let freeBytes = 0
      for (const [key, bytes] of rows) {
        const before = this.#entry(key)
        if (before !== undefined) this.#forget(before, totals)
        const isPinned = pin !== undefined || before?.used === null
        const id = this.#put({ key, bytes, isPinned, id: before?.id }, totals)
        if (pin !== undefined) this.#statements.pin.run(pin, id)
        if (!isPinned) freeBytes += bytes.length
      }
      checkRoom(totals.pinnedBytes + freeBytes, this.#sizeBytesMax)
      this.#makeRoom(totals)
    })
  }

  drop(keys: readonly string[]): void {
    this.#change({ isSynced: false }, (totals) => {
      for (const key of keys) {
        const entry = this.#entry(key)
        if (entry !== undefined) this.#remove(entry, totals)
      }
    })
  }

  unpin(root: Root): void {
    this.#change({ isSynced: false }, (totals) => {
      const { pinnedBy, unpin, pinOf, use } = this.#statements
      const entries = pinnedBy.all(root).map(toEntry)
      unpin.run(root)
      for (const { id, sizeBytes } of entries) {
        if (pinOf.get(id) !== undefined) continue
        use.run(totals.nextUse++, id)
        totals.pinnedBytes -= sizeBytes
      }
    })
  }

  close(): void {
    this.#writeUses()
    this.#database.close()
  }

  /** A disk that is full costs no more than the order in which blocks give way. */
  #writeUses(): void {
    try {
      this.#change({ isSynced: false }, () => undefined)
    } catch {
      this.#unwrittenUses.clear()
    }
  }

  /** One transaction: what was read since the last one, and `work`; all of it or nothing. */
  #change({ isSynced }: { readonly isSynced: boolean }, work: (totals: Totals) => void): void {
    const totals = { ...this.#totals }
    const database = this.#database
    // SQLite, "PRAGMA synchronous": in WAL mode NORMAL cannot tear anything, but may lose the last commits with the power.
    database.exec(isSynced ? 'PRAGMA synchronous = FULL' : 'PRAGMA synchronous = NORMAL')
    database.exec('BEGIN')
    try {
      for (const key of this.#unwrittenUses) this.#statements.useByKey.run(totals.nextUse++, key)
      work(totals)
      const { sizeBytes, pinnedBytes, blockCount, nextUse } = totals
      this.#statements.setTotals.run(sizeBytes, pinnedBytes, blockCount, nextUse)
      database.exec('COMMIT')
    } catch (error) {
      rollBack(database)
      throw error
    }
    this.#totals = totals
    this.#unwrittenUses.clear()
  }

  #create(chain: string): void {
    this.#database.exec('BEGIN')
    this.#database.exec(TABLES)
    this.#database.prepare('INSERT INTO state VALUES (?, 0, 0, 0, 1)').run(chain)
    this.#database.exec('COMMIT')
  }

  #makeRoom(totals: Totals): void {
    while (totals.sizeBytes > this.#sizeBytesMax) {
      const oldest = this.#statements.oldest.get()
      if (oldest === undefined) return
      this.#remove(toEntry(oldest), totals)
    }
  }

  #entry(key: string): Entry | undefined {
    const row = this.#statements.entry.get(key)
    return row === undefined ? undefined : toEntry(row)
  }

  /** In the place of the entry with this id, if there is one. */
  #put(
    row: {
      readonly key: string
      readonly bytes: Uint8Array
      readonly isPinned: boolean
      readonly id: number | undefined
    },
    totals: Totals,
  ): number {
    const { key, bytes, isPinned } = row
    const used = isPinned ? null : totals.nextUse++
    const { lastInsertRowid } = this.#statements.putEntry.run(row.id ?? null, key, bytes.length, used)
    const id = Number(lastInsertRowid)
    this.#statements.putContent.run(id, bytes)
    totals.sizeBytes += bytes.length
    if (isPinned) totals.pinnedBytes += bytes.length
    if (!isOutlineKey(key)) totals.blockCount += 1
    return id
  }

  #remove(entry: Entry, totals: Totals): void {
    const { removeEntry, removeContent, unpinEntry } = this.#statements
    removeEntry.run(entry.id)
    removeContent.run(entry.id)
    if (entry.used === null) unpinEntry.run(entry.id)
    this.#forget(entry, totals)
  }

  #forget({ key, sizeBytes, used }: Entry, totals: Totals): void {
    totals.sizeBytes -= sizeBytes
    if (used === null) totals.pinnedBytes -= sizeBytes
    if (!isOutlineKey(key)) totals.blockCount -= 1
  }
}

function prepare(database: DatabaseSync): Readonly<Record<keyof typeof STATEMENTS, StatementSync>> {
  const names = Object.keys(STATEMENTS) as (keyof typeof STATEMENTS)[]
  const statements = names.map((name) => [name, database.prepare(STATEMENTS[name])] as const)
  return Object.fromEntries(statements) as Record<keyof typeof STATEMENTS, StatementSync>
}

const STATEMENTS = {
  entry: 'SELECT id, key, sizeBytes, used FROM entries WHERE key = ?',
  oldest: 'SELECT id, key, sizeBytes, used FROM entries WHERE used IS NOT NULL ORDER BY used LIMIT 1',
  content: 'SELECT bytes FROM contents WHERE id = ?',
  putEntry: 'INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)',
  putContent: 'INSERT OR REPLACE INTO contents VALUES (?, ?)',
  removeEntry: 'DELETE FROM entries WHERE id = ?',
  removeContent: 'DELETE FROM contents WHERE id = ?',
  use: 'UPDATE entries SET used = ? WHERE id = ?',
  useByKey: 'UPDATE entries SET used = ? WHERE key = ? AND used IS NOT NULL',
  pin: 'INSERT OR IGNORE INTO pins VALUES (?, ?)',
  pinOf: 'SELECT 1 FROM pins WHERE entry = ? LIMIT 1',
  pinnedBy: 'SELECT id, key, sizeBytes, used FROM pins JOIN entries ON id = entry WHERE root = ? ORDER BY key',
  unpin: 'DELETE FROM pins WHERE root = ?',
  unpinEntry: 'DELETE FROM pins WHERE entry = ?',
  setTotals: 'UPDATE state SET sizeBytes = ?, pinnedBytes = ?, blockCount = ?, nextUse = ?',
} as const

function toEntry(row: Record<string, unknown>): Entry {
  return row as unknown as Entry
}

/** SQLite may have done so itself already, as it does when the disk is full. */
function rollBack(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // No transaction is left, which is what was wanted.
  }
}
