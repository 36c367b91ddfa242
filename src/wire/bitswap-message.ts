import type { CidPrefix, IncomingExchange, OutgoingExchange, WantEntry } from '../core/exchange/exchange-message.ts'
import type { Cid } from '../core/ids.ts'
import { EXCHANGE_MESSAGE_BYTES_MAX } from '../core/limits.ts'
import { cidBytes, cidFromWire, prefixBytes, prefixFromWire } from './cid.ts'
import { PartsWriter, varintBytes } from './parts-writer.ts'
import { ProtobufReader } from './protobuf-reader.ts'
import { WireError } from './wire-error.ts'

/** Senders pack 2 MiB into a message, and an item with a CID in it has 32 bytes or more. */
const ITEMS_MAX = 65_536
/** Shorter blocks are copied: as a part of its own each would cost the stream below more than that. */
const COPIED_BLOCK_BYTES_MAX: number = 8 * 1024

// Bitswap reference, "Wire". Field 2, the blocks of 1.0.0, is skipped: nobody who negotiated 1.2.0 sends it.
const MESSAGE = { wantlist: 1, block: 3, presence: 4, pendingBytes: 5 } as const
const WANTLIST = { entry: 1, full: 2 } as const
const ENTRY = { cid: 1, priority: 2, cancel: 3, wantType: 4, sendDontHave: 5 } as const
const BLOCK = { prefix: 1, data: 2 } as const
const PRESENCE = { cid: 1, type: 2 } as const
const WANT_HAVE = 1
const HAVE = 0
const DONT_HAVE = 1

const INT_32_MAX: number = 2 ** 31 - 1
const NO_BYTES: Uint8Array = new Uint8Array(0)

export interface DecodedExchange extends IncomingExchange {
  /** Entries and presences that were left out because nobody can be asked for their CID (see `cidFromWire`). */
  readonly ignoredCidCount: number
}

/**
 * The parts of one message, in order, without the length of its frame. Long blocks are among them as they are, not copied:
 * they must not change until they are sent. Throws `RangeError` when the message is too long, `WireError` on a CID that is none.
 */
export function encodeBitswapMessage(message: OutgoingExchange): readonly Uint8Array[] {
  const writer = new PartsWriter()
  if (message.wants.length + message.cancels.length > 0 || message.isFullWantlist) {
    writer.message(MESSAGE.wantlist, () => {
      for (const want of message.wants) writer.message(WANTLIST.entry, () => writeWant(writer, want))
      for (const cid of message.cancels) writer.message(WANTLIST.entry, () => writeCancel(writer, cid))
      writer.int32(WANTLIST.full, message.isFullWantlist ? 1 : 0)
    })
  }
  for (const { cid, bytes } of message.blocks) writeBlock(writer, cid, bytes)
  for (const cid of message.haves) writer.message(MESSAGE.presence, () => writePresence(writer, cid, HAVE))
  for (const cid of message.dontHaves) writer.message(MESSAGE.presence, () => writePresence(writer, cid, DONT_HAVE))
  writer.int32(MESSAGE.pendingBytes, Math.min(message.pendingBytes, INT_32_MAX))
  const { parts, sizeBytes } = writer.finish()
  if (sizeBytes > EXCHANGE_MESSAGE_BYTES_MAX) {
    throw new RangeError(`expected a message of at most ${EXCHANGE_MESSAGE_BYTES_MAX} bytes, got ${sizeBytes}`)
  }
  return parts
}

function writeWant(writer: PartsWriter, { cid, priority, want, sendDontHave }: WantEntry): void {
  writer.bytes(ENTRY.cid, cidBytes(cid))
  writer.int32(ENTRY.priority, priority)
  writer.int32(ENTRY.wantType, want === 'have' ? WANT_HAVE : 0)
  writer.int32(ENTRY.sendDontHave, sendDontHave ? 1 : 0)
}

function writeCancel(writer: PartsWriter, cid: Cid): void {
  writer.bytes(ENTRY.cid, cidBytes(cid))
  writer.int32(ENTRY.cancel, 1)
}

function writeBlock(writer: PartsWriter, cid: Cid, bytes: Uint8Array): void {
  const prefix = prefixBytes(cid)
  const prefixFieldBytes = 1 + varintBytes(prefix.length) + prefix.length
  writer.messageHead(MESSAGE.block, prefixFieldBytes + 1 + varintBytes(bytes.length) + bytes.length)
  writer.bytes(BLOCK.prefix, prefix)
  if (bytes.length <= COPIED_BLOCK_BYTES_MAX) writer.bytes(BLOCK.data, bytes)
  else writer.reference(BLOCK.data, bytes)
}

function writePresence(writer: PartsWriter, cid: Cid, type: number): void {
  writer.bytes(PRESENCE.cid, cidBytes(cid))
  writer.int32(PRESENCE.type, type)
}

/** What has been read of one message so far. */
interface Decoding {
  readonly wants: WantEntry[]
  readonly cancels: Cid[]
  isFullWantlist: boolean
  readonly blocks: { readonly prefix: CidPrefix; readonly bytes: Uint8Array }[]
  readonly haves: Cid[]
  readonly dontHaves: Cid[]
  pendingBytes: number
  unreadableBlockCount: number
  ignoredCidCount: number
  itemCount: number
}

/** The blocks are copies, so that `bytes` can be used again. Throws `WireError` on bytes that are no message, or one of too many items or bytes. */
export function decodeBitswapMessage(bytes: Uint8Array): DecodedExchange {
  return new BitswapReader(bytes).read(Infinity)
}

