import type { Multiaddr } from '@multiformats/multiaddr'
import type { NetworkFailure } from '../core/failure.ts'
import { errorTexts } from './dial-problem.ts'
import type { Examination, ExaminationCause } from './examination.ts'
import { pageHint } from './page-hint.ts'

type Failure = NonNullable<Examination['failure']>

/** A dial that came to nothing. */
export interface FailedDial {
  readonly failure: NetworkFailure
  /** One line for people. */
  readonly detail: string
  /** What the transport said, or `fetch`. */
  readonly error: unknown
}

/** What a WebSocket does not tell: looks whether anything listens there at all. Undefined where that cannot be told. */
export type Probe = (target: {
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
  readonly signal: AbortSignal
}) => Promise<ProbeFinding | undefined>

export type ProbeFinding = Extract<
  ExaminationCause,
  'name-not-found' | 'no-route' | 'nobody-listening' | 'not-libp2p' | 'timeout'
>

/** Of a gateway's URL that could not be asked. */
export function causeOfLookup(failed: FailedDial, url: URL): Pick<Failure, 'cause' | 'message'> {
  const target = { host: url.hostname, isSecure: url.protocol === 'https:' }
  const cause = failed.failure === 'unsupported' ? 'not-a-gateway' : unconnected(failed, target)
  return { cause, message: failed.detail }
}

/** Of an address that was dialled. */
export async function causeOfDial(args: {
  readonly failed: FailedDial
  readonly address: Multiaddr
  readonly isConnected: boolean
  readonly probe: Probe
  readonly signal: AbortSignal
}): Promise<Pick<Failure, 'step' | 'cause' | 'message'>> {
  const { failed, address, isConnected, probe, signal } = args
  const { failure, detail: message } = failed
  const components = address.getComponents()
  const has = (...names: readonly string[]): boolean => components.some(({ name }) => names.includes(name))
  if (failure === 'undialable') return { step: 'resolved', cause: 'no-transport', message }
  if (failure === 'refused') return { step: 'resolved', cause: 'own-address', message }
  if (failure === 'wrong-peer') return { step: 'secured', cause: 'wrong-peer', message }
  if (isConnected) return { step: 'secured', cause: failure === 'timeout' ? 'timeout' : 'not-libp2p', message }
  if (says(failed, /the relay could not reach/)) {
    const absent = 'the relay answers, but the peer behind it is gone or never left word there'
    return { step: 'connected', cause: 'not-at-relay', message: `${absent}: ${address.toString()}` }
  }
  if (has('certhash') && failure === 'closed') return { step: 'secured', cause: 'wrong-certificate', message }
  const isSecure = has('tls', 'wss', 'webtransport', 'webrtc-direct')
  const [host, port] = components
  const target = { host: host?.value ?? '', isSecure }
  const cause = unconnected(failed, target)
  if (cause !== 'nobody-listening' || !has('ws', 'wss') || has('p2p-circuit'))
    return { step: stepOf(cause), cause, message }
  const finding = await probe({ ...target, port: Number(port?.value), signal })
  return finding === undefined
    ? { step: 'connected', cause, message }
    : { step: stepOf(finding), cause: finding, message: `${FINDING_WORDS[finding]} ${address.toString()}` }
}

const FINDING_WORDS: Readonly<Record<ProbeFinding, string>> = {
  'name-not-found': 'no such host name:',
  'no-route': 'no route to',
  'nobody-listening': 'nobody listening at',
  'not-libp2p': 'something listens, but does not answer a libp2p WebSocket, at',
  timeout: 'no answer in time from',
}

function stepOf(cause: ExaminationCause): Failure['step'] {
  return cause === 'name-not-found' ? 'resolved' : 'connected'
}

function says({ error }: FailedDial, pattern: RegExp): boolean {
  return errorTexts(error).some((text) => pattern.test(text))
}

/** Nothing answered; browsers do not say why, so what the page rules out comes first. */
function unconnected(failed: FailedDial, target: Parameters<typeof pageHint>[0]): ExaminationCause {
  const hint = pageHint(target)
  if (hint !== '') return hint.includes('TLS') ? 'mixed-content' : 'local-network'
  if (says(failed, /ENOTFOUND|EAI_AGAIN/)) return 'name-not-found'
  if (says(failed, /EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/)) return 'no-route'
  if (failed.failure === 'timeout') return 'timeout'
  return failed.failure === 'closed' ? 'hung-up' : 'nobody-listening'
}

/** Of a peer that was reached and did not shake hands. */
export function causeOfHandshake(
  failure: NetworkFailure | 'undecodable',
  address: string,
): Pick<Failure, 'cause' | 'message'> {
  switch (failure) {
    case 'timeout':
      return { cause: 'timeout', message: `${address} speaks libp2p, but did not answer the handshake in time` }
    case 'unsupported':
    case 'undecodable':
      return { cause: 'not-rushlight', message: `${address} speaks libp2p, but not Rushlight's handshake` }
    default: {
      const message = `${address} hung up during the handshake: it may be full, or have turned this machine away`
      return { cause: 'hung-up', message }
    }
  }
}
