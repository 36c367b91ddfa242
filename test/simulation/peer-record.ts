import type { PeerId } from '../../src/core/ids.ts'
import type { PeerRecord } from '../../src/core/message.ts'

/** Between a computer's address and its peer, in records. */
export const RECORD_ADDRESS = '/tcp/1/p2p/'

/** What its host would have signed. */
export function recordOf(args: { peer: PeerId; address: string; sequence: number }): PeerRecord {
  const { peer, address, sequence } = args
  return { peer, sequence, addresses: [`${address}${RECORD_ADDRESS}${peer}`], envelope: new Uint8Array(0) }
}
