import type { Connection, MultiaddrConnection } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { joinPieces } from './join-pieces.ts'
import type { Libp2pTransports } from './libp2p-core.ts'
import { PassingUpgrader, type AnyUpgraderOptions } from './passing-upgrader.ts'

/**
 * WebSockets whose writes are one message each. By itself @libp2p/websockets 10.1 sends every piece of a list as a message of
 * its own: the two bytes before an encrypted frame, its bytes, its tag. Four messages where one would do are four events for
 * whoever reads them, a third of what a tab does for a sync.
 */
export function joinedWebSockets(makeWebSockets: Libp2pTransports[number]): Libp2pTransports[number] {
  return (components) => {
    const transport = makeWebSockets(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (address, options) =>
      dial(address, { ...options, upgrader: new JoiningUpgrader(options.upgrader) })
    transport.createListener = (options) =>
      createListener({ ...options, upgrader: new JoiningUpgrader(options.upgrader) })
    return transport
  }
}

/** As much of a connection of @libp2p/websockets as is called by name. Undocumented: the version is pinned and a test holds it. */
interface WebSocketConnection {
  sendData?(data: Uint8ArrayList): { readonly sentBytes: number; readonly canSendMore: boolean }
}

class JoiningUpgrader extends PassingUpgrader {
  override async upgradeInbound(maConn: MultiaddrConnection, options: AnyUpgraderOptions): Promise<void> {
    joinWrites(maConn)
    return super.upgradeInbound(maConn, options)
  }

  override async upgradeOutbound(maConn: MultiaddrConnection, options: AnyUpgraderOptions): Promise<Connection> {
    joinWrites(maConn)
    return super.upgradeOutbound(maConn, options)
  }
}

function joinWrites(maConn: MultiaddrConnection): void {
  const connection = maConn as WebSocketConnection
  const sendData = connection.sendData?.bind(connection)
  if (sendData === undefined) return
  connection.sendData = (data) => sendData(joinPieces(data))
}
