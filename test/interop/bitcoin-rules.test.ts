/** A fake peer for every rule of Bitcoin's network: what the host says, what it takes, and what is misbehaviour. */
import { afterEach, expect, test } from 'vitest'
import { toRequestId, type ConnectionId, type RequestId } from '../../src/core/ids.ts'
import type { GetHeaders, SyncMessage } from '../../src/core/message.ts'
import {
  decodeGetHeaders,
  decodeHeaders,
  encodeGetHeaders,
  encodeHeaders,
} from '../../src/wire/bitcoin/header-messages.ts'
import {
  decodeInventory,
  encodeInventory,
  INVENTORY_BLOCK,
  INVENTORY_WITNESS_BLOCK,
} from '../../src/wire/bitcoin/inventory-message.ts'
import { PayloadWriter } from '../../src/wire/bitcoin/payload.ts'
import { decodeVersion } from '../../src/wire/bitcoin/version-message.ts'
import type { FakeBitcoinPeer } from './bitcoin-fake-peer.ts'
import {
  chainOf,
  encode,
  FakeBitcoinListener,
  GENESIS,
  HEADER_BYTES,
  HostRig,
  knock,
  meet,
  NOTHING,
  rootOf,
  slice,
  visit,
} from './bitcoin-fake-peer.ts'

const rigs: HostRig[] = []
const listeners: FakeBitcoinListener[] = []
afterEach(async () => {
  for (const listener of listeners.splice(0)) listener.close()
  for (const rig of rigs.splice(0)) await rig.host.stop()
})

/** Time passes faster: deadlines are looked at all the time. */
const QUICK = { tickMs: 5 }

async function metPeer(
  options: Parameters<typeof meet>[0] = {},
): Promise<{ rig: HostRig; peer: FakeBitcoinPeer; connection: ConnectionId }> {
  const met = await meet(options)
  rigs.push(met.rig)
  return met
}

async function listeningRig(options: Parameters<typeof HostRig.start>[0] = {}): Promise<HostRig> {
  const rig = await HostRig.start({ listen: { host: '127.0.0.1', port: 0 }, ...options })
  rigs.push(rig)
  return rig
}

/** A host that dialled; nobody has said anything yet. */
async function dialledPeer(
  options: Parameters<typeof HostRig.start>[0] = {},
): Promise<{ rig: HostRig; peer: FakeBitcoinPeer }> {
  const rig = await HostRig.start(options)
  rigs.push(rig)
  const listener = await FakeBitcoinListener.listen()
  listeners.push(listener)
  rig.dial(listener.address)
  return { rig, peer: await listener.accept() }
}

/** Nothing has changed for many turns of the event loop. */
async function untilStill(read: () => number | undefined): Promise<void> {
  let value = read()
  for (let turnCount = 0; turnCount < 500; turnCount += 1) {
    await new Promise((done) => setImmediate(done))
    if (read() === value) continue
    value = read()
    turnCount = 0
  }
}

function getHeaders(fields: Partial<GetHeaders> = {}): GetHeaders {
  return {
    type: 'get-headers',
    request: toRequestId(41),
    locator: [GENESIS],
    stop: undefined,
    countMax: 2_016,
    ...fields,
  }
}

test('version and verack are the handshake, with the features between them', async () => {
  const { rig, peer } = await dialledPeer()
  const version = decodeVersion(await peer.receive('version'))
  expect(version).toMatchObject({
    protocolVersion: 70_016,
    services: 9n,
    userAgent: '/rushlight:0.1.0/',
    startHeight: 7,
  })
  peer.sendVersion({ startHeight: 123, userAgent: '/Satoshi:29.0.0/' })
  const said = [await peer.receiveAny(), await peer.receiveAny(), await peer.receiveAny()]
  expect(said.map(({ command }) => command)).toEqual(['wtxidrelay', 'sendaddrv2', 'verack'])
  expect(rig.events.map(({ type }) => type)).not.toContain('handshake-answered')
  peer.send('wtxidrelay')
  peer.send('sendaddrv2')
  peer.send('verack')
  const { info } = await rig.until('handshake-answered')
  expect(info).toMatchObject({
    chain: 'bitcoin:regtest',
    genesis: GENESIS,
    head: { height: 123, work: 0n },
    serves: ['headers', 'ancestors'],
    agent: '/Satoshi:29.0.0/',
  })
  expect((await peer.receiveAny()).command).toBe('sendheaders')
  expect((await peer.receiveAny()).command).toBe('getaddr')
})

