import { connect } from 'node:net'
import type { Probe, ProbeFinding } from './examination-cause.ts'

const FINDINGS: Readonly<Record<string, ProbeFinding>> = {
  ENOTFOUND: 'name-not-found',
  EAI_AGAIN: 'name-not-found',
  ECONNREFUSED: 'nobody-listening',
  EHOSTUNREACH: 'no-route',
  ENETUNREACH: 'no-route',
}

/** Opens a TCP connection and sends nothing. */
export const probeTcp: Probe = ({ host, port, signal }) =>
  new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (finding: ProbeFinding | undefined): void => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      resolve(finding)
    }
    const onAbort = (): void => end('timeout')
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) return onAbort()
    socket.once('connect', () => end('not-libp2p'))
    socket.on('error', (error) => {
      // Of a name with several addresses each has an error of its own.
      const [first = error] = error instanceof AggregateError ? (error.errors as readonly Error[]) : [error]
      end('code' in first ? FINDINGS[String(first.code)] : undefined)
    })
  })
