import type { Root } from '../core/ids.ts'
import type { BlockRow, BlockRows } from './block-rows.ts'
import { checkRoom, isOutlineKey, rowsByKey } from './block-rows.ts'
import { CheckedBlockStore } from './block-store-checked.ts'
import type { BlockStore, BlockStoreOptions } from './block-store.ts'
import { StoreError } from './store.ts'

/** Keeps blocks as long as the object lives, also over `close` and `open`. */
export function createMemoryBlockStore(options: BlockStoreOptions): BlockStore {
  return new CheckedBlockStore(new MemoryBlockRows(options), options)
}

interface Row {
  readonly bytes: Uint8Array
  readonly pins: ReadonlySet<Root>
}

const NO_PINS: ReadonlySet<Root> = new Set()

/** Bounded by `sizeBytesMax`. */
export class MemoryBlockRows implements BlockRows {
  readonly kind = 'memory'
  readonly isInMemory = true
  readonly reason = undefined
  readonly #sizeBytesMax: number
  /** May give way, what was used longest ago first. */
  readonly #free = new Map<string, Row>()
  readonly #pinned = new Map<string, Row>()
  readonly #keysByPin = new Map<Root, Set<string>>()
  #sizeBytes = 0
  #pinnedBytes = 0
  #blockCount = 0
  #isOpen = false

  constructor({ sizeBytesMax }: { readonly sizeBytesMax: number }) {
    this.#sizeBytesMax = sizeBytesMax
  }

  async open(): Promise<void> {
    this.#isOpen = true
  }

  async sizes(keys: readonly string[]): Promise<readonly (number | undefined)[]> {
    this.#checkOpen('read-failed')
    return keys.map((key) => this.#get(key)?.bytes.length)
  }

  async read(args: {
    readonly keys: readonly string[]
    readonly bytesMax: number
  }): Promise<readonly (Uint8Array | undefined)[]> {
    this.#checkOpen('read-failed')
    const found: (Uint8Array | undefined)[] = []
    let sizeBytes = 0
    for (const key of args.keys) {
      const row = this.#get(key)
      sizeBytes += row?.bytes.length ?? 0
      if (sizeBytes > args.bytesMax && found.length > 0) break
      found.push(row?.bytes)
      if (row !== undefined && this.#free.delete(key)) this.#free.set(key, row)
    }
    return found
  }

  async write({ rows, pin }: { readonly rows: readonly BlockRow[]; readonly pin: Root | undefined }): Promise<void> {
    this.#checkOpen('write-failed')
    const added = rowsByKey(rows)
    let stayingBytes = this.#pinnedBytes
    for (const [key, bytes] of added) stayingBytes += bytes.length - (this.#pinned.get(key)?.bytes.length ?? 0)
    checkRoom(stayingBytes, this.#sizeBytesMax)
    for (const [key, bytes] of added) {
      const pins = this.#remove(key)?.pins ?? NO_PINS
      this.#put(key, { bytes, pins: pin === undefined ? pins : new Set([...pins, pin]) })
    }
    for (const key of this.#free.keys()) {
      if (this.#sizeBytes <= this.#sizeBytesMax) break
      this.#remove(key)
    }
  }

  async drop(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#remove(key)
  }

  async unpin(root: Root): Promise<void> {
    this.#checkOpen('write-failed')
    for (const key of [...(this.#keysByPin.get(root) ?? [])].sort()) {
      const row = this.#remove(key)
      if (row === undefined) continue
      const pins = new Set(row.pins)
      pins.delete(root)
      this.#put(key, { bytes: row.bytes, pins })
    }
  }

  /** All there is, as writes that would bring it about elsewhere: what was used longest ago comes first. */
  groups(): readonly { readonly rows: readonly BlockRow[]; readonly pin: Root | undefined }[] {
    const pinned = [...this.#keysByPin].map(([pin, keys]) => ({ rows: this.#rowsOf([...keys]), pin }))
    return [...pinned, { rows: this.#rowsOf([...this.#free.keys()]), pin: undefined }]
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get blockCount(): number {
    return this.#blockCount
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }

  #checkOpen(code: 'read-failed' | 'write-failed'): void {
    if (!this.#isOpen) throw new StoreError(code, 'the block store is closed')
  }

  #get(key: string): Row | undefined {
    return this.#free.get(key) ?? this.#pinned.get(key)
  }

  #rowsOf(keys: readonly string[]): readonly BlockRow[] {
    return keys.map((key) => ({ key, bytes: this.#get(key)?.bytes ?? new Uint8Array(0) }))
  }

  /** As what was used last. The key must not be there. */
  #put(key: string, row: Row): void {
    if (row.pins.size === 0) this.#free.set(key, row)
    else {
      this.#pinned.set(key, row)
      this.#pinnedBytes += row.bytes.length
    }
    for (const pin of row.pins) {
      const keys = this.#keysByPin.get(pin)
      if (keys === undefined) this.#keysByPin.set(pin, new Set([key]))
      else keys.add(key)
    }
    this.#sizeBytes += row.bytes.length
    if (!isOutlineKey(key)) this.#blockCount += 1
  }

  #remove(key: string): Row | undefined {
    const row = this.#get(key)
    if (row === undefined) return undefined
    this.#free.delete(key)
    if (this.#pinned.delete(key)) this.#pinnedBytes -= row.bytes.length
    for (const pin of row.pins) {
      const keys = this.#keysByPin.get(pin)
      keys?.delete(key)
      if (keys?.size === 0) this.#keysByPin.delete(pin)
    }
    this.#sizeBytes -= row.bytes.length
    if (!isOutlineKey(key)) this.#blockCount -= 1
    return row
  }
}
