import type { HostEffect } from '../core/effect.ts'
import type { ConnectionId, DialId, PeerId } from '../core/ids.ts'
import type { Host, HostSink, Traffic } from './host.ts'

export interface HostPairOptions {
  /** Our peer id and addresses are this one's. */
  readonly first: Host
  readonly second: Host
  /** Whether the second one reaches this address; the first has all others. */
  readonly isForSecond: (address: string) => boolean
}

/** Two hosts as one. Connection ids must not meet: each host's begin differently. */
export function pairHosts(options: HostPairOptions): Host {
  return new HostPair(options)
}

class HostPair implements Host {
  readonly #options: HostPairOptions
  /** Open connections of the second host; those of the first are all others. */
  readonly #secondConnections = new Set<ConnectionId>()
  /** Dials that the second host is after; bounded by the core. */
  readonly #secondDials = new Set<DialId>()

  constructor(options: HostPairOptions) {
    this.#options = options
  }

  get peerId(): PeerId {
    return this.#options.first.peerId
  }

  get addresses(): readonly string[] {
    return this.#options.first.addresses
  }

  /** When the second cannot start the first is stopped again. */
  async start(sink: HostSink): Promise<void> {
    const { first, second } = this.#options
    await first.start(sink)
    try {
      await second.start({
        post: (event) => {
          if (event.type === 'connection-opened') this.#secondConnections.add(event.connection)
          if (event.type === 'connection-closed') this.#secondConnections.delete(event.connection)
          if (event.type === 'dial-succeeded' || event.type === 'dial-failed') this.#secondDials.delete(event.dial)
          sink.post(event)
        },
        offer: (event, sizeBytes) => sink.offer(event, sizeBytes),
      })
    } catch (error) {
      await first.stop()
      throw error
    }
  }

  perform(effect: HostEffect): void {
    if (effect.type === 'dial' && this.#options.isForSecond(effect.address)) this.#secondDials.add(effect.dial)
    const isForSecond =
      effect.type === 'dial' || effect.type === 'cancel-dial'
        ? this.#secondDials.has(effect.dial)
        : this.#secondConnections.has(effect.connection)
    this.#hostFor(isForSecond).perform(effect)
  }

  traffic(connection: ConnectionId): Traffic | undefined {
    return this.#hostFor(this.#secondConnections.has(connection)).traffic(connection)
  }

  async stop(): Promise<void> {
    await Promise.all([this.#options.first.stop(), this.#options.second.stop()])
  }

  #hostFor(isSecond: boolean): Host {
    return isSecond ? this.#options.second : this.#options.first
  }
}
