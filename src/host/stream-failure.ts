import type { NetworkFailure } from '../core/failure.ts'

/** Why a stream could not be opened, or a connection made, as far as the library's error tells. */
export function failureOf(error: unknown): NetworkFailure {
  const name = error instanceof Error ? error.name : ''
  if (name === 'UnsupportedProtocolError') return 'unsupported'
  if (name === 'TimeoutError' || name === 'AbortError') return 'timeout'
  if (name === 'LimitedConnectionError' || name === 'TooManyOutboundProtocolStreamsError') return 'refused'
  return 'closed'
}
