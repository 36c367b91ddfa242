import http from 'node:http'
import net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { HostError } from '../../src/host/host.ts'
import { createLibp2pHost } from '../../src/host/libp2p-host.ts'
import { createPrivateKey, readPrivateKey } from '../../src/host/private-key.nodejs.ts'
import { nodejsTransports, type NodejsTransportsOptions } from '../../src/host/transports.nodejs.ts'
import { HEADER_BYTES, ScriptedHost } from './libp2p-scripted.ts'
import { libp2pUnderTest } from './libp2p-under-test.ts'

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(...args: Parameters<typeof ScriptedHost.start>): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start(...args)
  stops.push(() => scripted.host.stop())
  return scripted
}

/** A server of ours on a free port of loopback; returns its port. */
async function listen(server: net.Server | http.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => {
    if (server instanceof http.Server) server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected a port')
  return address.port
}

async function closedPort(): Promise<number> {
  const server = net.createServer()
  const port = await listen(server)
  await stops.pop()?.()
  return port
}

/** A gateway as the command line makes one: page and API on the port of the WebSocket listener. */
async function startGateway(
  answer: (gateway: ScriptedHost) => unknown,
  options: NodejsTransportsOptions = {},
): Promise<{ readonly gateway: ScriptedHost; readonly url: string }> {
  const httpRequestHandler: http.RequestListener = (request, response) => {
    if (request.url !== '/api/addresses') return void response.writeHead(404).end('no')
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer(gateway)))
  }
  const gateway = await start({
    transports: nodejsTransports({ httpRequestHandler, ...options }),
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
  })
  return { gateway, url: `http://127.0.0.1:${gateway.address.split('/')[4] ?? ''}` }
}

const addressesOf = (gateway: ScriptedHost): unknown => ({
  chain: 'bitcoin:regtest',
  genesis: '0f'.repeat(32),
  peerId: gateway.host.peerId,
  addresses: gateway.host.addresses,
})

test('a gateway is dialled by its URL: one port serves the API and the peers', async () => {
  const { gateway, url } = await startGateway(addressesOf)
  const alice = await start({ listen: [] })
  const outcome = await alice.dial(url)
  expect(outcome).toMatchObject({ type: 'dial-succeeded', peer: gateway.host.peerId })
  const { address } = await gateway.inbound()
  expect(address).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/ws\/p2p\//)
  expect((await fetch(`${url}/elsewhere`)).status).toBe(404)
})

test("a gateway that knows only addresses of no use is reached at its URL's own host and port", async () => {
  const { gateway, url } = await startGateway(({ host }) => ({
    peerId: host.peerId,
    addresses: ['/ip4/0.0.0.0/tcp/1/ws', 'nonsense', `/ip4/127.0.0.1/udp/9/quic-v1/p2p/${host.peerId}`],
  }))
  const alice = await start({ listen: [] })
  expect(await alice.dial(`${url}/`)).toMatchObject({ type: 'dial-succeeded', peer: gateway.host.peerId })
})

test("where the URL's own port takes no peers the other addresses are tried", async () => {
  const bob = await start()
  const port = await listen(
    http.createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(addressesOf(bob)))
    }),
  )
  const alice = await start({ listen: [] })
  expect(await alice.dial(`http://localhost:${port}`)).toMatchObject({ type: 'dial-succeeded', peer: bob.host.peerId })
})

