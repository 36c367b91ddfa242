/** Whom a host dials when nobody says whom: DNS seeds, addresses heard of, addresses kept. All of it on loopback. */
import { afterEach, expect, test } from 'vitest'
import { PayloadWriter } from '../../src/wire/bitcoin/payload.ts'
import { FakeBitcoinListener, HostRig, visit } from './bitcoin-fake-peer.ts'

const rigs: HostRig[] = []
const listeners: FakeBitcoinListener[] = []
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.host.stop()
  for (const listener of listeners.splice(0)) listener.close()
})

/** Every address of loopback, on one port: 127.0.x.y and 127.1.x.y are two network groups. */
async function listenEverywhere(): Promise<FakeBitcoinListener> {
  const listener = await FakeBitcoinListener.listen('0.0.0.0')
  listeners.push(listener)
  return listener
}

interface Seeded {
  readonly rig: HostRig
  readonly asked: string[]
  readonly saved: () => readonly string[]
}

async function seededRig(
  port: number,
  seeds: Readonly<Record<string, readonly string[]>>,
  savedAddresses: readonly string[] = [],
): Promise<Seeded> {
  const asked: string[] = []
  let saved: readonly string[] = []
  const rig = await HostRig.start({
    listen: { host: '127.0.0.1', port: 0 },
    savedAddresses,
    saveAddresses: (lines) => (saved = lines),
    forTests: {
      allowsPrivate: true,
      defaultPort: port,
      dnsSeeds: Object.keys(seeds),
      resolveName: (name) => {
        asked.push(name)
        const hosts = seeds[name] ?? []
        return hosts.length === 0 ? Promise.reject(new Error('no such name')) : Promise.resolve(hosts)
      },
    },
  })
  rigs.push(rig)
  return { rig, asked, saved: () => saved }
}

/** The payload of an addrv2 with IPv4 addresses, each four bytes and a port. */
function addressesOf(...entries: readonly (readonly [number, number, number, number, number])[]): Uint8Array {
  const writer = new PayloadWriter().compactSize(entries.length)
  for (const [a, b, c, d, port] of entries) {
    const address = Uint8Array.of(a, b, c, d)
    writer
      .uint32(1_700_000_000)
      .compactSize(9)
      .uint8(1)
      .compactSize(4)
      .bytes(address)
      .uint8(port >> 8)
      .uint8(port)
  }
  return writer.finish()
}

test('the DNS seeds name peers, of each network group one is dialled, and who was good is kept', async () => {
  const listener = await listenEverywhere()
  const seeds = { 'a.example': ['127.0.0.1', '127.0.0.2'], 'b.example': [], 'c.example': ['127.1.0.1'] }
  const { rig, asked, saved } = await seededRig(listener.port, seeds)
  for (const slot of [1, 2, 3]) rig.dial(`bitcoin://any/${slot}`)
  const peers = [await listener.accept(), await listener.accept()]
  const groups = peers.map(({ socket }) => socket.localAddress?.split('.', 2).join('.'))
  expect(new Set(groups)).toEqual(new Set(['127.0', '127.1']))
  expect(await rig.until('dial-failed')).toMatchObject({
    failure: 'unreachable',
    detail: 'no Bitcoin peer to try now: those that are known are taken, or failed just now',
  })
  // Asked once, for all three.
  expect(asked).toEqual(Object.keys(seeds))
  for (const peer of peers) await peer.answerHandshake()
  const first = await rig.until('handshake-answered')
  await rig.until('handshake-answered', rig.events.indexOf(first) + 1)
  const addresses = peers.map(({ socket }) => `${socket.localAddress}:${listener.port}`)
  expect(new Set(saved())).toEqual(new Set(addresses))
})

test('addresses that were kept are tried before any seed is asked', async () => {
  const listener = await listenEverywhere()
  const { rig, asked } = await seededRig(listener.port, { 'a.example': ['127.1.0.1'] }, [
    `127.2.0.1:${listener.port}`,
    'nonsense',
  ])
  rig.dial('bitcoin://any/1')
  expect((await listener.accept()).socket.localAddress).toBe('127.2.0.1')
  expect(asked).toEqual([])
})

test('a peer tells of others, which are dialled next', async () => {
  const listener = await listenEverywhere()
  const { rig } = await seededRig(listener.port, { 'a.example': ['127.0.0.1'] })
  rig.dial('bitcoin://any/1')
  const peer = await listener.accept()
  await peer.answerHandshake()
  await peer.receive('getaddr')
  peer.send('addrv2', addressesOf([127, 3, 0, 1, listener.port], [127, 4, 0, 1, 22]))
  peer.send('ping', new Uint8Array(8))
  await rig.untilMessage('ping')
  rig.dial('bitcoin://any/2')
  expect((await listener.accept()).socket.localAddress).toBe('127.3.0.1')
  // Nobody sends us to another protocol's port.
  rig.dial('bitcoin://any/3')
  expect((await rig.until('dial-failed')).detail).toBe(
    'no Bitcoin peer to try now: those that are known are taken, or failed just now',
  )
})

test('a stranger who dialled us tells us of nobody', async () => {
  const listener = await listenEverywhere()
  const { rig } = await seededRig(listener.port, {})
  const stranger = await visit(rig)
  stranger.send('addrv2', addressesOf([127, 3, 0, 1, listener.port]))
  stranger.send('ping', new Uint8Array(8))
  await rig.untilMessage('ping')
  rig.dial('bitcoin://any/1')
  expect((await rig.until('dial-failed')).detail).toBe('no Bitcoin peer to try now: no DNS seed answered')
})

test('an address that does not answer gives way to the next one in the same dial', async () => {
  const listener = await listenEverywhere()
  const closed = await FakeBitcoinListener.listen()
  const closedPort = closed.port
  closed.close()
  const { rig } = await seededRig(listener.port, { 'a.example': ['127.1.0.1'] }, [`127.0.0.1:${closedPort}`])
  rig.dial('bitcoin://any/1')
  expect((await listener.accept()).socket.localAddress).toBe('127.1.0.1')
  await rig.until('dial-succeeded')
})

test('a peer that leaves before its handshake is done is left alone for a while', async () => {
  const listener = await listenEverywhere()
  const { rig } = await seededRig(listener.port, { 'a.example': ['127.0.0.1'] })
  rig.dial('bitcoin://any/1')
  const peer = await listener.accept()
  peer.end()
  await rig.until('connection-closed')
  rig.dial('bitcoin://any/1')
  expect((await rig.until('dial-failed')).detail).toBe(
    'no Bitcoin peer to try now: those that are known are taken, or failed just now',
  )
})

test('seeds that do not answer end with the dial', async () => {
  const rig = await HostRig.start({ forTests: { dnsSeeds: ['a.example'], resolveName: () => new Promise(() => {}) } })
  rigs.push(rig)
  rig.dial('bitcoin://any/1', 20)
  expect(await rig.until('dial-failed')).toMatchObject({
    failure: 'timeout',
    detail: 'no answer from bitcoin://any/1 within 0.02 s',
  })
})
