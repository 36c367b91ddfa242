/** WebTransport between two hosts in Node.js, over the addon. */
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { certificatesAt, changesAtMs, type CertificateStorage } from '../../src/host/certificate-rotation.nodejs.ts'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { loadWebTransportAddon, type AddonSession, type AddonStream } from '../../src/host/webtransport-addon.nodejs.ts'
import { WEBTRANSPORT_PATH } from '../../src/host/webtransport-address.ts'
import { ScriptedHost } from './libp2p-scripted.ts'

type AddonSender = ReturnType<AddonStream['takeSend']>

const STOP_MS_MAX = 2_000
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

const storageOf = (stored?: string): CertificateStorage => ({
  read: async () => stored,
  write: async (text) => {
    stored = text
  },
})

const certhashesOf = (address: string): readonly string[] => address.match(/(?<=certhash\/)[^/]+/g) ?? []

test('a restart keeps the certificates: an address that was given out is good again', async () => {
  const certificates = storageOf()
  const transports = nodejsTransports({ transports: ['webtransport'], certificateStorage: () => certificates })
  const [first, second] = [await start({ transports }), await start({ transports })]
  expect(certhashesOf(first.address)).toHaveLength(2)
  expect(certhashesOf(second.address)).toEqual(certhashesOf(first.address))
  const other = await start()
  expect(certhashesOf(other.address)).not.toEqual(certhashesOf(first.address))
})

test('an address to announce needs no certificate hashes: they are added', async () => {
  const bob = await start({ announce: ['/dns4/gateway.example/udp/443/quic-v1/webtransport'] })
  expect(bob.host.addresses).toEqual([
    expect.stringMatching(
      /^\/dns4\/gateway\.example\/udp\/443\/quic-v1\/webtransport\/certhash\/u[\w-]+\/certhash\/u[\w-]+\/p2p\//,
    ),
  ])
})

const CERTIFICATE_CAUSE =
  "the certificate there has expired or is not the one in the address: a gateway's URL leads to the current one"

test('a wrong certificate hash and a wrong peer are refused, and nothing is told', async () => {
  const [alice, bob, carol] = await Promise.all([start({ listen: [] }), start(), start()])
  const [bobs, carols] = [certhashesOf(bob.address), certhashesOf(carol.address)]
  const wrongHash = bobs.reduce((text, hash, index) => text.replace(hash, carols[index] ?? ''), bob.address)
  const expected = { type: 'dial-failed', failure: 'closed' }
  const detail = `${wrongHash} is refused: ${CERTIFICATE_CAUSE}`
  expect(await alice.dial(wrongHash)).toMatchObject({ ...expected, detail })
  const wrongPeer = bob.address.replace(bob.host.peerId, carol.host.peerId)
  expect(await alice.dial(wrongPeer)).toMatchObject({
    type: 'dial-failed',
    failure: 'wrong-peer',
    detail: `wrong peer at ${wrongPeer}: expected ${carol.host.peerId}, got ${bob.host.peerId}`,
  })
  expect([alice, bob].map((host) => host.count('connection-opened'))).toEqual([0, 0])
  // TLS goes by any hash of the address; noise by all of them.
  const oneWrong = bob.address.replace(bobs[1] ?? '', carols[1] ?? '')
  expect(await alice.dial(oneWrong)).toMatchObject({
    ...expected,
    detail: `${oneWrong} is refused: ${CERTIFICATE_CAUSE}`,
  })
  expect(alice.count('connection-opened')).toBe(0)
})

test('a UDP port of something else does not answer, which is told with what may be wrong', async () => {
  const alice = await start({
    transports: nodejsTransports({ transports: ['webtransport', 'webrtc-direct'] }),
    listen: ['/ip4/127.0.0.1/udp/0/quic-v1/webtransport', '/ip4/127.0.0.1/udp/0/webrtc-direct'],
  })
  const [webTransport, webRtc] = ['/webtransport/', '/webrtc-direct/'].map((road) =>
    alice.host.addresses.find((address) => address.includes(road)),
  )
  const bob = await start({ listen: [] })
  const [port = ''] = /udp\/\d+/.exec(webRtc ?? '') ?? []
  const address = (webTransport ?? '').replace(/udp\/\d+/, port)
  const detail = `no answer from ${address} within 0.5 s, or ${CERTIFICATE_CAUSE}`
  expect(await bob.dial(address, 500)).toMatchObject({ type: 'dial-failed', failure: 'timeout', detail })
})

