/**
 * A gateway of mainnet on every road, as `rushlight start` makes it: `node road-peer.ts DIRECTORY PORT [WEBRTC-HOST]`. Prints its addresses
 * as JSON, then `ready PEER` and `gone PEER`. Takes lines: `submit HEX` (headers), `put CID BASE64`, `get CID` (answers
 * `got CID SHA256`), `connect ADDRESS`, `disconnect PEER`, `height`, `open` (answers `open` and the peers of its connections).
 */
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { bitcoin } from '../../src/bitcoin.ts'
import { startGateway } from '../../src/nodejs.ts'

const [directory = '', port = '', webRtcHost] = process.argv.slice(2)
const openConnections = new Map<string, string>()

const lightNode = await startGateway({
  chain: bitcoin('mainnet'),
  directory,
  peers: [],
  host: '127.0.0.1',
  listen: webRtcHost === undefined ? [] : [`/ip4/${webRtcHost}/udp/0/webrtc-direct`],
  port: Number(port),
  announce: [],
  isAuthority: false,
  log: (event, fields) => {
    if (event === 'warning') console.error(fields)
  },
  record: (line) => {
    const { call } = JSON.parse(line) as { readonly call?: { readonly event?: Readonly<Record<string, string>> } }
    const { type, connection = '', peer = '' } = call?.event ?? {}
    if (type === 'connection-opened') openConnections.set(connection, peer)
    if (type === 'connection-closed') openConnections.delete(connection)
  },
  httpRequestHandler: (_request, response) => response.writeHead(404).end(),
  allowUpgrade: () => true,
})
lightNode.addEventListener('peer-ready', ({ detail }) => console.log(`ready ${detail.peer}`))
lightNode.addEventListener('peer-gone', ({ detail }) => console.log(`gone ${detail.peer}`))
console.log(JSON.stringify(lightNode.addresses))

for await (const line of createInterface({ input: process.stdin })) {
  const [word, first = '', second = ''] = line.split(' ')
  if (word === 'submit') lightNode.submitHeaders(Buffer.from(first, 'hex'))
  if (word === 'put') await lightNode.putBytes(first, Buffer.from(second, 'base64'))
  if (word === 'get') {
    const bytes = await lightNode.getBytes(first, { signal: AbortSignal.timeout(60_000) })
    console.log(`got ${first} ${createHash('sha256').update(bytes).digest('hex')}`)
  }
  if (word === 'disconnect') await lightNode.disconnect(first)
  // Who is ready is told as it happens; an attempt may well end in the other side's connection.
  if (word === 'connect') lightNode.connect(first).catch(() => {})
  if (word === 'height') console.log(`height ${lightNode.head.height}`)
  if (word === 'open') console.log(`open ${[...openConnections.values()].join(' ')}`)
}
