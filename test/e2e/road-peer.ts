/**
 * A light node of mainnet that listens on every road and relays: `node road-peer.ts DIRECTORY`. Prints its addresses as JSON,
 * then `gone PEER` for each that goes. Takes lines: `submit HEX` (headers), `put CID BASE64`, `get CID` (answers
 * `got SHA256`), `stop`.
 */
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { bitcoin } from '../../src/bitcoin.ts'
import { systemClock } from '../../src/driver/clock.ts'
import { RunningLightNode } from '../../src/driver/light-node.ts'
import { addressProblem } from '../../src/host/address.ts'
import { createLibp2pHost } from '../../src/host/libp2p-host.ts'
import { createNodejsLibp2p } from '../../src/host/libp2p.nodejs.ts'
import { nodejsTransports, relayServer } from '../../src/host/transports.nodejs.ts'
import { openDataFolder } from '../../src/store/data-folder.nodejs.ts'
import { createFileStore } from '../../src/store/file.nodejs.ts'
import { blockParts } from '../block-parts.ts'

const [directory = ''] = process.argv.slice(2)
const chain = bitcoin('mainnet')
const folder = await openDataFolder({ directory })
const lightNode = new RunningLightNode({
  chain,
  peers: [],
  maxPeers: 16,
  host: await createLibp2pHost({
    createLibp2p: createNodejsLibp2p,
    transports: nodejsTransports(),
    services: [relayServer()],
    listen: [
      '/ip4/127.0.0.1/tcp/0/ws',
      '/ip4/127.0.0.1/udp/0/webrtc-direct',
      '/ip4/127.0.0.1/udp/0/quic-v1/webtransport',
    ],
    headerSizeBytes: chain.headerSizeBytes,
  }),
  store: createFileStore({ chain: chain.id, genesis: chain.genesis, headerSizeBytes: chain.headerSizeBytes, folder }),
  storeReason: undefined,
  ...blockParts(chain.id),
  seed: 1,
  isAuthority: true,
  clock: systemClock,
  yieldTurn: (callback) => setImmediate(callback),
  log: () => {},
  addressProblem,
  onStopped: async () => folder.close(),
})
await lightNode.start()
lightNode.addEventListener('peer-gone', ({ detail }) => console.log(`gone ${detail.peer}`))
console.log(JSON.stringify(lightNode.addresses))

for await (const line of createInterface({ input: process.stdin })) {
  const [word, first = '', second = ''] = line.split(' ')
  if (word === 'submit') lightNode.submitHeaders(Buffer.from(first, 'hex'))
  if (word === 'put') await lightNode.putBytes(first, Buffer.from(second, 'base64'))
  if (word === 'get') {
    const bytes = await lightNode.getBytes(first, { signal: AbortSignal.timeout(60_000) })
    console.log(`got ${createHash('sha256').update(bytes).digest('hex')}`)
  }
  if (word === 'stop') break
}
await lightNode.stop()
process.exit(0)
