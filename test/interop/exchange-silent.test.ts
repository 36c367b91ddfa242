import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, expect, test } from 'vitest'
import type { OutgoingExchange } from '../../src/core/exchange/exchange-message.ts'
import type { ConnectionId } from '../../src/core/ids.ts'
import { joinBytes } from '../../src/core/join-bytes.ts'
import { BITSWAP_PROTOCOL } from '../../src/host/exchange-outbound.ts'
import { encodeBitswapMessage } from '../../src/wire/bitswap-message.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { encodeFrame } from '../../src/wire/frame.ts'
import { EMPTY_EXCHANGE } from '../empty-exchange.ts'
import { SILENCES, Stranger, type Silence } from './exchange-strangers.ts'
import { ScriptedHost } from './libp2p-scripted.ts'

/** Longer than any test here: what waits for it has failed. */
const NEVER_MS = 3_600_000

const stops: (() => Promise<void>)[] = []
const logged: string[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
  logged.length = 0
})

async function startHost(): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start({ log: (event) => logged.push(event) })
  stops.push(() => scripted.host.stop())
  return scripted
}

async function meet(
  scripted: ScriptedHost,
  silence?: Silence,
): Promise<{ stranger: Stranger; connection: ConnectionId }> {
  const stranger = await Stranger.start(silence)
  stops.push(async () => stranger.libp2p.stop())
  return { stranger, connection: await scripted.connect(stranger.address) }
}

function blocksOf(sizeBytes: number): OutgoingExchange {
  const cid = formatCid({ version: 1, codec: 0x55, hashCode: 0x12, digestSizeBytes: 32, digest: new Uint8Array(32) })
  return { ...EMPTY_EXCHANGE, blocks: [{ cid, bytes: new Uint8Array(sizeBytes) }] }
}

function send(scripted: ScriptedHost, connection: ConnectionId, sequence: number, message: OutgoingExchange): void {
  scripted.host.perform({ type: 'send-exchange', connection, sequence, message, timeoutMs: NEVER_MS })
}

/** Sends `count` messages to each, the next one when the last is drained, as the core does; resolves when `awaited` have all. */
async function serve(args: {
  readonly scripted: ScriptedHost
  readonly connections: readonly ConnectionId[]
  readonly awaited: readonly ConnectionId[]
  readonly count: number
  readonly message: OutgoingExchange
}): Promise<void> {
  const { scripted, connections, awaited, count, message } = args
  const left = new Set(awaited)
  await new Promise<void>((resolve) => {
    scripted.on((event) => {
      if (event.type !== 'exchange-sent') return
      if (event.sequence < count) return send(scripted, event.connection, event.sequence + 1, message)
      left.delete(event.connection)
      if (left.size === 0) resolve()
    })
    for (const connection of connections) send(scripted, connection, 1, message)
  })
}

test('each way of silence costs its own peer and nobody else, and does not hold up a stop', async () => {
  const alice = await startHost()
  const silent = await Promise.all(SILENCES.map((silence) => meet(alice, silence)))
  const good = await Promise.all(Array.from({ length: 20 }, () => meet(alice)))
  const awaited = good.map(({ connection }) => connection)
  const connections = [...silent.map(({ connection }) => connection), ...awaited]
  // 5 MiB each: more than any window.
  const message = blocksOf(256 * 1024)
  await serve({ scripted: alice, connections, awaited, count: 20, message })
  const frameBytes = encodeFrame(joinBytes(encodeBitswapMessage(message))).length
  for (const { stranger } of good) {
    while (stranger.bytesIn < 20 * frameBytes) await new Promise((resolve) => setImmediate(resolve))
    expect(stranger.streams).toHaveLength(1)
  }
  expect(alice.count('exchange-send-failed')).toBe(0)
  const sentTo = (index: number): number => {
    const isIts = (event: (typeof alice.events)[number]): boolean =>
      event.type === 'exchange-sent' && event.connection === silent[index]?.connection
    return alice.events.filter(isIts).length
  }
  expect(sentTo(0)).toBe(0)
  expect(sentTo(1)).toBeLessThan(20)
  // One that only never closes is served like any other.
  while (sentTo(2) < 20) await new Promise((resolve) => setImmediate(resolve))
  await alice.host.stop()
  expect(logged).not.toContain('stop-cut-off')
  expect(alice.count('exchange-send-failed')).toBe(2)
})

test('12 silent peers of 120 cost the others nothing, in what is sent to them and what comes from them', async () => {
  const alice = await startHost()
  const silent: ConnectionId[] = []
  const good: { stranger: Stranger; connection: ConnectionId }[] = []
  for (let index = 0; index < 120; index++) {
    if (index % 10 === 0) silent.push((await meet(alice, SILENCES[(index / 10) % 2])).connection)
    else good.push(await meet(alice))
  }
  const awaited = good.map(({ connection }) => connection)
  for (const connection of [...silent, ...awaited]) alice.host.perform({ type: 'admit-exchange', connection })
  const question = encodeFrame(Uint8Array.from(encodeBitswapMessage({ ...EMPTY_EXCHANGE, pendingBytes: 9 })[0] ?? []))
  const served = serve({
    scripted: alice,
    connections: [...silent, ...awaited],
    awaited,
    count: 6,
    message: blocksOf(64 * 1024),
  })
  await Promise.all(good.map(({ stranger }) => stranger.say(question)))
  await served
  await alice.saw('exchange-received', () => alice.count('exchange-received') === good.length)
  expect(alice.count('exchange-send-failed')).toBe(0)
  expect(alice.count('peer-misbehaved')).toBe(0)
})

test('half frames on every stream that a peer may open hold up no other peer, and no stop', async () => {
  const alice = await startHost()
  const [bad, good] = [await Stranger.start(), await Stranger.start()]
  stops.push(
    async () => bad.libp2p.stop(),
    async () => good.libp2p.stop(),
  )
  alice.on((event) => {
    if (event.type === 'connection-opened') alice.host.perform({ type: 'admit-exchange', connection: event.connection })
  })
  const connection = await bad.libp2p.dial(multiaddr(alice.address))
  const streams: Stream[] = []
  for (let index = 0; index < 32; index++) {
    const stream = await connection.newStream(BITSWAP_PROTOCOL)
    stream.send(Uint8Array.of(0x80, 0x80, 0x80, 0x02, 1))
    streams.push(stream)
  }
  const stream = await good.libp2p.dialProtocol(multiaddr(alice.address), BITSWAP_PROTOCOL)
  stream.send(encodeFrame(encodeBitswapMessage({ ...EMPTY_EXCHANGE, pendingBytes: 5 })[0] ?? new Uint8Array()))
  expect((await alice.saw('exchange-received')).message.pendingBytes).toBe(5)
  expect(streams.every(({ status }) => status === 'open')).toBe(true)
  await alice.host.stop()
  expect(logged).not.toContain('stop-cut-off')
})
