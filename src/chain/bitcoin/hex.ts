import { contentError } from './content-failure.ts'

/** Joined at a time, so that 4 MB do not become 4 million pieces of text; below what a call may have of arguments. */
const CHUNK_SIZE_BYTES = 4_096

/** Lower-case, in the order of the bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  const codes = new Uint8Array(2 * Math.min(bytes.length, CHUNK_SIZE_BYTES))
  for (let start = 0; start < bytes.length; start += CHUNK_SIZE_BYTES) {
    const chunk = bytes.subarray(start, start + CHUNK_SIZE_BYTES)
    chunk.forEach((byte, index) => {
      codes[2 * index] = codeOf(byte >>> 4)
      codes[2 * index + 1] = codeOf(byte & 15)
    })
    text += String.fromCharCode(...codes.subarray(0, 2 * chunk.length))
  }
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

function codeOf(digit: number): number {
  return digit < 10 ? 0x30 + digit : 0x61 + digit - 10
}

function digitOf(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x61 + 10 : undefined
}

function notHex(value: unknown): Error {
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value
  return contentError('malformed', 'bytes in lower-case hex', got)
}
