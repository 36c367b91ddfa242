import type { NodeInfo } from '../core/message.ts'
import type { VersionMessage } from '../wire/bitcoin/version-message.ts'
import {
  BITCOIN_PROTOCOL_VERSION,
  decodeVersion,
  encodeVersion,
  NODE_NETWORK,
  NODE_NETWORK_LIMITED,
} from '../wire/bitcoin/version-message.ts'
import { undecodable } from '../wire/wire-error.ts'

/** BIP 339 and BIP 155: both stand between version and verack. */
const FEATURES_PROTOCOL_VERSION = 70_016
const NOTHING = new Uint8Array(0)

export interface NegotiationOptions {
  readonly services: bigint
  /** Random, one a connection. */
  readonly nonce: bigint
  /** A nonce of ours on any connection: we are talking to ourselves. */
  readonly isOwnNonce: (nonce: bigint) => boolean
  readonly send: (command: string, payload: Uint8Array) => void
  readonly nowUnixSeconds: () => number
}

/** What a handshake message led to. `pending`: to more waiting. */
export type NegotiationStep =
  | { readonly type: 'pending' }
  /** Their version is here; where they dialled it is for us to answer. */
  | { readonly type: 'version'; readonly version: VersionMessage }
  /** Both sides said all: anything else may be sent now. */
  | { readonly type: 'done'; readonly version: VersionMessage }
  | { readonly type: 'self' }

/** version, verack and the features between them, for one connection. Whoever dialled says version first. */
export class BitcoinNegotiation {
  readonly #options: NegotiationOptions
  #isVersionSent = false
  #theirs: VersionMessage | undefined
  #isDone = false

  constructor(options: NegotiationOptions) {
    this.#options = options
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** Ours: first where we dialled, the answer where they did. */
  sendVersion(info: NodeInfo): void {
    if (this.#isVersionSent) return
    this.#isVersionSent = true
    const { services, nonce, send, nowUnixSeconds } = this.#options
    const version = {
      protocolVersion: BITCOIN_PROTOCOL_VERSION,
      services,
      nonce,
      // BIP 14: /name:version/
      userAgent: `/${info.agent.replace('/', ':')}/`,
      startHeight: info.head.height,
    }
    send('version', encodeVersion(version, nowUnixSeconds()))
    this.#acceptTheirs()
  }

  /** Any message until `isDone`. Throws `WireError` on what no honest peer sends; what it must not send yet is ignored. */
  take(command: string, payload: Uint8Array | undefined): NegotiationStep {
    if (command === 'version' && payload !== undefined) return this.#takeVersion(payload)
    if (this.#theirs === undefined) throw undecodable('version first', command)
    if (command !== 'verack' || !this.#isVersionSent) return { type: 'pending' }
    this.#isDone = true
    return { type: 'done', version: this.#theirs }
  }

  #takeVersion(payload: Uint8Array): NegotiationStep {
    if (this.#theirs !== undefined) throw undecodable('one version', 'a second')
    const version = decodeVersion(payload)
    if (this.#options.isOwnNonce(version.nonce)) return { type: 'self' }
    this.#theirs = version
    this.#acceptTheirs()
    return { type: 'version', version }
  }

  /** Once both versions are out: the features, then verack. */
  #acceptTheirs(): void {
    if (!this.#isVersionSent || this.#theirs === undefined) return
    if (this.#theirs.protocolVersion >= FEATURES_PROTOCOL_VERSION) {
      this.#options.send('wtxidrelay', NOTHING)
      this.#options.send('sendaddrv2', NOTHING)
    }
    this.#options.send('verack', NOTHING)
  }
}

/** Every Bitcoin node of these kinds has all headers; what its head is, beyond a height, it does not say. */
export function servesHeaders({ services }: VersionMessage): boolean {
  return (services & (NODE_NETWORK | NODE_NETWORK_LIMITED)) !== 0n
}
