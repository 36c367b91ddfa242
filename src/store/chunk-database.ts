/** Headers in IndexedDB: the records, and the transactions on them. Who may write is decided in `indexeddb.ts`. */
import { freeBytes } from '../core/free-bytes.ts'
import { joinBytes } from '../core/join-bytes.ts'
import { toCommit } from './commit.ts'
import { abortTransaction, commitOf, openDatabase, resultOf } from './database.ts'
import type { StoredPart, StoreErrorCode, StoreOptions, StoreRead, StoreWrite } from './store.ts'
import { StoreError } from './store.ts'

/** DESIGN, "Stores": a record a chunk; a record a header would take 98 s for what takes one. */
export const HEADERS_PER_CHUNK = 2_016
/** Key of the upper part's first chunk: more than the lower part ever has. */
const UPPER_KEY: number = 2 ** 32

interface State {
  readonly chain: string
  readonly genesis: string
  readonly headerSizeBytes: number
  readonly headerCount: number
  readonly work: bigint
}

/** `onGone` is called when another tab deletes the database or the browser closes it. */
export function openChunkDatabase(name: string, onGone: () => void): Promise<IDBDatabase> {
  return openDatabase({
    name,
    create(database) {
      // By index, those of the upper part from UPPER_KEY on; all of full length but a part's last.
      database.createObjectStore('chunks')
      // A record a part: under 'state', and under what the upper part starts above. None before the first write.
      database.createObjectStore('state')
    },
    onGone,
  })
}

/**
 * Checks the records against each other; where some are missing, what is left is a shorter chain of unknown work,
 * which is written down when `isWritable`. Throws `StoreError` when the database is another chain's.
 */
export async function loadState(args: {
  readonly database: IDBDatabase
  readonly options: StoreOptions
  readonly isWritable: boolean
  readonly isUpper: boolean
}): Promise<StoredPart & { readonly warnings: readonly string[] }> {
  const { database, options, isWritable, isUpper } = args
  const transaction = database.transaction(['chunks', 'state'], isWritable ? 'readwrite' : 'readonly')
  const chunks = transaction.objectStore('chunks')
  const state = (await stateIn(transaction, options, isUpper)) ?? emptyState(options)
  checkChain({ state, options, name: database.name })
  const keys = await resultOf(chunks.getAllKeys(keysOf(isUpper)))
  const firstMissing = keys.findIndex((key, index) => key !== keyOf(index, isUpper))
  const usableCount = Math.min(chunkCount(state.headerCount), firstMissing === -1 ? keys.length : firstMissing)
  const lastSizeBytes = usableCount === 0 ? 0 : ((await chunkIn(chunks, usableCount - 1, isUpper))?.length ?? 0)
  const usableBytes = Math.max(0, usableCount - 1) * HEADERS_PER_CHUNK * state.headerSizeBytes + lastSizeBytes
  const headerCount = Math.min(state.headerCount, Math.floor(usableBytes / state.headerSizeBytes))
  if (headerCount === state.headerCount) return { headerCount, work: state.work, warnings: [] }
  const work = 0n // what it is at least
  if (isWritable) {
    const committed = commitOf(transaction)
    transaction.objectStore('state').put({ ...state, headerCount, work } satisfies State, stateKeyOf(options, isUpper))
    await committed
  }
  const found = `expected ${state.headerCount} headers${isUpper ? ' above the checkpoint' : ''}, found ${headerCount}; the rest is cut off`
  return { headerCount, work, warnings: [`database ${database.name}: ${found}`] }
}

/** Fewer than `count` at the end. */
export async function readHeaders(
  args: StoreRead & { readonly database: IDBDatabase; readonly options: StoreOptions },
): Promise<Uint8Array> {
  const { database, options, fromHeight, count, isUpper = false } = args
  const transaction = database.transaction(['chunks', 'state'])
  const state = await stateIn(transaction, options, isUpper)
  const endHeight = Math.min(fromHeight + count, state?.headerCount ?? 0)
  if (state === undefined || endHeight <= fromHeight) return new Uint8Array(0)
  const firstIndex = Math.floor(fromHeight / HEADERS_PER_CHUNK)
  const range = keysOf(isUpper, firstIndex, Math.floor((endHeight - 1) / HEADERS_PER_CHUNK))
  const chunks = await resultOf(transaction.objectStore('chunks').getAll(range) as IDBRequest<Uint8Array[]>)
  const chunkSizeBytes = HEADERS_PER_CHUNK * state.headerSizeBytes
  const start = (fromHeight - firstIndex * HEADERS_PER_CHUNK) * state.headerSizeBytes
  const end = start + (endHeight - fromHeight) * state.headerSizeBytes
  const bytes = joinBytes(chunks)
  if (chunks.slice(0, -1).some((chunk) => chunk.length !== chunkSizeBytes) || bytes.length < end) {
    throw new StoreError('read-failed', `a chunk from ${firstIndex} on is missing or short`)
  }
  return bytes.slice(start, end)
}

