/**
 * The format of a file of headers: a prefix that names the chain, then one record a commit, only ever appended.
 *
 * prefix, 256 bytes: `rushlight headers 1 <chain> <genesis> <header size>` padded with spaces, 8 hex digits of CRC-32, a line end
 * record, 44 bytes and its headers: CRC-32 · truncateTo · header count (each u32, little-endian) · work (32 bytes, big-endian)
 *
 * A record's CRC goes on from the one before (the first from the prefix's) over all of the record but itself, so a record counts
 * only in its place. Whatever does not check out, and all that follows it, was cut short or damaged: what comes before it is a
 * state that was once committed. CRC-32 is against accidents; who can write the file is met by verifying what is read back.
 */
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { Segments } from './segments.ts'
import type { StoreOptions } from './store.ts'
import { StoreError } from './store.ts'
import { WindowReader } from './window-reader.nodejs.ts'

export const PREFIX_SIZE_BYTES = 256
export const RECORD_HEADER_SIZE_BYTES = 44
const CHECKSUM_SIZE_BYTES = 4
const PREFIX_TEXT_SIZE_BYTES = PREFIX_SIZE_BYTES - 9
const WORK_SIZE_BYTES = 32

export function encodePrefix(options: StoreOptions): Uint8Array {
  const text = `rushlight headers 1 ${options.chain} ${options.genesis} ${options.headerSizeBytes}`.padEnd(
    PREFIX_TEXT_SIZE_BYTES,
  )
  if (Buffer.byteLength(text) !== PREFIX_TEXT_SIZE_BYTES)
    throw new RangeError('expected a shorter chain id and genesis')
  return Buffer.from(`${text}${crc32(text).toString(16).padStart(8, '0')}\n`)
}

/** A whole record, and its checksum for the next one to go on from. */
export function encodeRecord(
  record: {
    readonly truncateTo: number
    readonly appendCount: number
    readonly work: bigint
    readonly pieces: readonly Uint8Array[]
  },
  previousChecksum: number,
): { readonly bytes: Uint8Array; readonly checksum: number } {
  const header = Buffer.alloc(RECORD_HEADER_SIZE_BYTES)
  header.writeUInt32LE(record.truncateTo, 4)
  header.writeUInt32LE(record.appendCount, 8)
  header.write(record.work.toString(16).padStart(WORK_SIZE_BYTES * 2, '0'), 12, 'hex')
  const bytes = Buffer.concat([header, ...record.pieces])
  const checksum = crc32(bytes.subarray(CHECKSUM_SIZE_BYTES), previousChecksum)
  bytes.writeUInt32LE(checksum, 0)
  return { bytes, checksum }
}

export interface ScannedLog {
  readonly segments: Segments
  readonly work: bigint
  /** Where the last good record ends. */
  readonly endOffset: number
  /** The last good record's. */
  readonly checksum: number
}

/**
 * Reads and checks a whole file. Undefined when it does not start with a prefix (foreign or damaged).
 * Throws `StoreError` when it holds another chain (`wrong-chain`) or comes from another version (`unavailable`).
 */
export async function scanLog(args: {
  readonly file: FileHandle
  readonly path: string
  readonly options: StoreOptions
}): Promise<ScannedLog | undefined> {
  const { file, path, options } = args
  const sizeBytes = (await file.stat()).size
  const reader = new WindowReader({ file, fromOffset: 0, endOffset: sizeBytes })
  if (sizeBytes < PREFIX_SIZE_BYTES) return undefined
  const prefix = Buffer.from(await reader.bytes(0, PREFIX_SIZE_BYTES)).toString('latin1')
  if (!checkPrefix({ prefix, path, options })) return undefined

  const segments = new Segments()
  let work = 0n
  let endOffset = PREFIX_SIZE_BYTES
  let checksum = crc32(prefix)
  while (endOffset + RECORD_HEADER_SIZE_BYTES <= sizeBytes) {
    const header = Buffer.from(await reader.bytes(endOffset, RECORD_HEADER_SIZE_BYTES))
    const truncateTo = header.readUInt32LE(4)
    const count = header.readUInt32LE(8)
    const offset = endOffset + RECORD_HEADER_SIZE_BYTES
    const recordEnd = offset + count * options.headerSizeBytes
    if (recordEnd > sizeBytes || truncateTo > segments.headerCount) break
    let found = crc32(header.subarray(CHECKSUM_SIZE_BYTES), checksum)
    for await (const part of reader.parts(offset, recordEnd)) found = crc32(part, found)
    if (found !== header.readUInt32LE(0)) break
    work = BigInt(`0x${header.toString('hex', 12)}`)
    segments.apply({ truncateTo, count, offset, work })
    endOffset = recordEnd
    checksum = found
  }
  return { segments, work, endOffset, checksum }
}

/** False when it is no prefix at all. */
function checkPrefix(args: {
  readonly prefix: string
  readonly path: string
  readonly options: StoreOptions
}): boolean {
  const { prefix, path, options } = args
  const text = prefix.slice(0, PREFIX_TEXT_SIZE_BYTES)
  if (prefix.slice(PREFIX_TEXT_SIZE_BYTES) !== `${crc32(text).toString(16).padStart(8, '0')}\n`) return false
  const [program, content, version, chain, genesis, headerSizeBytes] = text.trimEnd().split(' ')
  if (program !== 'rushlight' || content !== 'headers') return false
  if (version !== '1')
    throw new StoreError(
      'unavailable',
      `${path}: expected format 1, got ${version}; another version of rushlight wrote it`,
    )
  if (chain !== options.chain || genesis !== options.genesis || headerSizeBytes !== String(options.headerSizeBytes)) {
    const expected = `${options.chain} with genesis ${options.genesis} and headers of ${options.headerSizeBytes} bytes`
    throw new StoreError(
      'wrong-chain',
      `${path}: expected ${expected}, got ${chain} with genesis ${genesis} and headers of ${headerSizeBytes} bytes`,
    )
  }
  return true
}
