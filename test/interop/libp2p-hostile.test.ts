import net from 'node:net'
import { noise } from '@libp2p/noise'
import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach, expect, test } from 'vitest'
import { toConnectionId, toRequestId } from '../../src/core/ids.ts'
import { abortConnection } from '../../src/host/abort-connection.ts'
import { HANDSHAKE_PROTOCOL } from '../../src/host/handshakes.ts'
import { SYNC_PROTOCOL } from '../../src/host/sync-link.ts'
import { encodeFrame } from '../../src/wire/frame.ts'
import { encodeNodeInfo } from '../../src/wire/node-info.ts'
import { encodeSyncMessage } from '../../src/wire/sync-message.ts'
import { INFO, ScriptedHost } from './libp2p-scripted.ts'

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(...args: Parameters<typeof ScriptedHost.start>): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start(...args)
  stops.push(() => scripted.host.stop())
  return scripted
}

/** A libp2p node of somebody else's, with the handlers that a test gives it. */
async function startStranger(
  handlers: Readonly<Record<string, (stream: Stream, connection: Connection) => void>> = {},
): Promise<Libp2p> {
  const stranger = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp(), webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
    connectionMonitor: { enabled: false },
  })
  for (const [protocol, handler] of Object.entries(handlers)) await stranger.handle(protocol, handler)
  stops.push(async () => stranger.stop())
  return stranger
}

function addressOf(stranger: Libp2p): string {
  return stranger.getMultiaddrs()[0]?.toString() ?? ''
}

const ended = (stream: Stream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.status !== 'open') resolve()
    else stream.addEventListener('close', () => resolve())
  })

const ping = encodeFrame(encodeSyncMessage({ type: 'ping', request: toRequestId(1) }))

test('a plain libp2p node does not support the handshake, and says so', async () => {
  const stranger = await startStranger()
  const alice = await start({ listen: [] })
  const connection = await alice.connect(addressOf(stranger))
  alice.askHandshake(connection)
  expect((await alice.saw('handshake-failed')).failure).toBe('unsupported')
  expect(await alice.saw('protocols-learnt')).toMatchObject({ speaksHandshake: false, speaksBitswap: false })
  for (const count of [1, 2]) {
    alice.host.perform({ type: 'send-message', connection, message: { type: 'ping', request: toRequestId(count) } })
    const failed = await alice.saw('sync-stream-failed', () => alice.count('sync-stream-failed') === count)
    expect(failed.failure).toBe('unsupported')
  }
})

test('a remote that never answers a handshake costs its deadline, and its stream is freed', async () => {
  const streams: Stream[] = []
  const stranger = await startStranger({ [HANDSHAKE_PROTOCOL]: (stream) => void streams.push(stream) })
  const alice = await start({ listen: [] })
  const connection = await alice.connect(addressOf(stranger))
  alice.askHandshake(connection, { timeoutMs: 300 })
  expect((await alice.saw('handshake-failed')).failure).toBe('timeout')
  for (const stream of streams) await ended(stream)
  expect(alice.count('handshake-failed')).toBe(1)
  expect(alice.count('peer-misbehaved')).toBe(0)
})

test('a stranger who opens a handshake and says nothing is freed at the deadline, without blame', async () => {
  const alice = await start({ handshakeTimeoutMs: 300 })
  const stranger = await startStranger()
  const stream = await stranger.dialProtocol(multiaddr(alice.address), HANDSHAKE_PROTOCOL)
  await ended(stream)
  expect(stream.status).toBe('reset')
  expect(alice.count('peer-misbehaved')).toBe(0)
})

test('of three handshake streams at once on a connection the third is reset', async () => {
  const alice = await start()
  const stranger = await startStranger()
  const connection = await stranger.dial(multiaddr(alice.address))
  for (let count = 0; count < 2; count++) {
    const stream = await connection.newStream(HANDSHAKE_PROTOCOL)
    stream.send(encodeFrame(encodeNodeInfo(INFO)))
  }
  await ended(await connection.newStream(HANDSHAKE_PROTOCOL))
  await alice.saw('handshake-requested', () => alice.count('handshake-requested') === 2)
  expect(connection.streams.filter((stream) => stream.protocol === HANDSHAKE_PROTOCOL)).toHaveLength(2)
})

