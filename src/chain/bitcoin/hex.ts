import { bytesOfHex } from '../../core/hex.ts'
import { contentError } from './content-failure.ts'

/** Throws `ContentError` for anything but lower-case hex of whole bytes. */
export function fromHex(text: unknown): Uint8Array {
  if (typeof text !== 'string' || text.length % 2 !== 0 || !/^[\da-f]*$/.test(text)) throw notHex(text)
  return bytesOfHex(text)
}

function notHex(value: unknown): Error {
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value
  return contentError('malformed', 'bytes in lower-case hex', got)
}
