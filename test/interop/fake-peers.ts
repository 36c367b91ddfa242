/** Peers that connect, get as far as they like and vanish without a word. */
import net from 'node:net'
import { noise } from '@libp2p/noise'
import type { Connection } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { bitcoin } from '../../src/bitcoin.ts'
import { toRequestId, toRoot } from '../../src/core/ids.ts'
import { abortConnection } from '../../src/host/abort-connection.ts'
import { HANDSHAKE_PROTOCOL } from '../../src/host/handshakes.ts'
import { SYNC_PROTOCOL } from '../../src/host/sync-link.ts'
import { encodeFrame } from '../../src/wire/frame.ts'
import { encodeNodeInfo } from '../../src/wire/node-info.ts'
import { encodeSyncMessage } from '../../src/wire/sync-message.ts'
import { plainNoise } from './plain-noise.ts'

/** Where the victim listens: each address is a multiaddr with a port of loopback. */
export interface Victim {
  readonly tcp: string
  readonly websockets: string
}

export interface FakePeer {
  /** At once, without a word. */
  readonly vanish: () => Promise<void>
  /** Resolves when the victim has let go of it. */
  readonly dropped: Promise<void>
}

export interface Way {
  readonly name: string
  /** Its handshake is answered, so the victim calls it ready. */
  readonly isReady: boolean
  /** Resolves once it is there; rejects when it cannot get there. */
  readonly go: (victim: Victim, transport: keyof Victim) => Promise<FakePeer>
}

const PATIENCE_MS = 60_000
const CHAIN = bitcoin('regtest')

/** It claims more work than anybody has, so everybody wants its headers. */
const HANDSHAKE: Uint8Array = encodeFrame(
  encodeNodeInfo({
    chain: CHAIN.id,
    genesis: CHAIN.genesis,
    head: { height: 100_000, root: toRoot('0a'.repeat(32)), work: 2n ** 80n },
    serves: ['headers', 'ancestors'],
    agent: 'fake/1',
  }),
)
const REQUEST: Uint8Array = encodeFrame(
  encodeSyncMessage({
    type: 'get-headers',
    request: toRequestId(1),
    locator: [CHAIN.genesis],
    stop: undefined,
    countMax: 2_016,
  }),
)

export const WAYS: readonly Way[] = [
  { name: 'connects and says nothing', isReady: false, go: (victim, transport) => rawSocket(victim[transport]) },
  { name: 'stops in the middle of noise', isReady: false, go: ({ tcp }) => rawSocket(tcp, HALF_NOISE, '/noise\n') },
  {
    name: 'stops in the middle of an upgrade',
    isReady: false,
    go: ({ websockets }) => rawSocket(websockets, HALF_UPGRADE),
  },
  {
    name: 'stops after noise',
    isReady: false,
    go: (victim, transport) => libp2pPeer(victim[transport], { hasMuxer: false }),
  },
  { name: 'connects and asks nothing', isReady: false, go: (victim, transport) => libp2pPeer(victim[transport]) },
  {
    name: 'opens a handshake and stalls',
    isReady: false,
    go: (victim, transport) => libp2pPeer(victim[transport], { act: openHandshake }),
  },
  {
    name: 'sends half a handshake',
    isReady: false,
    go: (victim, transport) => libp2pPeer(victim[transport], { act: halfAHandshake }),
  },
  {
    name: 'sends half a request first',
    isReady: false,
    go: (victim, transport) => libp2pPeer(victim[transport], { act: halfARequest }),
  },
  { name: 'is ready', isReady: true, go: (victim, transport) => libp2pPeer(victim[transport], { act: shakeHands }) },
  {
    name: 'is ready, and stops in the middle of a request',
    isReady: true,
    go: (victim, transport) =>
      libp2pPeer(victim[transport], {
        act: async (connection) => {
          await shakeHands(connection)
          await halfARequest(connection)
        },
      }),
  },
]

/** Multistream's greeting and choice, then ten of the 32 bytes that open noise (two bytes of length go before). */
const HALF_NOISE: Uint8Array = Uint8Array.from([
  ...new TextEncoder().encode('\x13/multistream/1.0.0\n\x07/noise\n'),
  ...[0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
])
const HALF_UPGRADE: Uint8Array = new TextEncoder().encode('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgr')

/** Resolves once connected, or once it was answered with `until`. */
function rawSocket(address: string, bytes?: Uint8Array, until?: string): Promise<FakePeer> {
  const port = Number(address.split('/')[4])
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port })
    const dropped = new Promise<void>((resolveDropped) => socket.once('close', () => resolveDropped()))
    const there = (): void =>
      resolve({
        dropped,
        vanish: async () => {
          socket.resetAndDestroy()
          await dropped
        },
      })
    socket.once('error', reject)
    socket.once('connect', () => {
      if (bytes !== undefined) socket.write(bytes)
      if (until === undefined) there()
    })
    let heard = ''
    socket.on('data', (data) => {
      heard += data.toString('latin1')
      if (until !== undefined && heard.includes(until)) there()
    })
  })
}

/** A libp2p of its own, so another peer each time. */
async function libp2pPeer(
  address: string,
  {
    hasMuxer = true,
    act,
  }: { readonly hasMuxer?: boolean; readonly act?: (connection: Connection) => Promise<void> } = {},
): Promise<FakePeer> {
  const libp2p = await createLibp2p({
    transports: [tcp(), webSockets()],
    connectionEncrypters: [hasMuxer ? noise() : plainNoise],
    streamMuxers: hasMuxer ? [yamux()] : [],
    connectionMonitor: { enabled: false },
    // How long a crowd takes is the machine's affair; it is the victim's deadlines that count.
    connectionManager: {
      addressDialTimeout: PATIENCE_MS,
      dialTimeout: PATIENCE_MS,
      outboundStreamProtocolNegotiationTimeout: PATIENCE_MS,
    },
  })
  // Takes requests and answers none.
  await libp2p.handle(SYNC_PROTOCOL, () => {})
  try {
    const connection = await libp2p.dial(multiaddr(address))
    const dropped = new Promise<void>((resolve) => connection.addEventListener('close', () => resolve()))
    await act?.(connection)
    return {
      dropped,
      vanish: async () => {
        abortConnection(connection, new Error('vanished'))
        await libp2p.stop()
      },
    }
  } catch (error) {
    await libp2p.stop()
    throw error
  }
}

async function openHandshake(connection: Connection): Promise<void> {
  await connection.newStream(HANDSHAKE_PROTOCOL)
}

async function halfAHandshake(connection: Connection): Promise<void> {
  const stream = await connection.newStream(HANDSHAKE_PROTOCOL)
  stream.send(HANDSHAKE.subarray(0, HANDSHAKE.length / 2))
}

async function halfARequest(connection: Connection): Promise<void> {
  const stream = await connection.newStream(SYNC_PROTOCOL)
  stream.send(REQUEST.subarray(0, REQUEST.length / 2))
}

async function shakeHands(connection: Connection): Promise<void> {
  const stream = await connection.newStream(HANDSHAKE_PROTOCOL)
  const answered = new Promise<void>((resolve, reject) => {
    stream.addEventListener('message', () => resolve())
    stream.addEventListener('close', () => reject(new Error('the handshake got no answer')))
  })
  stream.send(HANDSHAKE)
  await answered
}
