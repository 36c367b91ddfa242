import type { Connection, MultiaddrConnection } from '@libp2p/interface'
import { transportName } from './remote-address.ts'

/**
 * Whether the socket of a connection is read at all. A stream alone that is not read fills its window in our memory: a
 * thousand windows are more than everything else. Over TCP alone: what carries the others cannot wait.
 */
export function holdBack(connection: Connection, isHeldBack: boolean): void {
  const socket = (connection as Connection & { readonly maConn?: MultiaddrConnection }).maConn
  if (socket?.status !== 'open' || transportName(connection.remoteAddr) !== 'tcp') return
  if (isHeldBack) socket.pause()
  else socket.resume()
}
