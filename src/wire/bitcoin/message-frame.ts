import { undecodable, WireError } from '../wire-error.ts'
import { payloadBytesMaxOf } from './message-limits.ts'

/** Magic, command, payload length, checksum. */
const MESSAGE_HEADER_BYTES = 24
const MAGIC_BYTES = 4
const COMMAND_BYTES = 12
const LENGTH_OFFSET: number = MAGIC_BYTES + COMMAND_BYTES
const CHECKSUM_OFFSET: number = LENGTH_OFFSET + 4
const CHECKSUM_BYTES = 4
/** Set aside when a message begins; a larger one grows only as its bytes really come. */
const FIRST_ALLOCATION_BYTES: number = 256 * 1024

/** SHA-256 twice, over any bytes. */
export type DoubleSha256 = (bytes: Uint8Array) => Uint8Array

export interface BitcoinMessage {
  readonly command: string
  /** The caller's own; undefined when nobody wanted it, and then its checksum was not looked at. */
  readonly payload: Uint8Array | undefined
}

/** A whole message. `magic` in hex. */
export function encodeBitcoinMessage(args: {
  readonly magic: string
  readonly command: string
  readonly payload: Uint8Array
  readonly doubleSha256: DoubleSha256
}): Uint8Array {
  const { magic, command, payload, doubleSha256 } = args
  const message = new Uint8Array(MESSAGE_HEADER_BYTES + payload.length)
  const view = new DataView(message.buffer)
  view.setUint32(0, Number.parseInt(magic, 16))
  for (let index = 0; index < command.length; index += 1) message[MAGIC_BYTES + index] = command.charCodeAt(index)
  view.setUint32(LENGTH_OFFSET, payload.length, true)
  message.set(doubleSha256(payload).subarray(0, CHECKSUM_BYTES), CHECKSUM_OFFSET)
  message.set(payload, MESSAGE_HEADER_BYTES)
  return message
}

interface MessageInWork {
  readonly command: string
  readonly sizeBytes: number
  readonly checksum: Uint8Array
  /** Undefined while it is skipped. */
  payload: Uint8Array | undefined
  filledBytes: number
}

/**
 * Cuts a byte stream, split anywhere, into messages.
 * Holds the chunk in work and one unfinished message, bounded by its command's limit and, twice over, by what came of it.
 */
export class BitcoinMessageReader {
  readonly #magic: number
  readonly #isWanted: (command: string) => boolean
  readonly #doubleSha256: DoubleSha256
  readonly #header = new Uint8Array(MESSAGE_HEADER_BYTES)
  #headerFilledBytes = 0
  #chunk: Uint8Array = new Uint8Array(0)
  #offset = 0
  #message: MessageInWork | undefined

  /** `magic` in hex. A message that is not wanted when it begins is skipped, so that it costs no memory. */
  constructor(args: {
    readonly magic: string
    readonly isWanted: (command: string) => boolean
    readonly doubleSha256: DoubleSha256
  }) {
    this.#magic = Number.parseInt(args.magic, 16)
    this.#isWanted = args.isWanted
    this.#doubleSha256 = args.doubleSha256
  }

  /** A message has begun and is not whole yet. */
  get isInMessage(): boolean {
    return this.#headerFilledBytes > 0
  }

  /** The chunk's bytes are copied as `next` takes them. Call only when `next` has returned undefined. */
  push(chunk: Uint8Array): void {
    if (this.#offset < this.#chunk.length) throw new Error('expected every message taken before the next chunk')
    this.#chunk = chunk
    this.#offset = 0
  }

  /** The next whole message; undefined when more bytes are needed. Throws `WireError`. */
  next(): BitcoinMessage | undefined {
    this.#message ??= this.#readHeader()
    const message = this.#message
    if (message === undefined) return undefined
    this.#fill(message)
    if (message.filledBytes < message.sizeBytes) return undefined
    this.#message = undefined
    this.#headerFilledBytes = 0
    const { command, checksum } = message
    const payload = message.payload?.subarray(0, message.sizeBytes)
    if (payload !== undefined && !isChecksum(checksum, this.#doubleSha256(payload))) {
      throw undecodable(`a checksum that fits the payload of ${command}`, 'another one')
    }
    return { command, payload }
  }

  #fill(message: MessageInWork): void {
    const available = this.#chunk.subarray(this.#offset, this.#offset + message.sizeBytes - message.filledBytes)
    const neededBytes = message.filledBytes + available.length
    if (message.payload !== undefined) {
      if (neededBytes > message.payload.length) {
        const grown = new Uint8Array(Math.min(message.sizeBytes, 2 * neededBytes))
        grown.set(message.payload.subarray(0, message.filledBytes))
        message.payload = grown
      }
      message.payload.set(available, message.filledBytes)
    }
    message.filledBytes = neededBytes
    this.#offset += available.length
  }

  #readHeader(): MessageInWork | undefined {
    const taken = this.#chunk.subarray(this.#offset, this.#offset + MESSAGE_HEADER_BYTES - this.#headerFilledBytes)
    this.#header.set(taken, this.#headerFilledBytes)
    this.#headerFilledBytes += taken.length
    this.#offset += taken.length
    this.#checkMagic()
    if (this.#headerFilledBytes < MESSAGE_HEADER_BYTES) return undefined
    const command = readCommand(this.#header.subarray(MAGIC_BYTES, LENGTH_OFFSET))
    const sizeBytes = new DataView(this.#header.buffer).getUint32(LENGTH_OFFSET, true)
    const sizeBytesMax = payloadBytesMaxOf(command)
    if (sizeBytes > sizeBytesMax) {
      throw new WireError('oversize', `expected at most ${sizeBytesMax} bytes of ${command}, got ${sizeBytes}`)
    }
    const isKept = this.#isWanted(command)
    return {
      command,
      sizeBytes,
      checksum: this.#header.slice(CHECKSUM_OFFSET, CHECKSUM_OFFSET + CHECKSUM_BYTES),
      payload: isKept ? new Uint8Array(Math.min(sizeBytes, FIRST_ALLOCATION_BYTES)) : undefined,
      filledBytes: 0,
    }
  }

  #checkMagic(): void {
    if (this.#headerFilledBytes < MAGIC_BYTES) return
    const magic = new DataView(this.#header.buffer).getUint32(0)
    if (magic !== this.#magic) throw new WrongMagicError({ expected: hex(this.#magic), got: hex(magic) })
  }
}

/** Another network's magic, or no Bitcoin at all. */
export class WrongMagicError extends WireError {
  /** In hex. */
  readonly magic: string

  constructor({ expected, got }: { readonly expected: string; readonly got: string }) {
    super('undecodable', `expected a message with magic ${expected}, got ${got}`)
    this.magic = got
  }
}

function hex(magic: number): string {
  return magic.toString(16).padStart(8, '0')
}

/** Printable ASCII, then zeros. Bitcoin Core protocol.cpp, CMessageHeader::IsMessageTypeValid. */
function readCommand(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  const name = end === -1 ? bytes : bytes.subarray(0, end)
  const isPlain =
    name.every((byte) => byte >= 0x20 && byte <= 0x7e) && bytes.subarray(name.length).every((byte) => byte === 0)
  if (!isPlain || name.length === 0) throw undecodable('a command in ASCII', `bytes ${name.join(' ')}`)
  return String.fromCharCode(...name)
}

function isChecksum(checksum: Uint8Array, hash: Uint8Array): boolean {
  return checksum.every((byte, index) => byte === hash[index])
}
