import { Uint8ArrayList } from 'uint8arraylist'

/** A list may hold all that waits; a message stays far below the MiB that a listener takes, and above one sealed frame. */
const JOINED_BYTES_MAX: number = 128 * 1024

/** The same bytes in as few pieces as there may be, of 128 KiB at most but for one that was longer already. */
export function joinPieces(data: Uint8ArrayList): Uint8ArrayList {
  const list = new Uint8ArrayList()
  let pieces = new Uint8ArrayList()
  for (const piece of data) {
    if (pieces.byteLength > 0 && pieces.byteLength + piece.byteLength > JOINED_BYTES_MAX) {
      list.append(pieces.subarray())
      pieces = new Uint8ArrayList()
    }
    pieces.append(piece)
  }
  if (pieces.byteLength > 0) list.append(pieces.subarray())
  return list
}
