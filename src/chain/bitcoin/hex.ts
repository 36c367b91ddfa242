import { HEX_OF_BYTE, hexByteAt } from '../../core/hex-byte.ts'
import { contentError } from './content-failure.ts'

/** Joined at a time, so that 4 MB do not become 4 million pieces of text. */
const CHUNK_SIZE_BYTES = 4_096

/** Lower-case, in the order of the bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (let start = 0; start < bytes.length; start += CHUNK_SIZE_BYTES) {
    text += Array.from(bytes.subarray(start, start + CHUNK_SIZE_BYTES), (byte) => HEX_OF_BYTE[byte]).join('')
  }
  return text
}

/** Throws `ContentError` for anything but lower-case hex of whole bytes. */
export function fromHex(text: unknown): Uint8Array {
  if (typeof text !== 'string' || text.length % 2 !== 0 || !/^[\da-f]*$/.test(text)) throw notHex(text)
  return Uint8Array.from({ length: text.length / 2 }, (_, index) => hexByteAt(text, 2 * index))
}

function notHex(value: unknown): Error {
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value
  return contentError('malformed', 'bytes in lower-case hex', got)
}
