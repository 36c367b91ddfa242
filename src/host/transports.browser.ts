import { webSockets } from '@libp2p/websockets'
import type { Libp2pTransports } from './libp2p-core.ts'

/** What a tab can dial with. A tab does not listen. */
export function browserTransports(): Libp2pTransports {
  return [webSockets()]
}
