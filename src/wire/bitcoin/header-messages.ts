import type { Root } from '../../core/ids.ts'
import { undecodable } from '../wire-error.ts'
import { HEADERS_PER_BITCOIN_MESSAGE_MAX, LOCATOR_ROOTS_PER_MESSAGE_MAX } from './message-limits.ts'
import { PayloadReader, PayloadWriter } from './payload.ts'
import { BITCOIN_PROTOCOL_VERSION } from './version-message.ts'

const HEADER_BYTES = 80
/** A header and the count of its transactions, which is always 0. */
const HEADER_ENTRY_BYTES: number = HEADER_BYTES + 1
const ZERO_ROOT: string = '0'.repeat(64)

/** The first locator entry that the asked one has on its best chain, and on from there; an empty locator asks for `stop` alone. */
export interface GetHeadersMessage {
  /** Newest first. */
  readonly locator: readonly Root[]
  readonly stop: Root | undefined
}

/** A locator longer than the network allows is cut, its last entry (genesis) kept. */
export function encodeGetHeaders({ locator, stop }: GetHeadersMessage): Uint8Array {
  const sent =
    locator.length <= LOCATOR_ROOTS_PER_MESSAGE_MAX
      ? locator
      : [...locator.slice(0, LOCATOR_ROOTS_PER_MESSAGE_MAX - 1), ...locator.slice(-1)]
  const writer = new PayloadWriter().uint32(BITCOIN_PROTOCOL_VERSION).compactSize(sent.length)
  for (const root of sent) writer.root(root)
  return (stop === undefined ? writer.bytes(new Uint8Array(32)) : writer.root(stop)).finish()
}

/** Throws `WireError`. */
export function decodeGetHeaders(payload: Uint8Array): GetHeadersMessage {
  const reader = new PayloadReader(payload, 'getheaders')
  reader.uint32()
  const count = reader.compactSize(LOCATOR_ROOTS_PER_MESSAGE_MAX, 'locator entries')
  const locator = Array.from({ length: count }, () => reader.root())
  const stop = reader.root()
  reader.end()
  return { locator, stop: stop === ZERO_ROOT ? undefined : stop }
}

/** `headers` holds whole headers one after another, at most 2,000. */
export function encodeHeaders(headers: Uint8Array): Uint8Array {
  const count = headers.length / HEADER_BYTES
  const prefix = new PayloadWriter().compactSize(count).finish()
  const payload = new Uint8Array(prefix.length + count * HEADER_ENTRY_BYTES)
  payload.set(prefix)
  for (let index = 0; index < count; index += 1) {
    const header = headers.subarray(index * HEADER_BYTES, (index + 1) * HEADER_BYTES)
    payload.set(header, prefix.length + index * HEADER_ENTRY_BYTES)
  }
  return payload
}

/** The headers one after another, the caller's own. Throws `WireError`. */
export function decodeHeaders(payload: Uint8Array): Uint8Array {
  const reader = new PayloadReader(payload, 'headers')
  const count = reader.compactSize(HEADERS_PER_BITCOIN_MESSAGE_MAX, 'headers')
  const entries = reader.bytes(count * HEADER_ENTRY_BYTES)
  reader.end()
  const headers = new Uint8Array(count * HEADER_BYTES)
  for (let index = 0; index < count; index += 1) {
    const start = index * HEADER_ENTRY_BYTES
    const transactionCount = entries[start + HEADER_BYTES] ?? 0
    if (transactionCount !== 0) throw undecodable('headers without transactions', `${transactionCount} in one`)
    headers.set(entries.subarray(start, start + HEADER_BYTES), index * HEADER_BYTES)
  }
  return headers
}
