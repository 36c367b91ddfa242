import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
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
    default:
      return 20
  }
}

export function isRequest(message: SyncMessage): boolean {
  return message.type === 'get-headers' || message.type === 'get-ancestors' || message.type === 'ping'
}