/** One transaction; resolves to the header count afterwards. */
export async function writeHeaders(args: {
  readonly database: IDBDatabase
  readonly options: StoreOptions
  readonly writes: readonly StoreWrite[]
  readonly isUpper: boolean
}): Promise<number> {
  const { database, options, writes, isUpper } = args
  // Relaxed: handed to the operating system, not synced. A machine that loses power may lose the last writes,
  // never part of one, and they are fetched anew.
  const transaction = database.transaction(['chunks', 'state'], 'readwrite', { durability: 'relaxed' })
  const committed = commitOf(transaction)
  committed.catch(() => undefined) // told below, or aborted below
  try {
    const chunks = transaction.objectStore('chunks')
    const state = (await stateIn(transaction, options, isUpper)) ?? emptyState(options)
    const { headerCount, headerSizeBytes } = state
    const commit = toCommit({ writes, headerCount, headerSizeBytes })
    if (commit === undefined) return headerCount
    const firstIndex = Math.floor(commit.truncateTo / HEADERS_PER_CHUNK)
    const keptBytes = (commit.truncateTo % HEADERS_PER_CHUNK) * headerSizeBytes
    const kept = keptBytes === 0 ? undefined : (await chunkIn(chunks, firstIndex, isUpper))?.subarray(0, keptBytes)
    if ((kept?.length ?? 0) !== keptBytes) {
      throw new StoreError('write-failed', `chunk ${firstIndex} is missing or short`)
    }
    const bytes = joinBytes(kept === undefined ? commit.pieces : [kept, ...commit.pieces])
    const chunkSizeBytes = HEADERS_PER_CHUNK * headerSizeBytes
    let index = firstIndex
    for (let at = 0; at < bytes.length; at += chunkSizeBytes, index += 1) {
      // A copy: a view would be stored with the whole buffer behind it. One after the other: a put takes a millisecond or
      // more of the main thread, and eight at once would be one long task.
      const chunk = bytes.slice(at, at + chunkSizeBytes)
      await resultOf(chunks.put(chunk, keyOf(index, isUpper)))
      freeBytes(chunk)
    }
    freeBytes(bytes)
    const requests: Promise<unknown>[] = [committed]
    // Where nothing was stored by the state, chunks that are there follow another checkpoint.
    if (index < chunkCount(headerCount) || headerCount === 0)
      requests.push(resultOf(chunks.delete(keysOf(isUpper, index))))
    const after: State = { ...state, headerCount: commit.headerCount, work: commit.work }
    requests.push(resultOf(transaction.objectStore('state').put(after, stateKeyOf(options, isUpper))))
    await Promise.all(requests)
    return commit.headerCount
  } catch (error) {
    // When it is the transaction that failed, it knows why; the requests in it only know that they were aborted.
    const cause = transaction.error ?? error
    abortTransaction(transaction)
    throw cause
  }
}

export function toStoreError(code: StoreErrorCode, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const isFull = error instanceof DOMException && error.name === 'QuotaExceededError'
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError(isFull ? 'quota-exceeded' : code, message, { cause: error })
}

function emptyState({ chain, genesis, headerSizeBytes }: StoreOptions): State {
  return { chain, genesis, headerSizeBytes, headerCount: 0, work: 0n }
}

function checkChain(args: { readonly state: State; readonly options: StoreOptions; readonly name: string }): void {
  const [expected, found] = [describe(args.options), describe(args.state)]
  if (expected !== found) {
    throw new StoreError('wrong-chain', `database ${args.name}: expected ${expected}, got ${found}`)
  }
}

function describe({ chain, genesis, headerSizeBytes }: StoreOptions): string {
  return `${chain} with genesis ${genesis} and headers of ${headerSizeBytes} bytes`
}

function chunkCount(headerCount: number): number {
  return Math.ceil(headerCount / HEADERS_PER_CHUNK)
}

function stateIn(transaction: IDBTransaction, options: StoreOptions, isUpper: boolean): Promise<State | undefined> {
  return resultOf(transaction.objectStore('state').get(stateKeyOf(options, isUpper)))
}

function chunkIn(chunks: IDBObjectStore, index: number, isUpper: boolean): Promise<Uint8Array | undefined> {
  return resultOf(chunks.get(keyOf(index, isUpper)))
}

function stateKeyOf({ startsAbove = '' }: StoreOptions, isUpper: boolean): string {
  return isUpper ? startsAbove : 'state'
}

function keyOf(index: number, isUpper: boolean): number {
  return isUpper ? UPPER_KEY + index : index
}

function keysOf(isUpper: boolean, firstIndex = 0, lastIndex: number = UPPER_KEY - 1): IDBKeyRange {
  return IDBKeyRange.bound(keyOf(firstIndex, isUpper), keyOf(lastIndex, isUpper))
}
