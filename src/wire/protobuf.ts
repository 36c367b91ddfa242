import { joinBytes } from '../core/join-bytes.ts'
import { LENGTH_DELIMITED, ProtobufReader, VARINT } from './protobuf-reader.ts'
import { encodeVarint } from './varint.ts'
import { undecodable } from './wire-error.ts'

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
  const reader = new ProtobufReader(bytes)
  for (let fieldCount = 0; reader.next(); fieldCount++) {
    if (fieldCount === FIELDS_MAX) throw undecodable(`at most ${FIELDS_MAX} fields`, 'more')
    const value = reader.number() ?? reader.bytes() ?? 'unreadable'
    values.set(reader.field, values.has(reader.field) ? 'repeated' : value)
  }
  return values
}