test.each([
  ['garbage', Uint8Array.of(3, 255, 255, 255), 'handshake: expected'],
  ['an oversize frame', encodeFrame(new Uint8Array(1025)), 'expected a frame of at most 1024 bytes, got 1025'],
])('%s for a handshake is told and the stream is reset', async (_name, bytes, detail) => {
  const alice = await start()
  const stranger = await startStranger()
  const stream = await stranger.dialProtocol(multiaddr(alice.address), HANDSHAKE_PROTOCOL)
  stream.send(bytes)
  const told = await alice.saw('peer-misbehaved')
  expect(told.misbehaviour).toBe('undecodable')
  expect(told.detail).toContain(detail)
  await ended(stream)
  expect(alice.count('handshake-requested')).toBe(0)
})

test('an answer that is no node info fails the handshake, once', async () => {
  const stranger = await startStranger({
    [HANDSHAKE_PROTOCOL]: (stream) => void stream.send(Uint8Array.of(2, 255, 255)),
  })
  const alice = await start({ listen: [] })
  alice.askHandshake(await alice.connect(addressOf(stranger)))
  expect((await alice.saw('handshake-failed')).failure).toBe('undecodable')
})

test.each([
  ['garbage', Uint8Array.of(3, 255, 255, 255), 'sync: expected'],
  ['an oversize frame', Uint8Array.of(0xff, 0xff, 0xff, 0x7f), 'expected a frame of at most 235008 bytes'],
  [
    'an answer to nothing',
    encodeFrame(encodeSyncMessage({ type: 'pong', request: toRequestId(1) })),
    'expected a request or an announcement',
  ],
])('%s on a sync stream is told and the stream is reset; the next one is served', async (_name, bytes, detail) => {
  const alice = await start()
  const stranger = await startStranger()
  const connection = await stranger.dial(multiaddr(alice.address))
  const stream = await connection.newStream(SYNC_PROTOCOL)
  stream.send(bytes)
  expect((await alice.saw('peer-misbehaved')).detail).toContain(detail)
  await ended(stream)
  const next = await connection.newStream(SYNC_PROTOCOL)
  next.send(ping)
  await alice.saw('message-received')
  expect(alice.count('peer-misbehaved')).toBe(1)
})

test('a frame that comes byte by byte is read; a stream that ends inside one is closed without blame', async () => {
  const alice = await start()
  const stranger = await startStranger()
  const stream = await stranger.dialProtocol(multiaddr(alice.address), SYNC_PROTOCOL)
  for (const byte of ping) stream.send(Uint8Array.of(byte))
  await alice.saw('message-received')
  stream.send(ping.subarray(0, 2))
  void stream.close()
  await ended(stream)
  expect(alice.count('peer-misbehaved')).toBe(0)
})

test('a second sync stream replaces the first, and a request of a later version is refused', async () => {
  const alice = await start()
  const stranger = await startStranger()
  const connection = await stranger.dial(multiaddr(alice.address))
  const first = await connection.newStream(SYNC_PROTOCOL)
  first.send(ping)
  await alice.saw('message-received')
  const second = await connection.newStream(SYNC_PROTOCOL)
  const answered = new Promise<Uint8Array>((resolve) => {
    second.addEventListener('message', (event) => resolve(Uint8Array.from(event.data.subarray())))
  })
  second.send(encodeFrame(Uint8Array.of(8, 60, 16, 5)))
  expect(await answered).toEqual(
    encodeFrame(encodeSyncMessage({ type: 'refused', request: toRequestId(5), reason: 'unknown-request' })),
  )
  await ended(first)
  expect(first.status).toBe('reset')
  // An answer to what the first stream asked has nowhere to go: the second one never asked.
  const answers: Uint8Array[] = []
  second.addEventListener('message', (event) => answers.push(event.data.subarray()))
  const inbound = await alice.inbound()
  for (const request of [1, 5]) {
    alice.host.perform({
      type: 'send-message',
      connection: inbound.connection,
      message: { type: 'pong', request: toRequestId(request) },
    })
  }
  second.send(ping)
  await alice.saw('message-received', () => alice.count('message-received') === 2)
  alice.host.perform({
    type: 'send-message',
    connection: inbound.connection,
    message: { type: 'pong', request: toRequestId(1) },
  })
  while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(answers).toHaveLength(1)
})

test('a stream of ours that the remote resets has failed once, and is opened again at the next message', async () => {
  const streams: Stream[] = []
  const stranger = await startStranger({
    [SYNC_PROTOCOL]: (stream) => {
      streams.push(stream)
      if (streams.length === 1) stream.abort(new Error('no'))
    },
  })
  const alice = await start({ listen: [] })
  const connection = await alice.connect(addressOf(stranger))
  const message = { type: 'ping', request: toRequestId(1) } as const
  alice.host.perform({ type: 'send-message', connection, message })
  expect((await alice.saw('sync-stream-failed')).failure).toBe('closed')
  alice.host.perform({ type: 'send-message', connection, message })
  while (streams.length < 2) await new Promise((resolve) => setImmediate(resolve))
  expect(alice.count('sync-stream-failed')).toBe(1)
})