/** Decodes a message a part at a time; all parts together say what the whole says. */
export class BitswapReader {
  /** Of the message; nothing that was read is a view of them. */
  readonly bytes: Uint8Array
  readonly #reader: ProtobufReader
  #wantlistBytes: Uint8Array = NO_BYTES
  /** Of the wantlist that is being read. */
  #entries: ProtobufReader | undefined
  /** Undefined while nobody looked. */
  #isFullWantlist: boolean | undefined
  #itemCount = 0
  isOver = false

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#reader = new ProtobufReader(bytes)
  }

  /**
   * The next part: it ends behind `entriesMax` entries of a wantlist, unless that one replaces all earlier wants. What is
   * behind the wantlist comes with its last part. Throws as `decodeBitswapMessage` does.
   */
  read(entriesMax: number): DecodedExchange {
    const { bytes } = this
    if (bytes.length > EXCHANGE_MESSAGE_BYTES_MAX) {
      throw oversize(`a message of at most ${EXCHANGE_MESSAGE_BYTES_MAX} bytes`, bytes.length)
    }
    const decoding: Decoding = {
      wants: [],
      cancels: [],
      isFullWantlist: false,
      blocks: [],
      haves: [],
      dontHaves: [],
      pendingBytes: 0,
      unreadableBlockCount: 0,
      ignoredCidCount: 0,
      itemCount: this.#itemCount,
    }
    this.#readFields(decoding, entriesMax)
    this.#itemCount = decoding.itemCount
    return decoding
  }

  #readFields(decoding: Decoding, entriesMax: number): void {
    const reader = this.#reader
    for (;;) {
      this.#readWantlist(decoding, entriesMax)
      if (this.#entries !== undefined) return
      if (!reader.next()) break
      if (reader.field === MESSAGE.pendingBytes) decoding.pendingBytes = Math.max(0, reader.int32() ?? 0)
      else if (reader.field === MESSAGE.wantlist) this.#startWantlist(reader.bytes())
      else if (reader.field === MESSAGE.block) readBlock(reader.message(), decoding)
      else if (reader.field === MESSAGE.presence) readPresence(reader.message(), decoding)
    }
    this.isOver = true
  }

  #startWantlist(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return
    this.#wantlistBytes = bytes
    this.#entries = new ProtobufReader(bytes)
    this.#isFullWantlist = undefined
  }

  #readWantlist(decoding: Decoding, entriesMax: number): void {
    const entries = this.#entries
    for (let count = 0; entries?.next() === true;) {
      if (entries.field === WANTLIST.full) decoding.isFullWantlist = isTrue(entries)
      else if (entries.field === WANTLIST.entry) {
        readEntry(entries.message(), decoding)
        count++
      }
      if (count >= entriesMax && !(this.#isFullWantlist ??= isFull(this.#wantlistBytes))) return
    }
    this.#entries = undefined
  }
}

/** It says so behind its entries. */
function isFull(wantlistBytes: Uint8Array): boolean {
  const reader = new ProtobufReader(wantlistBytes)
  let isIt = false
  while (reader.next()) if (reader.field === WANTLIST.full) isIt = isTrue(reader)
  return isIt
}

function readEntry(reader: ProtobufReader | undefined, decoding: Decoding): void {
  if (reader === undefined) return
  let cidField = NO_BYTES
  let priority = 0
  let isCancel = false
  let wantType = 0
  let sendDontHave = false
  while (reader.next()) {
    if (reader.field === ENTRY.cid) cidField = reader.bytes() ?? cidField
    else if (reader.field === ENTRY.priority) priority = reader.int32() ?? 0
    else if (reader.field === ENTRY.cancel) isCancel = isTrue(reader)
    else if (reader.field === ENTRY.wantType) wantType = reader.int32() ?? 0
    else if (reader.field === ENTRY.sendDontHave) sendDontHave = isTrue(reader)
  }
  countItem(decoding)
  const cid = cidFromWire(cidField)
  if (cid === undefined) decoding.ignoredCidCount++
  else if (isCancel) decoding.cancels.push(cid)
  else decoding.wants.push({ cid, priority, want: wantType === WANT_HAVE ? 'have' : 'block', sendDontHave })
}

function readBlock(reader: ProtobufReader | undefined, decoding: Decoding): void {
  if (reader === undefined) return
  let prefixField = NO_BYTES
  let bytes = NO_BYTES
  while (reader.next()) {
    if (reader.field === BLOCK.prefix) prefixField = reader.bytes() ?? prefixField
    else if (reader.field === BLOCK.data) bytes = reader.bytes() ?? bytes
  }
  countItem(decoding)
  const prefix = prefixFromWire(prefixField)
  if (prefix === undefined) decoding.unreadableBlockCount++
  else decoding.blocks.push({ prefix, bytes: new Uint8Array(bytes) })
}

function readPresence(reader: ProtobufReader | undefined, decoding: Decoding): void {
  if (reader === undefined) return
  let cidField = NO_BYTES
  let type = HAVE
  while (reader.next()) {
    if (reader.field === PRESENCE.cid) cidField = reader.bytes() ?? cidField
    else if (reader.field === PRESENCE.type) type = reader.int32() ?? HAVE
  }
  countItem(decoding)
  const cid = cidFromWire(cidField)
  if (cid === undefined) decoding.ignoredCidCount++
  else if (type === HAVE) decoding.haves.push(cid)
  else if (type === DONT_HAVE) decoding.dontHaves.push(cid)
}

function isTrue(reader: ProtobufReader): boolean {
  return (reader.int32() ?? 0) !== 0
}

function countItem(decoding: Decoding): void {
  decoding.itemCount++
  if (decoding.itemCount > ITEMS_MAX) throw oversize(`a message of at most ${ITEMS_MAX} items`, 'more')
}

function oversize(expected: string, got: number | string): WireError {
  return new WireError('oversize', `expected ${expected}, got ${got}`)
}