test('a peer that dials us is answered, and its version is its request', async () => {
  const rig = await listeningRig()
  const peer = knock(rig.port)
  peer.sendVersion({ services: 0n })
  const said = [await peer.receiveAny(), await peer.receiveAny(), await peer.receiveAny(), await peer.receiveAny()]
  expect(said.map(({ command }) => command)).toEqual(['version', 'wtxidrelay', 'sendaddrv2', 'verack'])
  const { info } = await rig.until('handshake-requested')
  expect(info.serves).toEqual([])
  const opened = await rig.until('connection-opened')
  expect(opened).toMatchObject({ direction: 'inbound', transport: 'bitcoin', isLimited: false })
  peer.end()
  await rig.until('connection-closed')
})

test('a peer that we dialled is known by its address', async () => {
  const { rig, peer } = await dialledPeer()
  const { localPort } = peer.socket
  expect(await rig.until('connection-opened')).toMatchObject({
    peer: `bitcoin-127.0.0.1-${localPort}`,
    address: `bitcoin://127.0.0.1:${localPort}`,
  })
  expect((await rig.until('dial-succeeded')).peer).toBe(`bitcoin-127.0.0.1-${localPort}`)
})

test('an address that nobody listens at, and one that is none, fail in words', async () => {
  const listener = await FakeBitcoinListener.listen()
  const { address } = listener
  listener.close()
  const rig = await HostRig.start()
  rigs.push(rig)
  rig.dial(address)
  expect(await rig.until('dial-failed')).toMatchObject({
    failure: 'unreachable',
    detail: `nobody listening at ${address}`,
  })
  rig.dial('bitcoin://nowhere')
  expect(await rig.until('dial-failed', rig.events.length)).toMatchObject({
    failure: 'undialable',
    detail: 'expected bitcoin://HOST:PORT, got "bitcoin://nowhere"',
  })
})

test('a connection to ourselves ends on both sides, and is no misbehaviour', async () => {
  const rig = await listeningRig()
  rig.dial(rig.host.addresses[0] ?? '')
  expect((await rig.until('handshake-failed')).failure).toBe('closed')
  const closed = await rig.until('connection-closed')
  await rig.until('connection-closed', rig.events.indexOf(closed) + 1)
  expect(rig.events.map(({ type }) => type)).not.toContain('peer-misbehaved')
})

test.each<[string, Uint8Array, string, RegExp]>([
  [
    'bytes that are no Bitcoin',
    new Uint8Array(30).fill(0x47),
    'undecodable',
    /expected a message with magic fabfb5da, got 47474747/,
  ],
  [
    'a message of mainnet',
    encode('ping', new Uint8Array(8), 'f9beb4d9'),
    'wrong-chain',
    /expected a peer on bitcoin:regtest, got one on bitcoin:mainnet/,
  ],
  ['a checksum that does not fit', encode('ping', new Uint8Array(8)).fill(1, 20, 24), 'undecodable', /checksum/],
  ['a ping of 9 bytes', encode('ping', new Uint8Array(9)), 'undecodable', /at most 8 bytes of ping, got 9/],
  ['a ping of 7 bytes', encode('ping', new Uint8Array(7)), 'undecodable', /a ping of 8 bytes, got 7/],
  [
    'more than 2,000 headers',
    encode('headers', encodeHeaders(new Uint8Array(2_001 * HEADER_BYTES))),
    'undecodable',
    /at most 162003 bytes of headers/,
  ],
  [
    'headers cut off inside',
    encode('headers', encodeHeaders(new Uint8Array(160)).slice(0, 100)),
    'undecodable',
    /bytes of headers/,
  ],
  [
    'a locator that is too long',
    encode('getheaders', new PayloadWriter().uint32(70_016).compactSize(102).bytes(new Uint8Array(3_000)).finish()),
    'undecodable',
    /at most 101 locator entries/,
  ],
  ['100,000 addresses', encode('addr', new Uint8Array(100_000 * 30)), 'undecodable', /at most 30003 bytes of addr/],
  ['a second version', encode('version', NOTHING), 'undecodable', /expected one version/],
  [
    '9 headers that nobody asked for',
    encode('headers', encodeHeaders(chainOf(9))),
    'unasked',
    /headers that nobody asked for/,
  ],
  ['a block that nobody asked for', encode('block', new Uint8Array(200)), 'unasked', /a block that nobody asked for/],
])('%s: misbehaviour, and the connection is closed', async (_, bytes, misbehaviour, detail) => {
  const { rig, peer, connection } = await metPeer()
  peer.sendBytes(bytes)
  const told = await rig.until('peer-misbehaved')
  expect(told).toMatchObject({ connection, misbehaviour })
  expect(told.detail).toMatch(detail)
  await peer.closed
  await rig.until('connection-closed')
  expect(rig.typesOf(connection).at(-1)).toBe('connection-closed')
})

