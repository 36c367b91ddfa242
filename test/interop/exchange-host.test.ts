import { afterEach, expect, test } from 'vitest'
import type { OutgoingExchange } from '../../src/core/exchange/exchange-message.ts'
import type { ConnectionId } from '../../src/core/ids.ts'
import { BLOCK_BYTES_MAX } from '../../src/core/limits.ts'
import { BITSWAP_PROTOCOL } from '../../src/host/exchange-outbound.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { EMPTY_EXCHANGE } from '../empty-exchange.ts'
import { Stranger } from './exchange-strangers.ts'
import { ScriptedHost } from './libp2p-scripted.ts'

const CID = formatCid({ version: 1, codec: 0x55, hashCode: 0x12, digestSizeBytes: 32, digest: new Uint8Array(32) })

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(...args: Parameters<typeof ScriptedHost.start>): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start(...args)
  stops.push(() => scripted.host.stop())
  return scripted
}

async function startStranger(): Promise<Stranger> {
  const stranger = await Stranger.start()
  stops.push(async () => stranger.libp2p.stop())
  return stranger
}

function send(
  scripted: ScriptedHost,
  connection: ConnectionId,
  message: Partial<OutgoingExchange>,
  sequence = 1,
): void {
  const effect = { type: 'send-exchange', connection, sequence, timeoutMs: 60_000 } as const
  scripted.host.perform({ ...effect, message: { ...EMPTY_EXCHANGE, ...message } })
}

test.each(['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'])(
  'over %s wants go one way and the longest block comes the other, whole, and is counted',
  async (listen) => {
    const [alice, bob] = await Promise.all([start({ listen: [] }), start({ listen: [listen] })])
    const connection = await alice.connect(bob.address)
    const inbound = (await bob.inbound()).connection
    await alice.saw('protocols-learnt', ({ speaksBitswap }) => speaksBitswap)
    await bob.saw('protocols-learnt', ({ speaksBitswap }) => speaksBitswap)
    alice.host.perform({ type: 'admit-exchange', connection })
    bob.host.perform({ type: 'admit-exchange', connection: inbound })

    const wants = [{ cid: CID, priority: -3, want: 'block', sendDontHave: true }] as const
    send(alice, connection, { wants })
    expect(await alice.saw('exchange-sent')).toEqual({ type: 'exchange-sent', connection, sequence: 1 })
    expect((await bob.saw('exchange-received')).message).toMatchObject({ ...EMPTY_EXCHANGE, wants })

    const bytes = Uint8Array.from({ length: BLOCK_BYTES_MAX }, (_, index) => index % 251)
    send(bob, inbound, { blocks: [{ cid: CID, bytes }] })
    const { message } = await alice.saw('exchange-received')
    expect(Buffer.compare(message.blocks[0]?.bytes ?? new Uint8Array(), bytes)).toBe(0)
    await bob.saw('exchange-sent')
    expect(alice.host.traffic(connection)?.bytesIn).toBeGreaterThan(BLOCK_BYTES_MAX)
    expect(bob.host.traffic(inbound)?.bytesOut).toBe(alice.host.traffic(connection)?.bytesIn)
  },
)

test('what a peer says before it is admitted arrives when it is', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  const connection = await alice.connect(bob.address)
  for (const sequence of [1, 2]) {
    send(alice, connection, { pendingBytes: sequence }, sequence)
    await alice.saw('exchange-sent', (event) => event.sequence === sequence)
  }
  // A round trip of another protocol: what was sent before has come by now.
  bob.answerHandshakes()
  alice.askHandshake(connection)
  await alice.saw('handshake-answered')
  expect(bob.count('exchange-received')).toBe(0)
  bob.host.perform({ type: 'admit-exchange', connection: (await bob.inbound()).connection })
  await bob.saw('exchange-received', ({ message }) => message.pendingBytes === 2)
  expect(bob.count('exchange-received')).toBe(2)
})

test('while the core has no room for a peer its sender is not told that all is sent', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  const room = Promise.withResolvers<void>()
  bob.room = () => room.promise
  const connection = await alice.connect(bob.address)
  bob.host.perform({ type: 'admit-exchange', connection: (await bob.inbound()).connection })
  // Each fills a window; the third finds no buffer on the way that takes it.
  const blocks = [{ cid: CID, bytes: new Uint8Array(BLOCK_BYTES_MAX) }]
  let sentCount = 0
  alice.on((event) => {
    if (event.type === 'exchange-sent' && ++sentCount < 4) send(alice, connection, { blocks }, sentCount)
  })
  send(alice, connection, { blocks })
  await bob.saw('exchange-received')
  bob.answerHandshakes()
  alice.askHandshake(connection)
  await alice.saw('handshake-answered')
  expect(sentCount).toBeLessThan(4)
  expect(bob.count('exchange-received')).toBe(1)
  room.resolve()
  await bob.saw('exchange-received', () => bob.count('exchange-received') === 4)
})

test('a peer that does not speak bitswap is told as that', async () => {
  const alice = await start({ listen: [] })
  const stranger = await startStranger()
  await stranger.libp2p.unhandle(BITSWAP_PROTOCOL)
  const connection = await alice.connect(stranger.address)
  send(alice, connection, {})
  expect((await alice.saw('exchange-send-failed')).failure).toBe('unsupported')
})

test('a message under way when the connection dies fails before the connection is told as closed, and nothing after', async () => {
  const alice = await start({ listen: [] })
  const stranger = await Stranger.start('never reads')
  stops.push(async () => stranger.libp2p.stop())
  const connection = await alice.connect(stranger.address)
  send(alice, connection, { blocks: [{ cid: CID, bytes: new Uint8Array(BLOCK_BYTES_MAX) }] })
  while (stranger.streams.length === 0) await new Promise((resolve) => setImmediate(resolve))
  for (const open of stranger.libp2p.getConnections()) open.abort(new Error('no'))
  await alice.saw('connection-closed')
  const types = alice.events.map(({ type }) => type)
  expect(types.filter((type) => type === 'exchange-send-failed')).toHaveLength(1)
  expect(types.at(-1)).toBe('connection-closed')
})

test('garbage is told, its stream is reset, and the next stream of that peer is read', async () => {
  const alice = await start()
  const stranger = await startStranger()
  const connection = await alice.connect(stranger.address)
  alice.host.perform({ type: 'admit-exchange', connection })
  await stranger.say(Uint8Array.of(2, 0x0a, 9))
  const told = await alice.saw('peer-misbehaved')
  expect([told.misbehaviour, told.detail]).toEqual(['undecodable', expect.stringMatching(/^exchange: expected/)])
  await stranger.say(Uint8Array.of(2, 0x28, 7))
  expect((await alice.saw('exchange-received')).message.pendingBytes).toBe(7)
})
