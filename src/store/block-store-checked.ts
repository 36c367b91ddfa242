import type { Cid, Root } from '../core/ids.ts'
import type { BlockRow, BlockRows } from './block-rows.ts'
import { outlineKey } from './block-rows.ts'
import type { BlockStore, BlockStoreOptions, BlockWrite } from './block-store.ts'
import type { StoreKind } from './store.ts'
import { StoreError } from './store.ts'

/** Version 1, raw, sha2-256, of no bytes at all: what an outline, which has no name of its own, is checked by. */
const OUTLINE_CHECK = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' as Cid

/**
 * Rows that are hashed on their way in, and on their way out unless they were in memory all the while (see `isInMemory`): there
 * a second hash would guard against nothing but ourselves, and costs as much as the cipher. An outline's row begins with
 * the CID of its bytes, as text.
 */
export class CheckedBlockStore implements BlockStore {
  readonly kind: StoreKind
  readonly sizeBytesMax: number
  readonly #rows: BlockRows
  readonly #options: BlockStoreOptions

  constructor(rows: BlockRows, options: BlockStoreOptions) {
    this.kind = rows.kind
    this.sizeBytesMax = options.sizeBytesMax
    this.#rows = rows
    this.#options = options
  }

  open(): Promise<void> {
    return this.#rows.open()
  }

  sizes(cids: readonly Cid[]): Promise<readonly (number | undefined)[]> {
    return this.#rows.sizes(cids)
  }

  async read(args: {
    readonly cids: readonly Cid[]
    readonly bytesMax: number
  }): Promise<readonly (Uint8Array | undefined)[]> {
    const { cids, bytesMax } = args
    const found = await this.#rows.read({ keys: cids, bytesMax })
    if (this.#rows.isInMemory) return found
    const damaged: Cid[] = []
    const blocks = found.map((bytes, index) => {
      const cid = cids[index]
      if (bytes === undefined || cid === undefined || this.#options.rehash(cid, bytes) === cid) return bytes
      damaged.push(cid)
      return undefined
    })
    if (damaged.length > 0) await this.#dropDamaged(damaged)
    return blocks
  }

  async write({ blocks, outline, pin, isChecked = false }: BlockWrite): Promise<void> {
    if (!isChecked) for (const block of blocks) this.#check(block)
    const rows: BlockRow[] = blocks.map(({ cid, bytes }) => ({ key: cid, bytes }))
    if (outline !== undefined) rows.push({ key: outlineKey(outline.root), bytes: this.#sealed(outline.bytes) })
    await this.#rows.write({ rows, pin })
  }

  async readOutline(root: Root): Promise<Uint8Array | undefined> {
    const key = outlineKey(root)
    const [row] = await this.#rows.read({ keys: [key], bytesMax: Infinity })
    if (row === undefined) return undefined
    const outline = row.subarray(OUTLINE_CHECK.length)
    const check = new TextDecoder().decode(row.subarray(0, OUTLINE_CHECK.length))
    if (this.#options.rehash(OUTLINE_CHECK, outline) === check) return outline
    await this.#dropDamaged([key])
    return undefined
  }

  unpin(root: Root): Promise<void> {
    return this.#rows.unpin(root)
  }

  get sizeBytes(): number {
    return this.#rows.sizeBytes
  }

  get blockCount(): number {
    return this.#rows.blockCount
  }

  get reason(): string | undefined {
    return this.#rows.reason
  }

  close(): Promise<void> {
    return this.#rows.close()
  }

  #sealed(outline: Uint8Array): Uint8Array {
    const check = this.#options.rehash(OUTLINE_CHECK, outline)
    if (check === undefined)
      throw new StoreError('unknown-hash', 'expected sha2-256 among the hash functions, got none')
    const bytes = new Uint8Array(check.length + outline.length)
    bytes.set(new TextEncoder().encode(check))
    bytes.set(outline, check.length)
    return bytes
  }

  #check({ cid, bytes }: { readonly cid: Cid; readonly bytes: Uint8Array }): void {
    const found = this.#options.rehash(cid, bytes)
    if (found === cid) return
    if (found !== undefined) throw new StoreError('hash-mismatch', `expected bytes of ${cid}, got those of ${found}`)
    throw new StoreError('unknown-hash', `expected a CID with a known hash function, got ${cid}`)
  }

  /** Where they cannot be dropped they are found again, and told of again. */
  async #dropDamaged(keys: readonly string[]): Promise<void> {
    const problem = await this.#rows.drop(keys).then(
      () => '',
      (error: unknown) => `, or would be: ${error instanceof Error ? error.message : String(error)}`,
    )
    for (const key of keys) this.#options.onWarning(`${key} was damaged in the block store and is dropped${problem}`)
  }
}