test.each([
  ['verack before version', ['verack'], /expected version first, got verack/],
  ['headers before version', ['headers'], /expected version first, got headers/],
  ['version twice', ['version', 'version'], /expected one version, got a second/],
])('%s: misbehaviour', async (_, commands, detail) => {
  const { rig, peer } = await dialledPeer()
  await peer.receive('version')
  for (const command of commands) {
    if (command === 'version') peer.sendVersion()
    else peer.send(command, command === 'headers' ? encodeHeaders(NOTHING) : NOTHING)
  }
  expect((await rig.until('peer-misbehaved')).detail).toMatch(detail)
  expect((await rig.until('handshake-failed')).failure).toBe('closed')
  await rig.until('connection-closed')
})

test('what comes between version and verack, and a second verack, change nothing', async () => {
  const { rig, peer } = await dialledPeer()
  await peer.receive('version')
  peer.sendVersion()
  peer.send('headers', encodeHeaders(chainOf(1)))
  peer.send('ping', new Uint8Array(8))
  peer.send('verack')
  peer.send('verack')
  peer.send('ping', new Uint8Array(8).fill(5))
  await rig.untilMessage('ping')
  expect(rig.messages.length).toBe(1)
})

test('messages that mean nothing here are passed over', async () => {
  const { rig, peer } = await metPeer()
  for (const command of ['feefilter', 'sendcmpct', 'alert', 'tx', 'cmpctblock', 'sendaddrv2', 'filterload', 'zzz']) {
    peer.send(command, new Uint8Array(command === 'sendaddrv2' ? 0 : 8))
  }
  peer.send('tx', new Uint8Array(3_999_999))
  peer.send('ping', new Uint8Array(8))
  await rig.untilMessage('ping')
  expect(rig.events.map(({ type }) => type)).not.toContain('peer-misbehaved')
})

test.each([
  ['in the middle of a message', encode('headers', encodeHeaders(chainOf(20))).slice(0, 1_000)],
  ['in the middle of its header', encode('ping', new Uint8Array(8)).slice(0, 10)],
])('a peer that is gone %s is gone, and nothing else', async (_, bytes) => {
  const { rig, peer, connection } = await metPeer()
  peer.sendBytes(bytes)
  peer.socket.end()
  await rig.until('connection-closed')
  expect(rig.typesOf(connection)).toEqual([
    'connection-opened',
    'dial-succeeded',
    'handshake-answered',
    'connection-closed',
  ])
})

test('a message that trickles in is cut off, without a strike', async () => {
  const { rig, peer, connection } = await metPeer({ forTests: { ...QUICK, messageTimeoutMs: 50 } })
  const bytes = encode('headers', encodeHeaders(chainOf(20)))
  const trickle = setInterval(() => peer.sendBytes(bytes.subarray(0, 1)), 5)
  peer.sendBytes(bytes.subarray(0, 1_000))
  await peer.closed
  clearInterval(trickle)
  await rig.until('connection-closed')
  expect(rig.typesOf(connection)).not.toContain('peer-misbehaved')
})

test('messages may follow one another for ever, each begun before the last is worked off', async () => {
  const { rig, peer, connection } = await metPeer({ forTests: { ...QUICK, messageTimeoutMs: 500 } })
  const startMs = performance.now()
  const pingOf = (count: number): Uint8Array => encode('ping', new Uint8Array(8).fill(count))
  peer.sendBytes(pingOf(0).subarray(0, 10))
  for (let count = 0; performance.now() - startMs < 1_000; count += 1) {
    const from = rig.events.length
    peer.sendBytes(Buffer.concat([pingOf(count).subarray(10), pingOf(count + 1).subarray(0, 10)]))
    const { message } = await rig.until('message-received', from)
    if (message.type === 'ping') rig.send(connection, { type: 'pong', request: message.request })
    expect(await peer.receive('pong')).toEqual(new Uint8Array(8).fill(count))
  }
})