test('an upgrade that is not allowed gets 421 and no connection', async () => {
  const hosts: (string | undefined)[] = []
  const { gateway, url } = await startGateway(addressesOf, {
    allowUpgrade: (request) => {
      hosts.push(request.headers.host)
      return false
    },
  })
  const alice = await start({ listen: [] })
  expect(await alice.dial(url)).toMatchObject({ type: 'dial-failed' })
  expect(hosts).toContain(url.slice('http://'.length))
  expect(gateway.count('connection-opened')).toBe(0)
  const status = await new Promise<number | undefined>((resolve) => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
    http.get(url, { headers: { ...headers, 'sec-websocket-key': btoa('0123456789abcdef') } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
  })
  expect(status).toBe(421)
})

const bad: readonly [string, http.RequestListener, RegExp][] = [
  [
    'a page',
    (_request, response) => void response.writeHead(404, { 'content-type': 'text/html; charset=utf-8' }).end('<p>'),
    /is not a Rushlight gateway: expected \/api\/addresses as JSON, got 404 text\/html$/,
  ],
  [
    'JSON without a peer',
    (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"peerId":1}'),
    /got no peerId$/,
  ],
  [
    'a broken answer',
    (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    /got a text that is no JSON$/,
  ],
  [
    'an endless answer',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = (): void => {
        while (!response.destroyed && response.write(' '.repeat(10_000)));
      }
      response.on('drain', more)
      more()
    },
    /got more than 65536 bytes$/,
  ],
]
test.each(bad)('a URL that answers with %s is no gateway', async (_name, handler, detail) => {
  const port = await listen(http.createServer(handler))
  const alice = await start({ listen: [] })
  const outcome = await alice.dial(`http://127.0.0.1:${port}`)
  expect(outcome).toMatchObject({ type: 'dial-failed', failure: 'unsupported', detail: expect.stringMatching(detail) })
})

test('each way of not reaching somebody has its name and one plain line', async () => {
  const alice = await start()
  const bob = await start()
  const port = await closedPort()
  const { peerId: other } = await createLibp2pHost({
    createLibp2p: libp2pUnderTest,
    transports: [],
    headerSizeBytes: HEADER_BYTES,
  })
  const wrong = bob.address.replace(bob.host.peerId, other)
  const expected: readonly [string, string, RegExp][] = [
    [`/ip4/127.0.0.1/tcp/${port}`, 'unreachable', /^nobody listening at /],
    [`/ip4/127.0.0.1/tcp/${port}/ws`, 'unreachable', /^nobody listening at /],
    [`http://127.0.0.1:${port}`, 'unreachable', /^nobody listening at http/],
    [`/ip4/127.0.0.1/udp/${port}/quic-v1`, 'undialable', /^no transport of this platform can dial /],
    ['not an address', 'undialable', /^expected a multiaddr or a gateway's http\(s\) URL, got "not an address"$/],
    [wrong, 'wrong-peer', new RegExp(`^wrong peer at .*: expected ${other}, got ${bob.host.peerId}$`)],
    [alice.address, 'refused', /is our own address$/],
    [alice.address.split('/p2p/')[0] ?? '', 'refused', /is our own address$/],
  ]
  for (const [address, failure, detail] of expected) {
    const outcome = await alice.dial(address)
    expect(outcome).toMatchObject({ type: 'dial-failed', failure, detail: expect.stringMatching(detail) })
    expect((outcome as { detail: string }).detail).not.toContain('\n')
  }
  expect(alice.events.filter(({ type }) => type === 'connection-opened')).toEqual([])
})

test('a silent listener fails the dial at its deadline, a cancelled dial at once, and both are told once', async () => {
  const sockets: net.Socket[] = []
  const port = await listen(net.createServer((socket) => void sockets.push(socket)))
  const alice = await start({ listen: [] })
  expect(await alice.dial(`/ip4/127.0.0.1/tcp/${port}`, 300)).toMatchObject({
    failure: 'timeout',
    detail: expect.stringMatching(/^no answer from \S+ within 0\.3 s$/),
  })
  expect(await alice.dial(`http://127.0.0.1:${port}`, 300)).toMatchObject({ failure: 'timeout' })
  const dial = alice.startDial(`/ip4/127.0.0.1/tcp/${port}`)
  alice.host.perform({ type: 'cancel-dial', dial })
  alice.host.perform({ type: 'cancel-dial', dial })
  expect(await alice.saw('dial-failed', (event) => event.dial === dial)).toMatchObject({ failure: 'cancelled' })
  for (const socket of sockets) socket.destroy()
  expect(alice.count('dial-failed')).toBe(3)
})

test('a dial that is cancelled around the moment it connects leaves no connection behind', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  for (let turns = 0; turns < 40; turns++) {
    const dial = alice.startDial(bob.address)
    await alice.saw('connection-opened', () => alice.count('connection-opened') > turns)
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    alice.host.perform({ type: 'cancel-dial', dial })
    const outcome = await Promise.race([
      alice.saw('dial-failed', (event) => event.dial === dial),
      alice.saw('dial-succeeded', (event) => event.dial === dial),
    ])
    if (outcome.type === 'dial-failed') expect(outcome.failure).toBe('cancelled')
    else alice.host.perform({ type: 'close-connection', connection: outcome.connection, reason: 'surplus' })
    await alice.saw('connection-closed', () => alice.count('connection-closed') > turns)
  }
  expect(alice.count('dial-failed')).toBeGreaterThan(0)
})

test('of several addresses that fail the first one is told', async () => {
  const { peerId } = await createLibp2pHost({
    createLibp2p: libp2pUnderTest,
    transports: [],
    headerSizeBytes: HEADER_BYTES,
  })
  const port = await listen(
    http.createServer((_request, response) => {
      const addresses = [`/ip4/127.0.0.1/tcp/1/p2p/${peerId}`, '/ip4/127.0.0.1/udp/1/quic-v1']
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ peerId, addresses }))
    }),
  )
  const alice = await start({ listen: [] })
  expect(await alice.dial(`http://127.0.0.1:${port}`)).toMatchObject({
    failure: 'unreachable',
    detail: expect.stringContaining(`/tcp/${port}/ws`),
  })
})

