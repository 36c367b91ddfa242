/**
 * The header that yamux puts before each of its frames (its specification, "Framing"). A stream's bytes that begin further
 * behind are not the first frame in their memory.
 */
const MUXER_HEADER_BYTES = 12

/** Memory of what streams hand out, given up by its maker: nobody but the stream's reader looks at it any more. */
const handedOver = new WeakSet<ArrayBufferLike>()

/** The bytes are all of their memory, and its maker is done with it. */
export function handOver({ buffer }: Uint8Array): void {
  handedOver.add(buffer)
}

/**
 * A stream's reader is done with these bytes. Their memory is freed at once if it was handed over and holds nothing else:
 * memory that waits for the collector makes it run more often, and new memory is taken from the system meanwhile.
 */
export function freeSpent({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteOffset > MUXER_HEADER_BYTES || byteOffset + byteLength < buffer.byteLength) return
  if (buffer instanceof ArrayBuffer && handedOver.delete(buffer)) buffer.transfer(0)
}
