import type { CoreOptions, LightNodeCore } from '../core/core.ts'
import type { Event } from '../core/event.ts'
import { bytesOfHex, toHex } from '../core/hex.ts'
import type { Instant } from '../core/instant.ts'

/** The first line of a recording: what the core was made with. */
export interface RecordingHead {
  readonly rushlightRecording: 1
  readonly version: string
  readonly chain: string
  readonly minimumChainWork: bigint
  readonly options: Omit<CoreOptions, 'chain'>
}

/** Every further line: one call of the core. */
export interface RecordedStep {
  readonly now: Instant
  readonly call: { readonly type: 'event'; readonly event: Event } | { readonly type: 'timeout' | 'work' }
}

/** One line of JSON; bytes as `{"$bytes":"hex"}`, bigints as `{"$bigint":"hex"}`. */
export function encodeRecordingLine(value: RecordingHead | RecordedStep): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return { $bigint: item.toString(16) }
    return item instanceof Uint8Array ? { $bytes: toHex(item) } : item
  })
}

/** Throws `SyntaxError` when the line is no JSON. What it holds is checked by whoever reads it. */
export function decodeRecordingLine(line: string): unknown {
  return JSON.parse(line, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null) return item
    if ('$bytes' in item && typeof item.$bytes === 'string') return bytesOfHex(item.$bytes)
    if ('$bigint' in item && typeof item.$bigint === 'string') return BigInt(`0x${item.$bigint}`)
    return item
  })
}

/** The same core, with every call written down before it is made: a bug seen in a user's tab is a file. */
export function recordCore(args: {
  readonly core: LightNodeCore
  readonly head: RecordingHead
  readonly write: (line: string) => void
}): LightNodeCore {
  const { core, head, write } = args
  const record = (step: RecordedStep): void => write(encodeRecordingLine(step))
  write(encodeRecordingLine(head))
  return {
    tree: core.tree,
    syncView: () => core.syncView(),
    exchangeView: () => core.exchangeView(),
    view: () => core.view(),
    hasWork: () => core.hasWork(),
    nextTimeout: () => core.nextTimeout(),
    handle(event, now) {
      record({ now, call: { type: 'event', event } })
      return core.handle(event, now)
    },
    handleTimeout(now) {
      record({ now, call: { type: 'timeout' } })
      return core.handleTimeout(now)
    },
    handleWork(now) {
      record({ now, call: { type: 'work' } })
      return core.handleWork(now)
    },
  }
}
