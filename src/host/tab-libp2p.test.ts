import net from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, IdentifyResult, Libp2p, MultiaddrConnection, Stream } from '@libp2p/interface'
import { memory } from '@libp2p/memory'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, test } from 'vitest'
import { PENDING_CONNECTIONS_MAX } from '../core/limits.ts'
import type { Libp2pCore, Libp2pParts } from './libp2p-core.ts'
import { createTabLibp2p } from './tab-libp2p.ts'

const ECHO = '/echo/1.0.0'

const stops: (() => void | Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map(async (stop) => stop()))
})

async function start(parts: Partial<Libp2pParts> = {}): Promise<Libp2pCore> {
  const tab = await createTabLibp2p({
    privateKey: await generateKeyPair('Ed25519'),
    userAgent: 'tab',
    listen: [`/memory/${crypto.randomUUID()}`],
    announce: [],
    transports: [memory()],
    encrypter: noise(),
    muxer: yamux(),
    services: [],
    ...parts,
  })
  await tab.handle(ECHO, () => {})
  await tab.start()
  stops.push(() => tab.stop())
  return tab
}

/** libp2p as it comes. */
async function startStranger(): Promise<Libp2p> {
  const stranger = await createLibp2p({
    addresses: { listen: [`/memory/${crypto.randomUUID()}`] },
    transports: [memory()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
    connectionMonitor: { enabled: false },
  })
  stops.push(() => stranger.stop())
  return stranger
}

function addressOf(libp2p: Libp2pCore): Multiaddr {
  const [address] = libp2p.getMultiaddrs()
  if (address === undefined) throw new Error('expected an address')
  return address
}

function identified(
  libp2p: Libp2pCore,
  fits: (result: IdentifyResult) => boolean = () => true,
): Promise<IdentifyResult> {
  return new Promise((resolve) => {
    libp2p.addEventListener('peer:identify', ({ detail }) => fits(detail) && resolve(detail))
  })
}

function closed(target: Pick<Connection, 'status' | 'addEventListener'>): Promise<void> {
  return new Promise((resolve) => {
    if (target.status !== 'open') resolve()
    else target.addEventListener('close', () => resolve())
  })
}

test.each(['dials', 'is dialled'])('a stock libp2p that %s learns who we are and what we speak', async (direction) => {
  const listen = direction === 'dials' ? [`/memory/${crypto.randomUUID()}`] : []
  const [tab, stranger] = await Promise.all([start({ listen }), startStranger()])
  const learnt = [identified(stranger), identified(tab)] as const
  const from: Libp2pCore = direction === 'dials' ? stranger : tab
  const to: Libp2pCore = direction === 'dials' ? tab : stranger
  await from.dial(addressOf(to))
  const [ofTab, ofStranger] = await Promise.all(learnt)
  expect(ofTab).toMatchObject({ agentVersion: 'tab', protocols: [ECHO, '/ipfs/id/1.0.0'] })
  expect(ofTab.peerId.equals(tab.peerId)).toBe(true)
  expect(ofStranger.protocols).toEqual(['/ipfs/id/1.0.0'])
  expect(ofStranger.peerId.equals(stranger.peerId)).toBe(true)
})

test('over a limited connection only a protocol that asks for it opens a stream, and a dial makes a better one', async () => {
  const upgraderOptions = { limits: { bytes: 1_000_000n }, signal: new AbortController().signal }
  const [tab, relayed] = await Promise.all([start(), start({ transports: [memory({ upgraderOptions })] })])
  const accepted: string[] = []
  const accept = ({ protocol }: Stream): void => void accepted.push(protocol)
  await relayed.handle('/signals/1', accept, { runOnLimitedConnection: true })
  await relayed.handle('/data/1', accept)
  const told = identified(relayed)
  // The side that dials knows of no limit, so it tries; the side that is dialled refuses.
  const dialled = await tab.dial(addressOf(relayed))
  await (await told).connection.newStream(ECHO).then(
    () => expect.unreachable(),
    (error: Error) => expect(error.name).toBe('LimitedConnectionError'),
  )
  await closed(await dialled.newStream('/data/1'))
  await dialled.newStream('/signals/1')
  await (await told).connection.newStream(ECHO, { runOnLimitedConnection: true })
  expect(accepted).toEqual(['/signals/1'])
  expect(await relayed.dial(addressOf(tab))).not.toBe((await told).connection)
})

test('of one protocol a connection carries as many streams as its handler allows, both ways', async () => {
  const [tab, stranger] = await Promise.all([start(), startStranger()])
  await tab.handle('/few/1', () => {}, { maxInboundStreams: 2, maxOutboundStreams: 1 })
  await stranger.handle('/few/1', () => {})
  const there = await stranger.dial(addressOf(tab))
  const streams = [await there.newStream('/few/1'), await there.newStream('/few/1')]
  await closed(await there.newStream('/few/1'))
  expect(streams.map(({ status }) => status)).toEqual(['open', 'open'])
  const [back] = tab.getConnections()
  await back?.newStream('/few/1')
  await expect(back?.newStream('/few/1')).rejects.toMatchObject({ name: 'TooManyOutboundProtocolStreamsError' })
  await expect(back?.newStream('/none/1')).rejects.toMatchObject({ name: 'UnsupportedProtocolError' })
})

test('a peer that is connected is not dialled again, and none is dialled by its name alone', async () => {
  const [tab, other] = await Promise.all([start(), start()])
  const first = await tab.dial(addressOf(other))
  expect(await tab.dial(addressOf(other))).toBe(first)
  await expect((tab as Libp2p).dial(other.peerId)).rejects.toThrow('none are remembered')
})

test('an address that no transport of ours can dial is refused in words', async () => {
  const tab = await start()
  const dnsaddr = multiaddr('/dnsaddr/bootstrap.libp2p.io')
  await expect(tab.dial(dnsaddr)).rejects.toMatchObject({
    failure: 'undialable',
    message: '/dnsaddr/bootstrap.libp2p.io must be looked up, which this platform cannot do',
  })
  await expect(tab.dial(multiaddr('/ip4/127.0.0.1/tcp/1'))).rejects.toMatchObject({ failure: 'undialable' })
  await expect(start({ listen: ['/ip4/127.0.0.1/tcp/0'] })).rejects.toThrow(/can listen on \/ip4\/127\.0\.0\.1\/tcp\/0/)
})

test('a transport that ignores the signal does not hold up a dial, and what it brings after a stop is ended', async () => {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  let tell: (raw: MultiaddrConnection) => void = () => {}
  const late = new Promise<MultiaddrConnection>((resolve) => (tell = resolve))
  const { signal } = new AbortController()
  const slow: Libp2pParts['transports'][number] = (components) => {
    const { upgrader } = components
    const upgradeOutbound: typeof upgrader.upgradeOutbound = (raw: MultiaddrConnection) => {
      tell(raw)
      return upgrader.upgradeOutbound(raw, { signal })
    }
    const transport = memory()(components)
    const dial = transport.dial.bind(transport)
    transport.dial = async (address) => {
      await held
      return dial(address, { signal, upgrader: Object.assign(Object.create(upgrader), { upgradeOutbound }) })
    }
    return transport
  }
  const [tab, other] = await Promise.all([start({ transports: [slow] }), start()])
  const giveUp = new AbortController()
  const dial = tab.dial(addressOf(other), { signal: giveUp.signal })
  giveUp.abort(new Error('given up'))
  await expect(dial).rejects.toThrow('given up')
  await tab.stop()
  release()
  await closed(await late)
  expect(tab.getConnections()).toEqual([])
})

test('stop ends an upgrade that is under way', async () => {
  const { signal } = new AbortController()
  let upgrade: Promise<void> | undefined
  let tell: (raw: MultiaddrConnection) => void = () => {}
  const begun = new Promise<MultiaddrConnection>((resolve) => (tell = resolve))
  const mistaken: Libp2pParts['transports'][number] = (components) => {
    const { upgrader } = components
    // Now both wait for the other one to begin.
    const upgradeOutbound: typeof upgrader.upgradeOutbound = async (raw: MultiaddrConnection) => {
      upgrade = upgrader.upgradeInbound(raw, { signal })
      tell(raw)
      return new Promise(() => {})
    }
    const transport = memory()(components)
    const dial = transport.dial.bind(transport)
    transport.dial = (address) =>
      dial(address, { signal, upgrader: Object.assign(Object.create(upgrader), { upgradeOutbound }) })
    return transport
  }
  const [tab, other] = await Promise.all([start({ transports: [mistaken] }), start()])
  const dial = tab.dial(addressOf(other))
  const raw = await begun
  await Promise.all([expect(upgrade).rejects.toThrow('stopped'), expect(dial).rejects.toThrow('stopped'), tab.stop()])
  expect(raw.status).toBe('aborted')
})

test('of connections that say nothing one too many is refused, and stop ends the others at once', async () => {
  const tab = await start({ transports: [tcp()], listen: ['/ip4/127.0.0.1/tcp/0'] })
  const port = Number(addressOf(tab).getComponents()[1]?.value)
  let endedCount = 0
  const ends = Array.from({ length: PENDING_CONNECTIONS_MAX + 1 }, async () => {
    const socket = net.connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    // What noise and multistream would say is read, so that an end is seen.
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    endedCount++
  })
  await Promise.race(ends)
  expect(endedCount).toBe(1)
  await tab.stop()
  await Promise.all(ends)
})

test('stop closes what is open, tells of it, and leaves nothing that could open again', async () => {
  const [tab, other] = await Promise.all([start(), start()])
  const connection = await tab.dial(addressOf(other))
  const stream = await connection.newStream(ECHO)
  stream.pause()
  const told: Connection[] = []
  tab.addEventListener('connection:close', ({ detail }) => told.push(detail))
  await tab.stop()
  expect(told).toEqual([connection])
  expect([connection.status, tab.status]).not.toContain('open')
  expect(tab.getConnections()).toEqual([])
  await expect(tab.dial(addressOf(other))).rejects.toMatchObject({ name: 'NotStartedError' })
})

test('a connection that is being closed is no answer to a dial', async () => {
  const [tab, silent] = await Promise.all([start(), start()])
  await silent.handle('/silent/1', () => {})
  const dying = await tab.dial(addressOf(silent))
  // A stream whose remote says nothing holds up a close.
  await dying.newStream('/silent/1')
  const cut = new AbortController()
  const ended = dying.close({ signal: cut.signal }).catch(() => {})
  expect(dying.status).toBe('closing')
  expect(await tab.dial(addressOf(silent))).not.toBe(dying)
  cut.abort(new Error('long enough'))
  await ended
})
