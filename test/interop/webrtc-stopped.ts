/** Starts a gateway and stops it again, three times, while strangers go on asking at its WebRTC-Direct port. */
import { createHmac, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { bitcoin, startGateway } from '../../src/nodejs.ts'

const ROUNDS = 3
const REQUESTS = 2_000
const HOST = '127.0.0.1'

const directory = await mkdtemp(join(tmpdir(), 'rushlight-webrtc-'))
const socket = createSocket('udp4')
/** A port by its number, so that the later rounds listen where the first did. */
let listen = `/ip4/${HOST}/udp/0/webrtc-direct`
for (let round = 0; round < ROUNDS; round += 1) {
  const gateway = await startGateway({
    ...{ chain: bitcoin('regtest'), directory, peers: [], port: 0, host: HOST, announce: [] },
    ...{ isAuthority: true, log: () => {}, maxPeers: 4, listen: [listen] },
    httpRequestHandler: (_, response) => response.end(),
    allowUpgrade: () => true,
  })
  const address = gateway.addresses.find((each) => each.includes('/webrtc-direct/'))
  if (address === undefined) throw new Error(`round ${round} does not listen for WebRTC-Direct`)
  const port = Number(multiaddr(address).getComponents()[1]?.value)
  listen = `/ip4/${HOST}/udp/${port}/webrtc-direct`
  await gateway.stop()
  for (let request = 0; request < REQUESTS; request += 1) {
    await new Promise((resolve) => socket.send(stunRequest(), port, HOST, resolve))
  }
}
socket.close()
await rm(directory, { recursive: true })
console.log('alive')
process.exit(0)

/** A binding request of a stranger (RFC 8489, sections 5, 14.3 and 14.5), as the first datagram of a dial is one. */
function stunRequest(): Buffer {
  const name = randomBytes(16).toString('hex')
  const username = Buffer.from(`${name}:${name}xyz`)
  const attribute = Buffer.concat([Buffer.of(0, 6, 0, username.length), username])
  const header = Buffer.concat([
    Buffer.of(0, 1, 0, attribute.length + 24),
    Buffer.of(0x21, 0x12, 0xa4, 0x42),
    randomBytes(12),
  ])
  const integrity = createHmac('sha1', name).update(header).update(attribute).digest()
  return Buffer.concat([header, attribute, Buffer.of(0, 8, 0, 20), integrity])
}
