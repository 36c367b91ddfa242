import type {
  ClearableSignal,
  Connection,
  ConnectionEncrypter,
  MultiaddrConnection,
  StreamMuxerFactory,
  Upgrader,
  UpgraderOptions,
  UpgraderWithoutEncryptionOptions,
} from '@libp2p/interface'

export type AnyUpgraderOptions = UpgraderOptions | UpgraderWithoutEncryptionOptions

/** Hands every call on to the upgrader that it was made with. Who extends it overrides what is to be different. */
export class PassingUpgrader implements Upgrader {
  readonly #upgrader: Upgrader

  constructor(upgrader: Upgrader) {
    this.#upgrader = upgrader
  }

  getStreamMuxers(): Map<string, StreamMuxerFactory> {
    return this.#upgrader.getStreamMuxers()
  }

  getConnectionEncrypters(): Map<string, ConnectionEncrypter> {
    return this.#upgrader.getConnectionEncrypters()
  }

  /** Its type in libp2p asks for a signal; its code does without. */
  createInboundAbortSignal(signal?: AbortSignal): ClearableSignal {
    return this.#upgrader.createInboundAbortSignal(signal as AbortSignal)
  }

  async upgradeInbound(maConn: MultiaddrConnection, options: AnyUpgraderOptions): Promise<void> {
    return this.#upgrader.upgradeInbound(maConn, options as UpgraderWithoutEncryptionOptions)
  }

  async upgradeOutbound(maConn: MultiaddrConnection, options: AnyUpgraderOptions): Promise<Connection> {
    return this.#upgrader.upgradeOutbound(maConn, options as UpgraderWithoutEncryptionOptions)
  }
}