test('what is in flight when the connection dies fails before the connection is told as closed, and nothing after', async () => {
  const stranger = await startStranger({
    [HANDSHAKE_PROTOCOL]: (_stream, connection) => connection.abort(new Error('x')),
  })
  const alice = await start({ listen: [] })
  const connection = await alice.connect(addressOf(stranger))
  alice.askHandshake(connection)
  await alice.saw('connection-closed')
  const own = alice.events.filter((event) => 'connection' in event && event.connection === connection)
  expect(own[0]?.type).toBe('connection-opened')
  expect(own.at(-1)?.type).toBe('connection-closed')
  expect(own.filter((event) => event.type === 'handshake-failed')).toHaveLength(1)
  alice.host.perform({ type: 'send-message', connection, message: { type: 'ping', request: toRequestId(1) } })
  alice.host.perform({ type: 'close-connection', connection, reason: 'unresponsive' })
  expect(alice.host.traffic(connection)).toBeUndefined()
})

test('an answer that is followed by a close at once still arrives', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  bob.on((event) => {
    if (event.type !== 'handshake-requested') return
    const { connection, request } = event
    bob.host.perform({ type: 'answer-handshake', connection, request, info: INFO })
    bob.host.perform({ type: 'close-connection', connection, reason: 'wrong-chain' })
  })
  alice.askHandshake(await alice.connect(bob.address))
  await alice.saw('connection-closed')
  expect(alice.count('handshake-answered')).toBe(1)
  expect(alice.count('handshake-failed')).toBe(0)
})

test('a connection whose peer reads nothing is closed all the same', async () => {
  const stranger = await startStranger({ [SYNC_PROTOCOL]: (stream) => stream.pause() })
  const alice = await start({ listen: [] })
  const connection = await alice.connect(addressOf(stranger))
  const message = { type: 'announce', headers: new Uint8Array(8 * 80), head: INFO.head } as const
  for (let count = 0; count < 2_000; count++) alice.host.perform({ type: 'send-message', connection, message })
  alice.host.perform({ type: 'close-connection', connection, reason: 'unresponsive' })
  await alice.saw('connection-closed')
  expect(alice.count('sync-stream-failed')).toBe(0)
})

test('silent sockets, half-open upgrades and open streams do not hold up a stop', async () => {
  const logged: string[] = []
  const alice = await ScriptedHost.start({
    listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'],
    log: (event) => logged.push(event),
  })
  const sockets: net.Socket[] = []
  for (const address of alice.host.addresses) {
    for (const greeting of ['', 'GET / HTTP/1.1\r\n']) {
      const { address: host, port } = nodeAddress(address)
      const socket = net.connect({ host, port }, () => void (greeting === '' || socket.write(greeting)))
      socket.on('error', () => {})
      sockets.push(socket)
      await new Promise((resolve) => socket.once('connect', resolve))
    }
  }
  const stranger = await startStranger({ [SYNC_PROTOCOL]: () => {}, [HANDSHAKE_PROTOCOL]: () => {} })
  const connection = await alice.connect(addressOf(stranger))
  alice.askHandshake(connection)
  await alice.host.stop()
  expect(logged).toEqual([])
  expect(alice.count('connection-closed')).toBe(1)
  expect(alice.count('handshake-failed')).toBe(1)
  for (const socket of sockets) socket.destroy()
})

function nodeAddress(address: string): { readonly address: string; readonly port: number } {
  const [, , host = '', , port = ''] = address.split('/')
  return { address: host, port: Number(port) }
}

test('a WebSocket connection that is aborted is gone for the remote too', async () => {
  const bob = await start({ listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
  const stranger = await startStranger()
  abortConnection(await stranger.dial(multiaddr(bob.address)), new Error('no'))
  await bob.saw('connection-closed')
})

test('an event for an unknown connection changes nothing', async () => {
  const alice = await start({ listen: [] })
  const connection = toConnectionId('nobody')
  alice.host.perform({ type: 'close-connection', connection, reason: 'refused' })
  alice.host.perform({ type: 'answer-handshake', connection, request: toRequestId(1), info: INFO })
  alice.askHandshake(connection)
  expect(alice.events).toEqual([])
})