test('a handshake that is not answered in time fails, and a stranger who says nothing is closed', async () => {
  const { rig, peer } = await dialledPeer({ handshakeTimeoutMs: 20, forTests: QUICK })
  await peer.receive('version')
  expect((await rig.until('handshake-failed')).failure).toBe('timeout')
  const listening = await listeningRig({ forTests: { ...QUICK, negotiationTimeoutMs: 50 } })
  const stranger = knock(listening.port)
  await stranger.closed
  await listening.until('connection-closed')
  expect(listening.events.map(({ type }) => type)).toEqual(['connection-opened', 'connection-closed'])
})

test('an answer is known by its link, cut to what was asked for, and claims what follows from it', async () => {
  const { rig, peer, connection } = await metPeer({ version: { startHeight: 500 } })
  const chain = chainOf(30)
  rig.send(connection, getHeaders({ countMax: 16 }))
  expect(decodeGetHeaders(await peer.receive('getheaders'))).toEqual({ locator: [GENESIS], stop: undefined })
  peer.send('headers', encodeHeaders(chain))
  const answer = await rig.untilMessage('headers')
  expect(answer.request).toBe(41)
  expect(answer.headers).toEqual(slice(chain, 0, 16))
  expect(answer.hasMore).toBe(true)
  // Regtest's easiest target: 2 hashes a header. 16 came, 484 more are claimed.
  expect(answer.head).toMatchObject({ height: 500, work: 2n + 2n * 500n })
})

test('2,000 headers mean that there are more, fewer do not', async () => {
  const { rig, peer, connection } = await metPeer()
  const chain = chainOf(2_005)
  rig.send(connection, getHeaders())
  await peer.receive('getheaders')
  peer.send('headers', encodeHeaders(slice(chain, 0, 2_000)))
  expect(await rig.untilMessage('headers')).toMatchObject({
    hasMore: true,
    head: { height: 2_001, work: 2n + 2n * 2_001n },
  })
  const last = rootOf(slice(chain, 1_999, 2_000))
  rig.send(connection, getHeaders({ request: toRequestId(42), locator: [last, GENESIS] }))
  await peer.receive('getheaders')
  const before = rig.events.length
  peer.send('headers', encodeHeaders(slice(chain, 2_000)))
  const { message } = await rig.until('message-received', before)
  const head = { height: 2_005, root: rootOf(slice(chain, 2_004)), work: 2n + 2n * 2_005n }
  expect(message).toMatchObject({ type: 'headers', request: 42, hasMore: false, head })
})

test('unasked headers are an announcement up to 8, also while an answer is on its way', async () => {
  const { rig, peer, connection } = await metPeer()
  const chain = chainOf(20)
  rig.send(connection, getHeaders())
  await peer.receive('getheaders')
  peer.send('headers', encodeHeaders(slice(chain, 12)))
  const announce = await rig.untilMessage('announce')
  expect(announce.headers).toEqual(slice(chain, 12))
  peer.send('headers', encodeHeaders(slice(chain, 0, 12)))
  expect((await rig.untilMessage('headers')).headers).toEqual(slice(chain, 0, 12))
})

test('a block named in an inventory is fetched and announced', async () => {
  const { rig, peer, connection } = await metPeer()
  const chain = chainOf(3)
  const named = rootOf(slice(chain, 2))
  rig.send(connection, getHeaders())
  await peer.receive('getheaders')
  peer.send('headers', encodeHeaders(slice(chain, 0, 2)))
  await rig.untilMessage('headers')
  peer.send('inv', encodeInventory([{ type: INVENTORY_BLOCK, root: named }]))
  const { locator, stop } = decodeGetHeaders(await peer.receive('getheaders'))
  expect(stop).toBe(named)
  expect(locator).toEqual([rootOf(slice(chain, 1, 2)), GENESIS])
  peer.send('headers', encodeHeaders(slice(chain, 2)))
  expect(await rig.untilMessage('announce')).toMatchObject({
    headers: slice(chain, 2),
    head: { height: 3, root: named },
  })
})

