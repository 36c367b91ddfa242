import { contentError } from './content-failure.ts'
import { HEX_OF_BYTE } from './header.ts'

/** Lower-case, in the order of the bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX_OF_BYTE[byte] ?? ''
  return text
}

/** Throws `ContentError` for anything but lower-case hex of whole bytes. */
export function fromHex(text: unknown): Uint8Array {
  if (typeof text !== 'string' || text.length % 2 !== 0) throw notHex(text)
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < text.length; index += 1) {
    const digit = digitOf(text.charCodeAt(index))
    if (digit === undefined) throw notHex(text)
    bytes[index >>> 1] = ((bytes[index >>> 1] ?? 0) << 4) | digit
  }
  return bytes
}

function digitOf(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x61 + 10 : undefined
}

function notHex(value: unknown): Error {
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value
  return contentError('malformed', 'bytes in lower-case hex', got)
}
