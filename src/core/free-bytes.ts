/** Less memory than this is not worth the call that frees it. */
export const FREED_BYTES_MIN: number = 8 * 1024

/**
 * Frees memory that nobody looks at any more, at once: what waits for the collector sets it off, over the whole heap, every
 * few megabytes. Every view of it is empty afterwards.
 */
export function freeBytes({ buffer }: { readonly buffer: ArrayBufferLike }): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= FREED_BYTES_MIN) buffer.transfer(0)
}
