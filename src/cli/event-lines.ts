import type { Gateway, Head, LightNode, Log } from '../nodejs.ts'
import { formatProgress } from './progress-line.ts'
import type { Terminal } from './terminal.ts'

/** A sync moves the head hundreds of times a second; one line in this time is enough to read. */
const HEAD_LINE_INTERVAL_MS = 1_000

/**
 * Adds head and reorg lines to what the gateway logs itself (status, peers, warnings), and the progress line while there
 * is something to catch up with. Returns what ends it.
 */
export function logEvents(gateway: Gateway, options: { readonly terminal: Terminal; readonly log: Log }): () => void {
  const { terminal, log } = options
  let headTimer: NodeJS.Timeout | undefined
  let headLoggedMs = -Infinity

  const logHead = (): void => {
    headTimer = undefined
    headLoggedMs = performance.now()
    const { height, root, trust, confirmedBy }: Head = gateway.head
    log('head', { height, root, trust, confirmedBy })
  }
  gateway.addEventListener('head', () => {
    headTimer ??= setTimeout(logHead, Math.max(0, headLoggedMs + HEAD_LINE_INTERVAL_MS - performance.now()))
  })
  gateway.addEventListener('reorg', ({ detail: { reverted, adopted } }) => {
    log('reorg', {
      fromHeight: adopted[0]?.height,
      reverted: reverted.length,
      adopted: adopted.length,
      head: adopted.at(-1)?.root,
    })
  })
  const unsubscribe = gateway.subscribe(() => terminal.progress(progressLine(gateway)))
  return () => {
    clearTimeout(headTimer)
    unsubscribe()
    terminal.progress(undefined)
  }
}

/** What there is to catch up with; undefined when there is nothing. */
export function progressLine(lightNode: LightNode): string | undefined {
  const { status, progress, store } = lightNode.snapshot()
  const { verified, target, headersPerSecond } = progress
  if (status === 'starting' && store.headerCount > verified + 1) {
    return formatProgress({
      verb: 'verifying stored',
      done: verified,
      total: store.headerCount,
      perSecond: headersPerSecond,
    })
  }
  if (target === undefined || target <= verified) return undefined
  return formatProgress({ verb: 'syncing', done: verified, total: target, perSecond: headersPerSecond })
}
