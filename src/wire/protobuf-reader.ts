import { VARINT_BYTES_MAX } from './varint.ts'
import { undecodable } from './wire-error.ts'

// Protocol Buffers, "Encoding", Message structure: wire types. Groups (3, 4) are deprecated and refused.
export const VARINT = 0
const FIXED_64 = 1
export const LENGTH_DELIMITED = 2
const FIXED_32 = 5

/**
 * Reads a message field by field, in the order of the bytes, repeated ones included; allocates nothing but what it returns.
 * After `next`, `field` is that field's number; a value that is not asked for, or is of another type, is skipped.
 * Every method throws `WireError` on bytes that are no message.
 */
export class ProtobufReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #offset: number
  #wireType = VARINT
  /** The value of `field` was not taken yet. */
  #hasValue = false
  /** What is above the low 32 bits of the number read last. */
  #high = 0
  field = 0

  /** `bytes` must not change while this is in use. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#offset = start
    this.#end = end
  }

  /** False at the end of the message. */
  next(): boolean {
    if (this.#hasValue) this.#skip()
    if (this.#offset === this.#end) return false
    const key = this.#uint32()
    this.field = key >>> 3
    this.#wireType = key & 7
    this.#hasValue = true
    if (this.field === 0) throw undecodable('a field number from 1', '0')
    return true
  }

  /** The low 32 bits of a number, signed, as the specification reads an int32, a bool or an enum; undefined when it is none. */
  int32(): number | undefined {
    if (this.#wireType !== VARINT) return undefined
    this.#hasValue = false
    return this.#varint() | 0
  }

  /** Undefined when the field holds no number, or one beyond 2^53 - 1. */
  number(): number | undefined {
    if (this.#wireType !== VARINT) return undefined
    this.#hasValue = false
    const value = this.#varint() + this.#high * 2 ** 32
    return Number.isSafeInteger(value) ? value : undefined
  }

  /** A view; undefined when the field holds no bytes. */
  bytes(): Uint8Array | undefined {
    if (this.#wireType !== LENGTH_DELIMITED) return undefined
    const start = this.#takeLength()
    return this.#bytes.subarray(start, this.#offset)
  }

  /** The message in this field; undefined when there is none. */
  message(): ProtobufReader | undefined {
    if (this.#wireType !== LENGTH_DELIMITED) return undefined
    const start = this.#takeLength()
    return new ProtobufReader(this.#bytes, start, this.#offset)
  }

  #skip(): void {
    this.#hasValue = false
    switch (this.#wireType) {
      case VARINT:
        this.#varint()
        return
      case LENGTH_DELIMITED:
        this.#takeLength()
        return
      case FIXED_32:
        return this.#advance(4)
      case FIXED_64:
        return this.#advance(8)
      default:
        throw undecodable('a wire type 0, 1, 2 or 5', String(this.#wireType))
    }
  }

  /** Moves behind the bytes and returns where they start. */
  #takeLength(): number {
    this.#hasValue = false
    const sizeBytes = this.#uint32()
    const start = this.#offset
    this.#advance(sizeBytes)
    return start
  }

  #advance(sizeBytes: number): void {
    if (sizeBytes > this.#end - this.#offset) throw undecodable('a whole message', 'one that ends inside a field')
    this.#offset += sizeBytes
  }

  /** A field's key or length. */
  #uint32(): number {
    const value = this.#varint()
    if (this.#high > 0) throw undecodable('a field and a length of 32 bits', 'a longer number')
    return value
  }

  /** Unsigned, its low 32 bits; the others are in `#high`. */
  #varint(): number {
    let value = 0
    this.#high = 0
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      if (this.#offset === this.#end) throw undecodable('a whole message', 'one that ends inside a number')
      const byte = this.#bytes[this.#offset++] ?? 0
      if (index < 5) value |= (byte & 0x7f) << (index * 7)
      if (index === 4) this.#high = (byte & 0x70) >> 4
      if (index > 4) this.#high += (byte & 0x7f) * 2 ** (index * 7 - 32)
      if (byte < 0x80) return value >>> 0
    }
    throw undecodable(`a varint of at most ${VARINT_BYTES_MAX} bytes`, 'a longer one')
  }
}
