/** Branded identifiers: what must not be swapped has a type of its own, and one checked constructor each. */

declare const brand: unique symbol
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name }

/** A header's hash: lower-case hex, 64 digits, in the chain's display order. */
export type Root = Brand<string, 'Root'>
/**
 * A content identifier in its usual text: version 1 in lower-case base32 (`bafk…`), version 0 in base58 (`Qm…`).
 * Made of bytes by `src/wire/cid.ts` alone, so that equal texts are equal CIDs. The CID of a Bitcoin header is its root.
 */
export type Cid = Brand<string, 'Cid'>
/** A remote machine's libp2p peer id, as text. */
export type PeerId = Brand<string, 'PeerId'>
/** One connection to a peer; never used twice within a process. */
export type ConnectionId = Brand<string, 'ConnectionId'>
/** One attempt of ours to reach an address. */
export type DialId = Brand<number, 'DialId'>
/** One numbered request of ours or of a peer's, unique per asker. */
export type RequestId = Brand<number, 'RequestId'>
/** One read of the block store that is under way. */
export type LoadId = Brand<number, 'LoadId'>
/** One wish of the app for a block or an outline, until it is settled. */
export type WantToken = Brand<number, 'WantToken'>

const ROOT_PATTERN = /^[0-9a-f]{64}$/

export function isRoot(text: string): text is Root {
  return ROOT_PATTERN.test(text)
}

/** Throws `RangeError` when the text is not 64 lower-case hex digits. */
export function toRoot(text: string): Root {
  if (!isRoot(text)) throw new RangeError(`expected 64 lower-case hex digits, got ${JSON.stringify(text.slice(0, 80))}`)
  return text
}

export function toPeerId(text: string): PeerId {
  if (text.length === 0) throw new RangeError('expected a peer id, got an empty text')
  return text as PeerId
}

export function toConnectionId(text: string): ConnectionId {
  if (text.length === 0) throw new RangeError('expected a connection id, got an empty text')
  return text as ConnectionId
}

export function toDialId(value: number): DialId {
  return toCount(value) as DialId
}

export function toRequestId(value: number): RequestId {
  return toCount(value) as RequestId
}

function toCount(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`expected a whole number from 0, got ${value}`)
  return value
}
