/**
 * The header that yamux puts before each of its frames (its specification, "Framing"). A stream's bytes that begin further
 * behind are not the first frame in their memory.
 */
const MUXER_HEADER_BYTES = 12

/** Memory given up by its maker: nobody looks at it any more but who takes it off a stream's end, to read it or to send it. */
const handedOver = new WeakSet<ArrayBufferLike>()

/** The bytes are all of their memory, and its maker is done with it. */
export function handOver({ buffer }: Uint8Array): void {
  handedOver.add(buffer)
}

/**
 * Who took these bytes off a stream's end is done with them. Their memory is freed at once if it was handed over and holds nothing else:
 * memory that waits for the collector makes it run more often, and new memory is taken from the system meanwhile.
 */
export function freeSpent({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteOffset > MUXER_HEADER_BYTES || byteOffset + byteLength < buffer.byteLength) return
  if (buffer instanceof ArrayBuffer && handedOver.delete(buffer)) buffer.transfer(0)
}
