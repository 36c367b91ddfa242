import type { NetworkFailure } from '../core/failure.ts'

/** Why an address could not be reached; `message` is one line for people. */
export class DialProblem extends Error {
  override readonly name = 'DialProblem'
  readonly failure: NetworkFailure

  constructor(failure: NetworkFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.failure = failure
  }
}

/** What else may be wrong with an address that names a certificate: browsers, above all, do not tell. Empty for others. */
export function certificateHint(address: string): string {
  return address.includes('/certhash/') ? `, or ${CERTIFICATE_CAUSE}` : ''
}

const CERTIFICATE_CAUSE =
  "the certificate there has expired or is not the one in the address: a gateway's URL leads to the current one"

/** What the library's many errors mean, in words. `address` is what was dialled. */
export function dialProblemOf(error: unknown, address: string): DialProblem {
  if (error instanceof DialProblem) return error
  const texts = errorTexts(error)
  const says = (pattern: RegExp): RegExpExecArray | undefined => {
    for (const text of texts) {
      const match = pattern.exec(text)
      if (match !== null) return match
    }
    return undefined
  }
  const problem = (failure: NetworkFailure, message: string): DialProblem =>
    new DialProblem(failure, message, { cause: error })

  const identity = says(/identity key (\S+) does not match expected remote identity key (\S+)/)
  if (identity !== undefined) {
    return problem('wrong-peer', `wrong peer at ${address}: expected ${identity[2] ?? ''}, got ${identity[1] ?? ''}`)
  }
  // Of our own dialler, and of the addon's TLS.
  if (says(/does not know the certificate|invalid peer certificate/)) {
    return problem('closed', `${address} is refused: ${CERTIFICATE_CAUSE}`)
  }
  if (says(/dial self|own peer id/i)) return problem('refused', `${address} is our own address`)
  if (says(/NoValidAddresses|TransportUnavailable|no valid addresses/)) {
    return problem('undialable', `no transport of this platform can dial ${address}`)
  }
  if (says(/DialDenied|ConnectionDenied/)) return problem('refused', `dialling ${address} is not allowed here`)
  if (says(/ENOTFOUND|EAI_AGAIN|ERR_INVALID_URL/)) return problem('unreachable', `no such host name: ${address}`)
  if (says(/ECONNREFUSED/)) return problem('unreachable', `nobody listening at ${address}`)
  if (says(/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/)) return problem('unreachable', `no route to ${address}`)
  if (says(/ETIMEDOUT|TimeoutError|AbortError|timed out/))
    return problem('timeout', `no answer from ${address} in time${certificateHint(address)}`)
  if (says(/EncryptionFailed|MuxerUnavailable|UnexpectedEOF|StreamClosed|StreamReset|ECONNRESET|closed/i)) {
    return problem(
      'closed',
      `${address} hung up before it was secured: not a libp2p peer, or it refused us${certificateHint(address)}`,
    )
  }
  return problem('unreachable', `nobody listening at ${address}, or not a libp2p peer${certificateHint(address)}`)
}

/** Names, codes and messages of an error, of its causes and of the errors it gathers, at most 32 deep in all. */
export function errorTexts(error: unknown): string[] {
  const texts: string[] = []
  const queue: unknown[] = [error]
  for (let count = 0; count < 32; count++) {
    const next = queue.shift()
    if (next === undefined) break
    if (typeof next !== 'object' || next === null) continue
    const { name, code, message, cause, errors, error: inner } = next as Record<string, unknown>
    for (const text of [name, code, message]) if (typeof text === 'string') texts.push(text)
    queue.push(
      ...[cause, inner, ...(Array.isArray(errors) ? (errors as unknown[]) : [])].filter((each) => each !== undefined),
    )
  }
  return texts
}
