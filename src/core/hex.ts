/** Two digits, lower-case, for each byte. */
export const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)

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

/** Of hex, two digits a byte; anything else gives some bytes. */
export function bytesOfHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = (digitAt(text, 2 * index) << 4) | digitAt(text, 2 * index + 1)
  }
  return bytes
}

function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index)
  return code < 0x3a ? code - 0x30 : (code | 0x20) - 0x61 + 10
}
