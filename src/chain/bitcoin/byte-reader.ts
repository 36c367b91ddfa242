import { contentError } from './content-failure.ts'
import { readUint32 } from './header.ts'

/** Bitcoin Core serialize.h, MAX_SIZE: no compact size may be larger. */
const COMPACT_SIZE_MAX = 0x02000000

/** Reads Bitcoin's fields one after another; every read past the end throws `ContentError` and allocates nothing. */
export class ByteReader {
  readonly bytes: Uint8Array
  offset = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get restSizeBytes(): number {
    return this.bytes.length - this.offset
  }

  /** Returns the offset of what was skipped. */
  skip(sizeBytes: number): number {
    const { offset } = this
    if (sizeBytes > this.restSizeBytes) throw contentError('malformed', `${sizeBytes} more bytes`, this.restSizeBytes)
    this.offset += sizeBytes
    return offset
  }

  /** A view, not a copy. */
  take(sizeBytes: number): Uint8Array {
    const start = this.skip(sizeBytes)
    return this.bytes.subarray(start, this.offset)
  }

  uint8(): number {
    return this.bytes[this.skip(1)] ?? 0
  }

  uint32(): number {
    return readUint32(this.bytes, this.skip(4))
  }

  /** Bitcoin Core serialize.h, ReadCompactSize: the shortest form is the only one. */
  compactSize(): number {
    const first = this.uint8()
    if (first < 0xfd) return first
    let value: number
    let least = 0xfd
    if (first === 0xfd) {
      const offset = this.skip(2)
      value = readUint32(this.bytes, offset) & 0xffff
    } else {
      value = this.uint32()
      least = 0x10000
      if (first === 0xff) {
        value += this.uint32() * 2 ** 32
        least = 2 ** 32
      }
    }
    if (value < least) throw contentError('malformed', 'a compact size in its shortest form', `${value} in a longer`)
    if (value > COMPACT_SIZE_MAX) throw contentError('malformed', `a size of at most ${COMPACT_SIZE_MAX}`, value)
    return value
  }

  /** A count of things of at least `sizeBytesMin` each, for which there are bytes left. */
  count(what: string, sizeBytesMin: number): number {
    const count = this.compactSize()
    const countMax = Math.floor(this.restSizeBytes / sizeBytesMin)
    if (count > countMax) throw contentError('malformed', `at most ${countMax} ${what} in what is left`, count)
    return count
  }

  /** Nothing may follow. */
  end(): void {
    if (this.restSizeBytes > 0) throw contentError('malformed', 'nothing behind the end', `${this.restSizeBytes} bytes`)
  }
}

/** The shortest form. `value` is a whole number below 2^32. */
export function encodeCompactSize(value: number): Uint8Array {
  if (value < 0xfd) return Uint8Array.of(value)
  if (value < 0x10000) return Uint8Array.of(0xfd, value, value >>> 8)
  return Uint8Array.of(0xfe, value, value >>> 8, value >>> 16, value >>> 24)
}
