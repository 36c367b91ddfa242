import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { IncomingExchange, OutgoingExchange } from '../../src/core/exchange/exchange-message.ts'
import type { Instant } from '../../src/core/instant.ts'
import type { SyncMessage } from '../../src/core/message.ts'

/** What a simulated process runs: the real core, or a liar that looks like one from outside. */
export interface Machine {
  handle(event: Event, now: Instant): readonly Effect[]
  handleTimeout(now: Instant): readonly Effect[]
  nextTimeout(): number | undefined
  hasWork(): boolean
  handleWork(now: Instant): readonly Effect[]
}

/** About as many bytes as the message has on a wire. */
export function messageSizeBytes(message: SyncMessage): number {
  switch (message.type) {
    case 'headers':
    case 'announce':
      return 100 + message.headers.length
    case 'ancestors':
      return 100 + message.headers.length + 32 * (message.answered.length + message.unknown.length)
    case 'get-headers':
      return 50 + 32 * message.locator.length
    case 'get-ancestors':
      return 50 + 32 * (message.roots.length + message.known.length)
    case 'block-outline':
      return 50 + message.bytes.length
    case 'get-peers':
    case 'peers':
      return 20 + 300 * message.records.length
    default:
      return 20
  }
}

export function exchangeSizeBytes(message: OutgoingExchange | IncomingExchange): number {
  const { wants, cancels, blocks, haves, dontHaves } = message
  let sizeBytes = 20 + 46 * (wants.length + cancels.length + haves.length + dontHaves.length)
  for (const { bytes } of blocks) sizeBytes += bytes.length + 12
  return sizeBytes
}

const REQUESTS: readonly SyncMessage['type'][] = [
  'get-headers',
  'get-ancestors',
  'ping',
  'get-block-outline',
  'get-peers',
]

export function isRequest(message: SyncMessage): boolean {
  return REQUESTS.includes(message.type)
}