test('ancestors are asked for by locator and stop', async () => {
  const { rig, peer, connection } = await metPeer()
  const chain = chainOf(40)
  const wanted = rootOf(slice(chain, 29, 30))
  const request = toRequestId(9)
  rig.send(connection, { type: 'get-ancestors', request, roots: [wanted, GENESIS], known: [GENESIS], countMax: 2_016 })
  expect(decodeGetHeaders(await peer.receive('getheaders'))).toEqual({ locator: [GENESIS], stop: wanted })
  peer.send('headers', encodeHeaders(slice(chain, 0, 30)))
  const answer = { type: 'ancestors', request, headers: slice(chain, 0, 30), answered: [wanted], unknown: [] }
  expect(await rig.untilMessage('ancestors')).toEqual(answer)
})

test('a gap too long for one answer is told by its last header alone', async () => {
  const { rig, peer, connection } = await metPeer()
  const chain = chainOf(2_100)
  const wanted = rootOf(slice(chain, 2_099))
  const request = toRequestId(9)
  rig.send(connection, { type: 'get-ancestors', request, roots: [wanted], known: [GENESIS], countMax: 2_016 })
  await peer.receive('getheaders')
  peer.send('headers', encodeHeaders(slice(chain, 0, 2_000)))
  expect(decodeGetHeaders(await peer.receive('getheaders'))).toEqual({ locator: [], stop: wanted })
  peer.send('headers', encodeHeaders(slice(chain, 2_099)))
  const answer = { type: 'ancestors', request, headers: slice(chain, 2_099), answered: [wanted], unknown: [] }
  expect(await rig.untilMessage('ancestors')).toEqual(answer)
})

test('ancestors that the peer does not have are unknown', async () => {
  const { rig, peer, connection } = await metPeer()
  const wanted = rootOf(chainOf(1, 5))
  const request = toRequestId(9)
  rig.send(connection, { type: 'get-ancestors', request, roots: [wanted], known: [GENESIS], countMax: 2_016 })
  for (let answerCount = 0; answerCount < 2; answerCount += 1) {
    await peer.receive('getheaders')
    peer.send('headers', encodeHeaders(NOTHING))
  }
  expect(await rig.untilMessage('ancestors')).toMatchObject({ answered: [], unknown: [wanted] })
})

test('pings go both ways', async () => {
  const { rig, peer, connection } = await metPeer()
  rig.send(connection, { type: 'ping', request: toRequestId(3) })
  peer.send('pong', new Uint8Array(8).fill(99))
  peer.send('pong', await peer.receive('ping'))
  expect(await rig.untilMessage('pong')).toEqual({ type: 'pong', request: 3 })
  const nonce = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  peer.send('ping', nonce)
  const { request } = await rig.untilMessage('ping')
  rig.send(connection, { type: 'pong', request })
  expect(await peer.receive('pong')).toEqual(nonce)
  expect(rig.messages.length).toBe(2)
})

test('headers are served to who asks, and put off while we are busy', async () => {
  const rig = await listeningRig({ forTests: QUICK })
  const peer = await visit(rig)
  const { connection } = await rig.until('connection-opened')
  const stop = rootOf(chainOf(1))
  peer.send('getheaders', encodeGetHeaders({ locator: [GENESIS], stop }))
  const question = await rig.untilMessage('get-headers')
  expect(question).toMatchObject({ locator: [GENESIS], stop, countMax: 2_000 })
  const { request } = question
  rig.send(connection, { type: 'refused', request, reason: 'busy' })
  await rig.until('message-received', rig.events.length)
  const head = { height: 3, root: GENESIS, work: 0n }
  rig.send(connection, { type: 'headers', request, headers: chainOf(3), hasMore: false, head })
  expect(decodeHeaders(await peer.receive('headers'))).toEqual(chainOf(3))
})

test('a lone header is served by its root', async () => {
  const rig = await listeningRig()
  const peer = await visit(rig)
  const { connection } = await rig.until('connection-opened')
  const header = chainOf(1)
  peer.send('getheaders', encodeGetHeaders({ locator: [], stop: rootOf(header) }))
  const question = await rig.untilMessage('get-ancestors')
  expect(question).toMatchObject({ roots: [rootOf(header)], known: [], countMax: 1 })
  const { request, roots } = question
  rig.send(connection, { type: 'ancestors', request, headers: header, answered: roots, unknown: [] })
  expect(decodeHeaders(await peer.receive('headers'))).toEqual(header)
})

