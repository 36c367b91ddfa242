import { bytesOfHex, HEX_OF_BYTE } from '../../core/hex.ts'
import { toRoot, type Root } from '../../core/ids.ts'
import { undecodable } from '../wire-error.ts'

const ROOT_BYTES = 32

/** 32 bytes as hashed from `offset`, as Bitcoin shows them: last byte first, in hex. */
export function readRoot(bytes: Uint8Array, offset: number): Root {
  let text = ''
  for (let index = offset + ROOT_BYTES - 1; index >= offset; index -= 1) text += HEX_OF_BYTE[bytes[index] ?? 0] ?? ''
  return toRoot(text)
}

/** Bitcoin's fields off a payload, little-endian where nothing else is said. Every read throws `WireError` past the end. */
export class PayloadReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #name: string
  #offset = 0

  /** `name` is the message's, for errors. */
  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#name = name
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  uint16BigEndian(): number {
    return this.#view.getUint16(this.#advance(2))
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true)
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true)
  }

  root(): Root {
    return readRoot(this.#bytes, this.#advance(ROOT_BYTES))
  }

  /** Shares the payload's memory. */
  bytes(sizeBytes: number): Uint8Array {
    const offset = this.#advance(sizeBytes)
    return this.#bytes.subarray(offset, offset + sizeBytes)
  }

  /** As many bytes as `count` asks for stay unread. `what` is counted, for the error. */
  compactSize(max: number, what: string): number {
    const value = this.compactSize64()
    if (value > BigInt(max)) throw undecodable(`at most ${max} ${what} in ${this.#name}`, String(value))
    return Number(value)
  }

  /** Bitcoin Core serialize.h, ReadCompactSize: the shortest form is the only one. */
  compactSize64(): bigint {
    const first = this.uint8()
    if (first < 0xfd) return BigInt(first)
    const sizeBytes = first === 0xfd ? 2 : first === 0xfe ? 4 : 8
    const offset = this.#advance(sizeBytes)
    const value =
      sizeBytes === 2
        ? BigInt(this.#view.getUint16(offset, true))
        : sizeBytes === 4
          ? BigInt(this.#view.getUint32(offset, true))
          : this.#view.getBigUint64(offset, true)
    const floor = sizeBytes === 2 ? 0xfdn : sizeBytes === 4 ? 0x1_0000n : 0x1_0000_0000n
    if (value < floor)
      throw undecodable(`a compact size in its shortest form in ${this.#name}`, `${value} in a longer one`)
    return value
  }

  /** Nothing may follow. */
  end(): void {
    const leftBytes = this.#bytes.length - this.#offset
    if (leftBytes > 0) throw undecodable(`nothing after the last field of ${this.#name}`, `${leftBytes} bytes`)
  }

  #advance(sizeBytes: number): number {
    const offset = this.#offset
    if (offset + sizeBytes > this.#bytes.length) {
      const got = `${this.#bytes.length}`
      throw undecodable(`at least ${offset + sizeBytes} bytes of ${this.#name}`, got)
    }
    this.#offset += sizeBytes
    return offset
  }
}

/** Bitcoin's fields, one after another, little-endian. */
export class PayloadWriter {
  readonly #bytes: number[] = []

  uint8(value: number): this {
    this.#bytes.push(value & 0xff)
    return this
  }

  uint32(value: number): this {
    return this.#littleEndian(BigInt(value >>> 0), 4)
  }

  uint64(value: bigint): this {
    return this.#littleEndian(value, 8)
  }

  compactSize(value: number): this {
    if (value < 0xfd) return this.uint8(value)
    if (value <= 0xffff) return this.uint8(0xfd).#littleEndian(BigInt(value), 2)
    return this.uint8(0xfe).uint32(value)
  }

  root(root: Root): this {
    this.#bytes.push(...bytesOfHex(root).reverse())
    return this
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte)
    return this
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes)
  }

  #littleEndian(value: bigint, sizeBytes: number): this {
    for (let index = 0; index < sizeBytes; index += 1) this.#bytes.push(Number((value >> BigInt(8 * index)) & 0xffn))
    return this
  }
}