test.each(['/', '/.well-known/libp2p-webtransport', '/.well-known/libp2p-webtransport?type=tls'])(
  'a session for %s is refused',
  async (path) => {
    const bob = await start()
    const addon = await loadWebTransportAddon()
    const [, port = ''] = /udp\/(\d+)/.exec(bob.address) ?? []
    const hashes = certhashesOf(bob.address).map((text) => Buffer.from(text.slice(1), 'base64url').subarray(2))
    const client = addon.NapiClient.withCertificateHashes(hashes)
    await expect(client.connect(`https://127.0.0.1:${port}${path}`)).rejects.toThrow()
    expect(bob.count('connection-opened')).toBe(0)
  },
)

test('a stop ends every session', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  const { address } = bob
  await alice.connect(address)
  await bob.host.stop()
  await alice.saw('connection-closed')
  expect(await alice.dial(address, 2_000)).toMatchObject({ type: 'dial-failed' })
})

/** Opens a session as a stranger would: no noise, nothing. */
async function openSession(host: ScriptedHost): Promise<AddonSession> {
  const addon = await loadWebTransportAddon()
  const [, port = ''] = /udp\/(\d+)/.exec(host.address) ?? []
  const hashes = certhashesOf(host.address).map((text) => Buffer.from(text.slice(1), 'base64url').subarray(2))
  return addon.NapiClient.withCertificateHashes(hashes).connect(`https://127.0.0.1:${port}${WEBTRANSPORT_PATH}`)
}

test('a stop ends sessions that were never secured, in time', async () => {
  const bob = await start()
  const sessions = await Promise.all(Array.from({ length: 8 }, () => openSession(bob)))
  const startMs = performance.now()
  await bob.host.stop()
  expect(performance.now() - startMs).toBeLessThan(STOP_MS_MAX)
  await Promise.allSettled(sessions.map((session) => session.closed()))
})

test('streams of one direction are refused, read by nobody as they are', async () => {
  const bob = await start()
  const session = (await openSession(bob)) as AddonSession & { openUni(): Promise<AddonSender> }
  onTestFinished(() => session.close(0, ''))
  const flood = async (): Promise<void> => {
    const stream = await session.openUni()
    for (;;) await stream.write(Buffer.alloc(64 * 1024))
  }
  await expect(flood()).rejects.toThrow(/stop/i)
})

test('a port in use is told in one line', async () => {
  const bob = await start()
  const [, port = ''] = /udp\/(\d+)/.exec(bob.address) ?? []
  await expect(start({ listen: [`/ip4/127.0.0.1/udp/${port}/quic-v1/webtransport`] })).rejects.toThrow(
    `cannot listen on /ip4/127.0.0.1/udp/${port}/quic-v1/webtransport`,
  )
})

test('a certificate that is replaced ends the sessions, and the address that was given out is good at once again', async () => {
  const certificates = storageOf()
  // Certificates begin and end with a second.
  const soonMs = 3_000
  // As if it had been started eleven days ago.
  const startedMs = Date.now() - (changesAtMs(await certificatesAt(0, storageOf())) - soonMs)
  await certificatesAt(startedMs, certificates)
  const bob = await start({
    transports: nodejsTransports({ transports: ['webtransport'], certificateStorage: () => certificates }),
  })
  const alice = await start({ listen: [] })
  const { address } = bob
  await alice.connect(address)
  await alice.saw('connection-closed')
  await vi.waitFor(() => expect(certhashesOf(bob.address)[0]).toBe(certhashesOf(address)[1]), 20_000)
  expect(certhashesOf(bob.address)[1]).not.toBe(certhashesOf(address)[1])
  await vi.waitFor(async () => expect(await alice.dial(address)).toMatchObject({ type: 'dial-succeeded' }), 20_000)
})
