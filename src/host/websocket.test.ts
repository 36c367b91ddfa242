import net from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, test } from 'vitest'
import type { Libp2pCore } from './libp2p-core.ts'
import { createTabLibp2p } from './tab-libp2p.ts'
import { browserWebSockets, webSocketUrl } from './websocket.browser.ts'

const ECHO = '/echo/1.0.0'
/** Four times what is buffered at most. */
const BULK_BYTES: number = 16 * 1024 * 1024

const stops: (() => void | Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map(async (stop) => stop()))
})

async function startTab(): Promise<Libp2pCore> {
  const tab = await createTabLibp2p({
    privateKey: await generateKeyPair('Ed25519'),
    userAgent: 'tab',
    listen: [],
    announce: [],
    transports: [browserWebSockets()],
    encrypter: noise(),
    muxer: yamux(),
    services: [],
  })
  await tab.start()
  stops.push(() => tab.stop())
  return tab
}

async function startServer(): Promise<{ readonly server: Libp2p; readonly address: Multiaddr }> {
  const server = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] },
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  stops.push(() => server.stop())
  await server.handle(ECHO, (stream) => void echo(stream))
  const [address] = server.getMultiaddrs()
  if (address === undefined) throw new Error('expected an address')
  return { server, address }
}

async function echo(stream: Stream): Promise<void> {
  for await (const chunk of stream) if (!stream.send(chunk)) await stream.onDrain()
  await stream.close()
}

function closed(connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    if (connection.status !== 'open') resolve()
    else connection.addEventListener('close', () => resolve(), { once: true })
  })
}

/** Listens, until the test is over. */
async function portOf(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => void server.close())
  return (server.address() as net.AddressInfo).port
}

test.each([
  ['/ip4/127.0.0.1/tcp/80/ws', 'ws://127.0.0.1:80/'],
  ['/ip6/::1/tcp/81/ws/p2p/12D3KooWSp5X7m8d62GVeRrcUD9tszH2xphi9xfLToYbRG6HsQZq', 'ws://[::1]:81/'],
  ['/dns4/gateway.example/tcp/443/tls/ws', 'wss://gateway.example:443/'],
  ['/dns/gateway.example/tcp/443/wss', 'wss://gateway.example:443/'],
  ['/ip4/127.0.0.1/tcp/443/tls/sni/gateway.example/ws', 'wss://gateway.example:443/'],
  ['/dns6/gateway.example/tcp/80/ws/http-path/a%2Fb', 'ws://gateway.example:80/a/b'],
  ['/ip4/127.0.0.1/tcp/80', undefined],
  ['/ip4/127.0.0.1/udp/80/quic-v1/webtransport', undefined],
  ['/ip4/127.0.0.1/tcp/80/ws/p2p/12D3KooWSp5X7m8d62GVeRrcUD9tszH2xphi9xfLToYbRG6HsQZq/p2p-circuit', undefined],
])('a WebSocket for %s opens %s', (address, url) => {
  expect(webSocketUrl(multiaddr(address).toString())).toBe(url)
})

test('more than is buffered goes there and back, and both sides see a clean end', async () => {
  const [tab, { server, address }] = await Promise.all([startTab(), startServer()])
  const connection = await tab.dial(address)
  const stream = await connection.newStream(ECHO)
  const sent = crypto.getRandomValues(new Uint8Array(65_536))
  const sending = (async () => {
    for (let bytes = 0; bytes < BULK_BYTES; bytes += sent.length) if (!stream.send(sent)) await stream.onDrain()
    await stream.close()
  })()
  let receivedBytes = 0
  for await (const chunk of stream) {
    const bytes = chunk.subarray()
    const expected = sent[receivedBytes % sent.length]
    if (bytes[0] !== expected) throw new Error(`expected ${expected} at ${receivedBytes}, got ${bytes[0]}`)
    receivedBytes += bytes.length
  }
  await sending
  expect(receivedBytes).toBe(BULK_BYTES)
  const [there] = server.getConnections()
  await connection.close()
  await closed(connection)
  if (there !== undefined) await closed(there)
  expect(server.getConnections()).toEqual([])
})

test('a remote that is gone all at once is noticed', async () => {
  const [tab, { address }] = await Promise.all([startTab(), startServer()])
  const sockets: net.Socket[] = []
  const between = net.createServer((near) => {
    const far = net.connect(Number(address.getComponents()[1]?.value), '127.0.0.1')
    for (const socket of [near, far]) socket.on('error', () => {})
    near.pipe(far).pipe(near)
    sockets.push(near, far)
  })
  const connection = await tab.dial(multiaddr(`/ip4/127.0.0.1/tcp/${await portOf(between)}/ws`))
  for (const socket of sockets) socket.resetAndDestroy()
  await closed(connection)
  expect(connection.status).not.toBe('open')
})

test('nobody listening, and a server that says nothing until the dial is given up', async () => {
  const tab = await startTab()
  await expect(tab.dial(multiaddr('/ip4/127.0.0.1/tcp/1/ws'))).rejects.toThrow('no WebSocket opened')
  const silent = net.createServer()
  const port = await portOf(silent)
  const heard = new Promise<net.Socket>((resolve) => silent.once('connection', resolve))
  stops.push(async () => void (await heard).destroy())
  const given = new AbortController()
  const dial = tab.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws`), { signal: given.signal })
  await heard
  given.abort(new Error('given up'))
  await expect(dial).rejects.toThrow('given up')
})
