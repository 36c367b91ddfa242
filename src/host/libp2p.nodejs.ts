import { identify } from '@libp2p/identify'
import { createLibp2p } from 'libp2p'
import { PENDING_CONNECTIONS_MAX } from '../core/limits.ts'
import { leanNoise } from './lean-noise.nodejs.ts'
import type { Libp2pComponents, Libp2pCore, Libp2pParts } from './libp2p-core.ts'

/** The core decides who stays; libp2p's own pruner must never come before it. */
const CONNECTIONS_MAX = 10_000
/** A class of pupils behind one address, or all behind one reverse proxy, connects at once. */
const INBOUND_CONNECTIONS_PER_HOST_AND_SECOND_MAX = 1_000

/** libp2p as it comes, for whoever listens on sockets. */
export async function createNodejsLibp2p(parts: Libp2pParts): Promise<Libp2pCore> {
  return createLibp2p({
    start: false,
    privateKey: parts.privateKey,
    nodeInfo: { name: parts.userAgent, userAgent: parts.userAgent },
    addresses: { listen: [...parts.listen], announce: [...parts.announce] },
    transports: parts.transports,
    connectionEncrypters: [leanNoise(parts.encrypter)],
    streamMuxers: [parts.muxer],
    services: Object.fromEntries(
      [identify(), tellListening, ...parts.services].map((service, index) => [`service-${index}`, service]),
    ),
    // By default a browser dials neither ws:// nor loopback. Which addresses are worth a try is not the library's to say.
    connectionGater: { denyDialMultiaddr: () => false },
    // The core pings; libp2p's monitor would close connections behind its back.
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      maxIncomingPendingConnections: PENDING_CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_CONNECTIONS_PER_HOST_AND_SECOND_MAX,
      // Each dial has a deadline of ours; this one only must not come before it.
      addressDialTimeout: 120_000,
      reconnectRetries: 0,
    },
  })
}

/** libp2p keeps a public address to itself until strangers have dialled it back (AutoNAT): whoever listens there means it. */
function tellListening({ events, addressManager }: Libp2pComponents): object {
  events.addEventListener('transport:listening', ({ detail }) => {
    const addresses = detail.getAddrs().filter((address) => address.toString().startsWith('/ip'))
    for (const address of addresses) addressManager.confirmObservedAddr(address, { type: 'transport' })
  })
  return {}
}
