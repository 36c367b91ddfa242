/** Less memory than this is not worth the call that frees it. */
const FREED_BYTES_MIN: number = 8 * 1024

/**
 * Frees memory that nobody looks at any more, at once: what waits for the collector sets it off, over the whole heap, every
 * few megabytes. The array and every other view of its memory are empty afterwards.
 */
export function freeBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= FREED_BYTES_MIN) buffer.transfer(0)
}
