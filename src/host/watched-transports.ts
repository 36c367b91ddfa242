import type { Connection, MultiaddrConnection, Upgrader } from '@libp2p/interface'
import type { Libp2pTransports } from './libp2p-core.ts'
import { PassingUpgrader, type AnyUpgraderOptions } from './passing-upgrader.ts'
import { transportName } from './remote-address.ts'

/** What a transport did that the host does not tell. */
export interface TransportWatcher {
  /** A connection that nothing has gone over yet; `transport` as `transportName` says it. */
  readonly onConnected: (transport: string) => void
  /** Why a dial failed, in the transport's own words. */
  readonly onFailed: (error: unknown) => void
}

/** The same transports, watched while they dial. */
export function watchTransports(transports: Libp2pTransports, watcher: TransportWatcher): Libp2pTransports {
  return transports.map((make) => (components) => {
    const upgrader = new WatchedUpgrader(components.upgrader, watcher)
    // Some take the upgrader from here, some from the options of a dial.
    const transport = make(Object.create(components, { upgrader: { value: upgrader } }) as typeof components)
    const dial = transport.dial.bind(transport)
    transport.dial = async (address, options) => {
      try {
        return await dial(address, { ...options, upgrader })
      } catch (error) {
        watcher.onFailed(error)
        throw error
      }
    }
    return transport
  })
}

class WatchedUpgrader extends PassingUpgrader {
  readonly #watcher: TransportWatcher

  constructor(upgrader: Upgrader, watcher: TransportWatcher) {
    super(upgrader)
    this.#watcher = watcher
  }

  override async upgradeOutbound(maConn: MultiaddrConnection, options: AnyUpgraderOptions): Promise<Connection> {
    this.#watcher.onConnected(transportName(maConn.remoteAddr))
    return super.upgradeOutbound(maConn, options)
  }
}
