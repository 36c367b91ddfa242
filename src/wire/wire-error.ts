export type WireErrorCode =
  | 'undecodable' // bytes that are no message of the protocol
  | 'oversize' // a frame or message over its limit

/** Bytes that no honest peer sends. `message` is one line: what was expected and what came. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireErrorCode

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export function undecodable(expected: string, got: string): WireError {
  return new WireError('undecodable', `expected ${expected}, got ${got}`)
}
