/** What a muxer puts before a part of a stream: yamux, "Framing". A second frame in the same memory would begin behind it. */
const MUXER_HEADER_BYTES = 12

/** Of what streams hand out: the makers of these have no view of them any more, nor has anybody but the stream's reader. */
const handedOver = new WeakSet<ArrayBufferLike>()

/** The bytes are all of their memory, and its maker is done with it. */
export function handOver({ buffer }: Uint8Array): void {
  handedOver.add(buffer)
}

/**
 * Frees bytes that came out of a stream at once, where they are all that somebody handed over: nobody looks at them any more.
 * Memory that waits for the collector costs a new page for each that is used, and sets off the collector besides.
 */
export function freeSpent({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteOffset > MUXER_HEADER_BYTES || byteOffset + byteLength < buffer.byteLength) return
  if (buffer instanceof ArrayBuffer && handedOver.delete(buffer)) buffer.transfer(0)
}