test('a new head is named to a peer, and sent as headers to one that asked for that', async () => {
  const { rig, peer, connection } = await metPeer()
  const headers = chainOf(2)
  const head = { height: 2, root: rootOf(slice(headers, 1)), work: 6n }
  rig.send(connection, { type: 'announce', headers, head })
  expect(decodeInventory(await peer.receive('inv'), 'inv')).toEqual([{ type: INVENTORY_BLOCK, root: head.root }])
  peer.send('sendheaders')
  peer.send('ping', new Uint8Array(8))
  await rig.untilMessage('ping')
  rig.send(connection, { type: 'announce', headers, head })
  expect(decodeHeaders(await peer.receive('headers'))).toEqual(headers)
})

test.each<(request: RequestId) => SyncMessage>([
  (request) => ({ type: 'get-block-outline', request, root: GENESIS, fromByte: 0 }),
  (request) => ({ type: 'get-peers', request, roads: [], records: [] }),
])('what this wire cannot carry is refused at once', async (messageOf) => {
  const { rig, connection } = await metPeer()
  const request = toRequestId(12)
  rig.send(connection, messageOf(request))
  expect(await rig.untilMessage('refused')).toEqual({ type: 'refused', request, reason: 'unknown-request' })
})

test('a block is fetched by its root; one that is not there, or does not come, is told', async () => {
  const { rig, peer, connection } = await metPeer({ forTests: QUICK })
  const block = Uint8Array.from([...chainOf(1), 1, 2, 3, 4])
  const root = rootOf(chainOf(1))
  const other = rootOf(chainOf(1, 2))
  const delivered = rig.host.requestBlock({ connection, root })
  const item = { type: INVENTORY_WITNESS_BLOCK, root } as const
  expect(decodeInventory(await peer.receive('getdata'), 'getdata')).toEqual([item])
  peer.send('block', block)
  expect(await delivered).toEqual({ type: 'block', bytes: block })
  const absent = rig.host.requestBlock({ connection, root: other })
  peer.send('notfound', encodeInventory([{ type: INVENTORY_WITNESS_BLOCK, root: other }]))
  expect(await absent).toEqual({ type: 'not-found' })
  expect(await rig.host.requestBlock({ connection, root, timeoutMs: 20 })).toEqual({
    type: 'failed',
    failure: 'timeout',
  })
  // Late, and no misbehaviour.
  peer.send('block', block)
  const cut = rig.host.requestBlock({ connection, root: other })
  peer.end()
  expect(await cut).toEqual({ type: 'failed', failure: 'closed' })
  await rig.until('connection-closed')
  expect(rig.typesOf(connection)).not.toContain('peer-misbehaved')
  expect(await rig.host.requestBlock({ connection, root })).toEqual({ type: 'failed', failure: 'closed' })
})

test('another block than was asked for is misbehaviour, and the one that was asked for is not delivered', async () => {
  const { rig, peer, connection } = await metPeer()
  const answer = rig.host.requestBlock({ connection, root: rootOf(chainOf(1)) })
  await peer.receive('getdata')
  peer.send('block', Uint8Array.from([...chainOf(1, 2), 1]))
  expect((await rig.until('peer-misbehaved')).misbehaviour).toBe('unasked')
  expect(await answer).toEqual({ type: 'failed', failure: 'closed' })
})

test('blocks are served when we have them, and are not found when not', async () => {
  const block = Uint8Array.from([...chainOf(1), 7])
  const root = rootOf(chainOf(1))
  const blockOf = (asked: string): Promise<Uint8Array | undefined> =>
    Promise.resolve(asked === root ? block : undefined)
  const { peer } = await metPeer({ blockOf })
  const absent = [
    { type: INVENTORY_WITNESS_BLOCK, root: GENESIS },
    { type: INVENTORY_BLOCK, root },
  ] as const
  peer.send('getdata', encodeInventory([{ type: INVENTORY_WITNESS_BLOCK, root }, ...absent]))
  expect(await peer.receive('block')).toEqual(block)
  expect(decodeInventory(await peer.receive('notfound'), 'notfound')).toEqual(absent)
})

