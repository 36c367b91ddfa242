const VARINT = 0
const LENGTH_DELIMITED = 2

/** Writes a protobuf message as parts: what is small into a buffer, what is long by reference. */
export class PartsWriter {
  readonly #parts: Uint8Array[] = []
  #buffer: Uint8Array = new Uint8Array(256)
  /** What stands before it in the buffer is a part already. */
  #start = 0
  #end = 0
  #sizeBytes = 0

  /** A negative number takes ten bytes, as the specification writes an int32. Zero, the default, is left out. */
  int32(field: number, value: number): void {
    if (value === 0) return
    this.#varint(field * 8 + VARINT)
    if (value >= 0) return this.#varint(value)
    this.#varintOf64(BigInt.asUintN(64, BigInt(value)))
  }

  /** Copied now. */
  bytes(field: number, value: Uint8Array): void {
    this.#key(field, value.length)
    this.#reserve(value.length)
    this.#buffer.set(value, this.#end)
    this.#end += value.length
  }

  /** A part of its own, not copied. */
  reference(field: number, value: Uint8Array): void {
    this.#key(field, value.length)
    this.#cut()
    this.#add(value)
  }

  /** The message that `write` writes here; it must not hold references. */
  message(field: number, write: () => void): void {
    this.#varint(field * 8 + LENGTH_DELIMITED)
    const mark = this.#end - this.#start
    write()
    const sizeBytes = this.#end - this.#start - mark
    const lengthBytes = varintBytes(sizeBytes)
    this.#reserve(lengthBytes)
    const start = this.#start + mark
    this.#buffer.copyWithin(start + lengthBytes, start, this.#end)
    this.#end = start
    this.#varint(sizeBytes)
    this.#end += sizeBytes
  }

  /** The head of a message of `sizeBytes` whose fields follow. */
  messageHead(field: number, sizeBytes: number): void {
    this.#key(field, sizeBytes)
  }

  finish(): { readonly parts: readonly Uint8Array[]; readonly sizeBytes: number } {
    this.#cut()
    return { parts: this.#parts, sizeBytes: this.#sizeBytes }
  }

  #key(field: number, sizeBytes: number): void {
    this.#varint(field * 8 + LENGTH_DELIMITED)
    this.#varint(sizeBytes)
  }

  #varint(value: number): void {
    this.#reserve(5)
    while (value >= 0x80) {
      this.#buffer[this.#end++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.#buffer[this.#end++] = value
  }

  #varintOf64(value: bigint): void {
    this.#reserve(10)
    for (; value >= 0x80n; value >>= 7n) this.#buffer[this.#end++] = Number(value & 0x7fn) | 0x80
    this.#buffer[this.#end++] = Number(value)
  }

  #reserve(sizeBytes: number): void {
    if (this.#buffer.length - this.#end >= sizeBytes) return
    const unfinished = this.#buffer.subarray(this.#start, this.#end)
    this.#buffer = new Uint8Array(2 * (unfinished.length + sizeBytes) + 256)
    this.#buffer.set(unfinished)
    this.#start = 0
    this.#end = unfinished.length
  }

  #cut(): void {
    if (this.#end > this.#start) this.#add(this.#buffer.subarray(this.#start, this.#end))
    this.#start = this.#end
  }

  #add(part: Uint8Array): void {
    this.#parts.push(part)
    this.#sizeBytes += part.length
  }
}

/** Bytes of an unsigned number below 2^32. */
export function varintBytes(value: number): number {
  let sizeBytes = 1
  for (; value >= 0x80; value >>>= 7) sizeBytes++
  return sizeBytes
}
