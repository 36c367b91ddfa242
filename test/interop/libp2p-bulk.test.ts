import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, test } from 'vitest'
import { toRequestId, type ConnectionId } from '../../src/core/ids.ts'
import type { GetHeaders } from '../../src/core/message.ts'
import { STREAM_QUEUE_BYTES_MAX } from '../../src/host/frame-stream.ts'
import { SYNC_PROTOCOL } from '../../src/host/sync-link.ts'
import { encodeFrame } from '../../src/wire/frame.ts'
import { encodeSyncMessage } from '../../src/wire/sync-message.ts'
import { HEADER_BYTES, INFO, ScriptedHost } from './libp2p-scripted.ts'

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(...args: Parameters<typeof ScriptedHost.start>): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start(...args)
  stops.push(() => scripted.host.stop())
  return scripted
}

/** Answers every get-headers with as many headers as it asks for. */
function serveHeaders(host: ScriptedHost): void {
  host.on((event) => {
    if (event.type !== 'message-received' || event.message.type !== 'get-headers') return
    const { request, countMax } = event.message
    const headers = new Uint8Array(countMax * HEADER_BYTES).fill(request)
    const message = { type: 'headers', request, headers, hasMore: true, head: INFO.head } as const
    host.host.perform({ type: 'send-message', connection: event.connection, message })
  })
}

function ask(request: number, countMax: number): GetHeaders {
  const locator = Array.from({ length: 30 }, () => INFO.genesis)
  return { type: 'get-headers', request: toRequestId(request), locator, stop: undefined, countMax }
}

/** Asks for `count` batches at once; resolves when all came, in order, with the time that took. */
async function fetchBatches(host: ScriptedHost, connection: ConnectionId, count: number): Promise<number> {
  const startedMs = performance.now()
  for (let request = 1; request <= count; request++) {
    host.host.perform({ type: 'send-message', connection, message: ask(request, 2016) })
  }
  await host.saw('message-received', ({ message }) => 'request' in message && message.request === toRequestId(count))
  const tookMs = performance.now() - startedMs
  const got = host.events.flatMap((event) => (event.type === 'message-received' ? [event.message] : []))
  expect(got.map((message) => 'request' in message && message.request)).toEqual(
    Array.from(got, (_, index) => index + 1),
  )
  for (const message of got) {
    const expected = 'request' in message ? Number(message.request) % 256 : undefined
    expect(message.type === 'headers' && message.headers.every((byte) => byte === expected)).toBe(true)
  }
  return tookMs
}

test.each(['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'])(
  '10 MB of headers come whole over %s; a reader that takes nothing holds up itself alone',
  async (listen) => {
    const [alice, bob, carol] = await Promise.all([
      start({ listen: [] }),
      start({ listen: [listen] }),
      start({ listen: [] }),
    ])
    serveHeaders(bob)
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    carol.room = () => held
    const slow = await carol.connect(bob.address)
    for (let request = 1; request <= 62; request++) {
      carol.host.perform({ type: 'send-message', connection: slow, message: ask(request, 2016) })
    }
    await carol.saw('message-received')

    const tookMs = await fetchBatches(alice, await alice.connect(bob.address), 62)
    console.info(`headers: ${(10_000 / tookMs).toFixed(1)} MB/s over ${listen}`)

    expect(carol.count('message-received')).toBe(1)
    const served = bob.count('message-received') - 62
    // 1 MiB of answers on their way, 4 unanswered, and what the windows of both streams take.
    expect(served).toBeLessThan(25)
    release()
    await carol.saw('message-received', ({ message }) => 'request' in message && message.request === toRequestId(62))
    expect(carol.count('sync-stream-failed') + bob.count('sync-stream-failed')).toBe(0)
  },
)