test('while a message is not taken no other is read', async () => {
  const { rig, peer } = await metPeer()
  const { promise, resolve } = Promise.withResolvers<void>()
  rig.gate = promise
  peer.send('ping', new Uint8Array(8).fill(1))
  await rig.untilMessage('ping')
  // As much as the machine's own buffers hold and more: the rest stays with the peer.
  const flood = Buffer.concat(Array.from({ length: 50 }, () => encode('tx', new Uint8Array(1_000_000))))
  let isFlushed = false
  peer.socket.write(flood, () => (isFlushed = true))
  peer.send('ping', new Uint8Array(8).fill(2))
  const { connection } = await rig.until('connection-opened')
  await untilStill(() => rig.host.traffic(connection)?.bytesIn)
  expect(rig.messages.length).toBe(1)
  expect(isFlushed).toBe(false)
  rig.gate = undefined
  resolve()
  while (rig.messages.length < 2) await rig.until('message-received', rig.events.length)
  expect(isFlushed).toBe(true)
})

test('no more than 4 requests of a peer wait for their answer', async () => {
  const { rig, peer, connection } = await metPeer()
  for (let count = 0; count < 6; count += 1) peer.send('ping', new Uint8Array(8).fill(count))
  while (rig.messages.length < 4) await rig.until('message-received', rig.events.length)
  await untilStill(() => rig.host.traffic(connection)?.bytesIn)
  expect(rig.messages.length).toBe(4)
  const [first] = rig.messages
  if (first?.type === 'ping') rig.send(connection, { type: 'pong', request: first.request })
  while (rig.messages.length < 5) await rig.until('message-received', rig.events.length)
})

test('a peer that asks for blocks and reads none is not read on', async () => {
  const block = Uint8Array.from([...chainOf(1), ...new Uint8Array(1_000_000)])
  let servedCount = 0
  const blockOf = (): Promise<Uint8Array> => {
    servedCount += 1
    return Promise.resolve(block)
  }
  const { rig, peer } = await metPeer({ blockOf })
  peer.socket.pause()
  const item = { type: INVENTORY_WITNESS_BLOCK, root: rootOf(chainOf(1)) } as const
  for (let count = 0; count < 4; count += 1) {
    peer.send('getdata', encodeInventory(Array.from({ length: 10 }, () => item)))
  }
  peer.send('ping', new Uint8Array(8))
  await untilStill(() => servedCount)
  expect(rig.messages).toEqual([])
  expect(servedCount).toBeLessThan(40)
  peer.socket.resume()
  await rig.untilMessage('ping')
  expect(servedCount).toBe(40)
})

test('more strangers than there is room for are turned away', async () => {
  const rig = await listeningRig({ forTests: { inboundConnectionsMax: 2 } })
  const stay = [await visit(rig), await visit(rig)]
  await knock(rig.port).closed
  expect(rig.events.filter(({ type }) => type === 'connection-opened').length).toBe(2)
  stay[0]?.end()
  await rig.until('connection-closed')
  await visit(rig)
})

test('a port that is taken is told in one line', async () => {
  const rig = await listeningRig()
  const { port } = rig
  await expect(HostRig.start({ listen: { host: '127.0.0.1', port } })).rejects.toThrow(
    `cannot listen on bitcoin://127.0.0.1:${port}: the port is in use`,
  )
})

test('stop ends silent connections and a dial under way, and nothing is left', async () => {
  const rig = await HostRig.start({ listen: { host: '127.0.0.1', port: 0 } })
  const peers = [await visit(rig), knock(rig.port), knock(rig.port)]
  const listener = await FakeBitcoinListener.listen()
  rig.dial(listener.address)
  const dialled = await listener.accept()
  listener.close()
  await rig.until('dial-succeeded')
  const startMs = performance.now()
  await rig.host.stop()
  expect(performance.now() - startMs).toBeLessThan(3_000)
  await Promise.all([...peers, dialled].map(({ closed }) => closed))
  const openedCount = rig.events.filter(({ type }) => type === 'connection-opened').length
  expect(rig.events.filter(({ type }) => type === 'connection-closed').length).toBe(openedCount)
  expect(rig.host.addresses).toEqual([])
})
