/** Two digits, lower-case, for each byte. */
export const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)

/** The byte that two digits of hex in a text say, from `index` on. The text is hex there: anything else gives some number. */
export function hexByteAt(text: string, index: number): number {
  return (digitAt(text, index) << 4) | digitAt(text, index + 1)
}

function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index)
  return code < 0x3a ? code - 0x30 : (code | 0x20) - 0x61 + 10
}