test('of a peer that asks faster than it is answered four requests are read, then one for each answer', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  const connection = await alice.connect(bob.address)
  for (let request = 1; request <= 40; request++) {
    alice.host.perform({ type: 'send-message', connection, message: ask(request, 1) })
  }
  await bob.saw('message-received', () => bob.count('message-received') === 4)
  // A round trip on another stream, so that a fifth would have come.
  bob.answerHandshakes()
  alice.askHandshake(connection)
  await alice.saw('handshake-answered')
  expect(bob.count('message-received')).toBe(4)
  serveHeaders(bob)
  const inbound = await bob.inbound()
  for (const request of [1, 2, 3, 4]) {
    const message = { type: 'refused', request: toRequestId(request), reason: 'busy' } as const
    bob.host.perform({ type: 'send-message', connection: inbound.connection, message })
  }
  await alice.saw('message-received', ({ message }) => 'request' in message && message.request === toRequestId(40))
  expect(alice.count('message-received')).toBe(40)
})

test('a peer that asks on and on and never reads is read no further, and what we hold for it is bounded', async () => {
  const bob = await start()
  serveHeaders(bob)
  const stranger = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  stops.push(async () => stranger.stop())
  const stream = await stranger.dialProtocol(multiaddr(bob.address), SYNC_PROTOCOL)
  stream.pause()
  for (let request = 1; request <= 200; request++) stream.send(encodeFrame(encodeSyncMessage(ask(request, 2016))))
  const { connection } = await bob.inbound()
  const alice = await start({ listen: [] })
  await fetchBatches(alice, await alice.connect(bob.address), 20)
  const asked = bob.events.filter((event) => event.type === 'message-received' && event.connection === connection)
  expect(asked.length).toBeLessThan(15)
  expect(bob.host.traffic(connection)?.bytesOut).toBeLessThan(STREAM_QUEUE_BYTES_MAX + 512 * 1024)
  expect(bob.count('connection-closed')).toBe(0)
})

test('messages of ours that nobody reads end our stream once they pass the bound', async () => {
  const bob = await start()
  const alice = await start({ listen: [] })
  bob.room = () => new Promise(() => {})
  const connection = await alice.connect(bob.address)
  const message = { type: 'announce', headers: new Uint8Array(8 * HEADER_BYTES), head: INFO.head } as const
  const frameBytes = encodeFrame(encodeSyncMessage(message)).length
  let count = 0
  alice.host.perform({ type: 'send-message', connection, message })
  await bob.saw('message-received')
  while (alice.count('sync-stream-failed') === 0 && count * frameBytes < 8 * STREAM_QUEUE_BYTES_MAX) {
    alice.host.perform({ type: 'send-message', connection, message })
    if (++count % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  expect((await alice.saw('sync-stream-failed')).failure).toBe('timeout')
  expect(count * frameBytes).toBeGreaterThan(STREAM_QUEUE_BYTES_MAX)
  expect(bob.count('message-received')).toBe(1)
})

test.each(['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'])('1 KB round trips over %s', async (listen) => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start({ listen: [listen] })])
  serveHeaders(bob)
  const connection = await alice.connect(bob.address)
  const roundTrip = (request: number): Promise<void> =>
    new Promise((resolve) => {
      const stop = alice.on((event) => {
        if (event.type !== 'message-received') return
        stop()
        resolve()
      })
      alice.host.perform({ type: 'send-message', connection, message: ask(request, 12) })
    })
  for (let request = 1; request <= 100; request++) await roundTrip(request)
  const startedMs = performance.now()
  for (let request = 101; request <= 600; request++) await roundTrip(request)
  console.info(`round trips: ${((500 * 1000) / (performance.now() - startedMs)).toFixed(0)} a second over ${listen}`)
  expect(alice.count('message-received')).toBe(600)
})

test('after stop nothing keeps the process alive', async () => {
  const script = fileURLToPath(new URL('./libp2p-stop-script.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve))
  expect(output).toBe('stopped\n')
  expect(code).toBe(0)
})