test('a peer that is connected already answers a dial with that connection, by multiaddr and by URL', async () => {
  const { url } = await startGateway(addressesOf)
  const alice = await start({ listen: [] })
  const connection = await alice.connect(url)
  const again = await alice.dial(url)
  expect(again).toMatchObject({ type: 'dial-succeeded', connection })
  expect(alice.count('connection-opened')).toBe(1)
})

test('two that dial each other at once have two connections, told alike on both sides', async () => {
  const [alice, bob] = await Promise.all([start(), start()])
  const [there, back] = await Promise.all([alice.dial(bob.address), bob.dial(alice.address)])
  expect([there.type, back.type]).toEqual(['dial-succeeded', 'dial-succeeded'])
  for (const side of [alice, bob]) {
    await side.saw('connection-opened', ({ direction }) => direction === 'outbound')
    expect(side.count('connection-opened')).toBeLessThanOrEqual(2)
  }
})

test('dials that end at the same moment keep their connections', async () => {
  const peers = await Promise.all(Array.from({ length: 8 }, () => start()))
  const alice = await start({ listen: [] })
  for (let round = 1; round <= 5; round++) {
    const outcomes = await Promise.all(peers.map((peer) => alice.dial(peer.address)))
    expect(outcomes.filter((outcome) => outcome.type === 'dial-failed')).toEqual([])
    expect(alice.count('connection-closed')).toBe((round - 1) * 8)
    // A dial that fails right after them looks for connections that nobody claims.
    await alice.dial('not an address')
    for (const outcome of outcomes) {
      if (outcome.type === 'dial-failed') continue
      alice.host.perform({ type: 'close-connection', connection: outcome.connection, reason: 'surplus' })
    }
    await alice.saw('connection-closed', () => alice.count('connection-closed') === round * 8)
  }
})

test('50 peers connect at once from one host, over each transport, and all stay', async () => {
  const bob = await start({ listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'] })
  const peers = await Promise.all(Array.from({ length: 50 }, () => start({ listen: [] })))
  const outcomes = await Promise.all(
    peers.map((peer, index) => peer.dial(bob.host.addresses[index % 2] ?? bob.address, 60_000)),
  )
  expect(outcomes.filter((outcome) => outcome.type === 'dial-failed')).toEqual([])
  await bob.saw('connection-opened', () => bob.count('connection-opened') === 50)
  expect(bob.count('connection-closed')).toBe(0)
})

test('a key given again gives the same peer; addresses that are none and ports in use are refused in one line', async () => {
  const privateKey = readPrivateKey(await createPrivateKey())
  const createLibp2p = libp2pUnderTest
  const options = { createLibp2p, transports: nodejsTransports(), headerSizeBytes: HEADER_BYTES, privateKey }
  const [first, second] = await Promise.all([createLibp2pHost(options), createLibp2pHost(options)])
  expect(first.peerId).toBe(second.peerId)
  await expect(createLibp2pHost({ ...options, listen: ['nonsense'] })).rejects.toMatchObject({
    code: 'invalid-address',
  })
  for (const suffix of ['', '/ws']) {
    const port = await listen(net.createServer())
    const late = await createLibp2pHost({ ...options, listen: [`/ip4/127.0.0.1/tcp/${port}${suffix}`] })
    await expect(late.start({ post: () => {}, offer: async () => {} })).rejects.toThrow(
      new HostError('listen-failed', `cannot listen on /ip4/127.0.0.1/tcp/${port}${suffix}: the port is in use`),
    )
    await late.stop()
  }
})
