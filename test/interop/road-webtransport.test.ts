/** WebTransport between two hosts in Node.js, over the addon. */
import { afterEach, expect, test } from 'vitest'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { ScriptedHost } from './libp2p-scripted.ts'

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(options: Parameters<typeof ScriptedHost.start>[0] = {}): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start({
    transports: nodejsTransports({ transports: ['webtransport'] }),
    listen: ['/ip4/127.0.0.1/udp/0/quic-v1/webtransport'],
    ...options,
  })
  stops.push(() => scripted.host.stop())
  return scripted
}

test('a host is dialled at its WebTransport address, and both shake hands', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  bob.answerHandshakes()
  expect(bob.address).toMatch(
    /^\/ip4\/127\.0\.0\.1\/udp\/\d+\/quic-v1\/webtransport\/certhash\/u[\w-]+\/certhash\/u[\w-]+\/p2p\//,
  )
  const connection = await alice.connect(bob.address)
  expect(await bob.inbound()).toMatchObject({ peer: alice.host.peerId, transport: 'webtransport', isLimited: false })
  alice.askHandshake(connection)
  expect(await alice.saw('handshake-answered')).toMatchObject({ connection })
  alice.host.perform({ type: 'close-connection', connection, reason: 'surplus' })
  await bob.saw('connection-closed')
})
