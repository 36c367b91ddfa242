/** WebRTC-Direct between two hosts in Node.js. */
import { afterEach, expect, test } from 'vitest'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { ScriptedHost } from './libp2p-scripted.ts'

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(options: Parameters<typeof ScriptedHost.start>[0] = {}): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start({
    transports: nodejsTransports({ transports: ['webrtc-direct'] }),
    listen: ['/ip4/127.0.0.1/udp/0/webrtc-direct'],
    ...options,
  })
  stops.push(() => scripted.host.stop())
  return scripted
}

test('a host is dialled at its WebRTC address, and both shake hands', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  bob.answerHandshakes()
  expect(bob.address).toMatch(/^\/ip4\/127\.0\.0\.1\/udp\/\d+\/webrtc-direct\/certhash\/u[\w-]+\/p2p\//)
  const connection = await alice.connect(bob.address)
  expect(await bob.inbound()).toMatchObject({ peer: alice.host.peerId, transport: 'webrtc-direct', isLimited: false })
  alice.askHandshake(connection)
  expect(await alice.saw('handshake-answered')).toMatchObject({ connection })
  alice.host.perform({ type: 'close-connection', connection, reason: 'surplus' })
  await bob.saw('connection-closed')
})

test('a wrong certificate hash and a wrong peer are refused in words', async () => {
  const [alice, bob, carol] = await Promise.all([start({ listen: [] }), start(), start()])
  const [bobs = '', carols = ''] = [bob, carol].map(({ address }) => /(?<=certhash\/)[^/]+/.exec(address)?.[0])
  const wrongHash = bob.address.replace(bobs, carols)
  expect(await alice.dial(wrongHash)).toMatchObject({
    type: 'dial-failed',
    failure: 'closed',
    detail: expect.stringMatching(/ hung up before it was secured: .*, or the certificate there .* is not the one in/),
  })
  const wrongPeer = bob.address.replace(bob.host.peerId, carol.host.peerId)
  expect(await alice.dial(wrongPeer)).toMatchObject({
    type: 'dial-failed',
    failure: 'wrong-peer',
    detail: `wrong peer at ${wrongPeer}: expected ${carol.host.peerId}, got ${bob.host.peerId}`,
  })
  expect(alice.count('connection-opened')).toBe(0)
})

test('a restart keeps the certificate: an address that was given out is good again', async () => {
  let stored: string | undefined
  const storage = {
    read: async () => stored,
    write: async (text: string) => {
      stored = text
    },
  }
  const options = { transports: ['webrtc-direct'], certificateStorage: () => storage } as const
  const [first, second] = [
    await start({ transports: nodejsTransports(options) }),
    await start({ transports: nodejsTransports(options) }),
  ]
  const certhashOf = (address: string): string | undefined => /certhash\/[^/]+/.exec(address)?.[0]
  expect(certhashOf(second.address)).toBe(certhashOf(first.address))
  expect(certhashOf((await start()).address)).not.toBe(certhashOf(first.address))
})
