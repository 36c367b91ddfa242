import { joinBytes } from '../core/join-bytes.ts'
import { decodeVarint, encodeVarint } from './varint.ts'
import { undecodable } from './wire-error.ts'

// Protocol Buffers, "Encoding", Message structure: wire types. Groups (3, 4) are deprecated and refused.
const VARINT = 0
const FIXED_64 = 1
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

/** Fields in one message: ours have fewer than 16, the rest is room for later versions. */
const FIELDS_MAX = 256

/** Writes a message field by field. */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = []

  varint(field: number, value: number): this {
    this.#parts.push(encodeVarint(field * 8 + VARINT), encodeVarint(value))
    return this
  }

  /** The bytes are copied by `finish`, not before. */
  bytes(field: number, value: Uint8Array): this {
    this.#parts.push(encodeVarint(field * 8 + LENGTH_DELIMITED), encodeVarint(value.length), value)
    return this
  }

  finish(): Uint8Array {
    return joinBytes(this.#parts)
  }
}

/** A number, bytes, or what a later version may use: skipped, and an error only when it is asked for. */
type FieldValue = number | Uint8Array | 'unreadable' | 'repeated'

/**
 * The fields of one message, by number. Unknown fields do no harm, so later versions may add some.
 * DIFF FROM SPEC: a field that we know must not come twice (the specification lets the last one win).
 */
export class ProtobufFields {
  readonly #values: ReadonlyMap<number, FieldValue>

  /** `bytes` must not change while this is in use. Throws `WireError`. */
  constructor(bytes: Uint8Array) {
    this.#values = readFields(bytes)
  }

  has(field: number): boolean {
    return this.#values.has(field)
  }

  /** Throws `WireError` when the field is missing, no number, or outside `min` … `max`. */
  varint(field: number, name: string, range: { readonly min?: number; readonly max?: number } = {}): number {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = range
    const value = this.#values.get(field)
    if (typeof value !== 'number') throw undecodable(`${name} as a number`, describe(value))
    if (value < min || value > max) throw undecodable(`${name} from ${min} to ${max}`, String(value))
    return value
  }

  /** A view, not a copy. Throws `WireError` when the field is missing, not bytes, or longer than `sizeBytesMax`. */
  bytes(field: number, name: string, sizeBytesMax: number): Uint8Array {
    const value = this.#values.get(field)
    if (!(value instanceof Uint8Array)) throw undecodable(`${name} as bytes`, describe(value))
    if (value.length > sizeBytesMax) {
      throw undecodable(`${name} of at most ${sizeBytesMax} bytes`, String(value.length))
    }
    return value
  }
}

function describe(value: FieldValue | undefined): string {
  if (value === undefined) return 'none'
  if (value === 'repeated') return 'it twice'
  return typeof value === 'string' ? 'another type' : typeof value === 'number' ? 'a number' : `${value.length} bytes`
}

function readFields(bytes: Uint8Array): Map<number, FieldValue> {
  const values = new Map<number, FieldValue>()
  let offset = 0
  for (let fieldCount = 0; offset < bytes.length; fieldCount++) {
    if (fieldCount === FIELDS_MAX) throw undecodable(`at most ${FIELDS_MAX} fields`, 'more')
    const key = takeVarint()
    const field = key === undefined ? 0 : Math.floor(key / 8)
    if (key === undefined || field === 0) throw undecodable('a field number from 1', String(field))
    const value = takeValue(key % 8)
    values.set(field, values.has(field) ? 'repeated' : value)
  }
  return values

  function takeVarint(): number | undefined {
    const varint = decodeVarint(bytes, offset)
    if (varint === undefined) throw undecodable('a whole message', 'one that ends inside a number')
    offset += varint.sizeBytes
    return varint.value
  }

  function takeValue(wireType: number): FieldValue {
    if (wireType === VARINT) return takeVarint() ?? 'unreadable'
    if (wireType === LENGTH_DELIMITED) return takeBytes(takeVarint() ?? Number.MAX_SAFE_INTEGER)
    if (wireType !== FIXED_32 && wireType !== FIXED_64) throw undecodable('a wire type 0, 1, 2 or 5', String(wireType))
    takeBytes(wireType === FIXED_32 ? 4 : 8)
    return 'unreadable'
  }

  function takeBytes(sizeBytes: number): Uint8Array {
    if (sizeBytes > bytes.length - offset) throw undecodable('a whole message', 'one that ends inside a field')
    offset += sizeBytes
    return bytes.subarray(offset - sizeBytes, offset)
  }
}
