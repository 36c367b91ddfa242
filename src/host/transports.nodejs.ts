import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { Server as NetServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import type { Listener, Transport } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import type { CertificateStorage } from './certificate-rotation.nodejs.ts'
import { webRtcDirectRoad, webRtcRoad, webTransportRoad, type RoadParts, type RtcConfiguration } from './lazy-roads.ts'
import { lazyTransport, type LazyRoad } from './lazy-transport.ts'
import type { Libp2pParts, Libp2pTransports } from './libp2p-core.ts'
import { relayTransport } from './relay-transport.ts'

/** A browser's request is here at once; a connection that says nothing, or stops half way, is let go after this. */
const HTTP_IDLE_TIMEOUT_MS = 30_000

/** Noise seals at most 65,535 bytes at once, and each goes out as a message; ws itself would collect 100 MiB of one. */
const WEBSOCKET_MESSAGE_BYTES_MAX: number = 1024 * 1024

/** More than a gateway has peers: a tab that is gone keeps its place until its time is up. */
const RESERVATIONS_MAX = 1_024
/** A tab renews its place at half time. */
const RESERVATION_LIFETIME_MS = 600_000
/** An offer, an answer and their candidates take 10 kB; noise and identify as much again. */
const RELAY_BYTES_MAX: number = 128 * 1024
const RELAY_DURATION_MS_MAX = 60_000
/** Calls that one peer makes or renews at the same time. */
const RELAY_STREAMS_PER_PEER_MAX = 16

export type NodejsTransportName = 'tcp' | 'websockets' | 'webrtc-direct' | 'webtransport' | 'webrtc'

export const NODEJS_TRANSPORTS: readonly NodejsTransportName[] = [
  'tcp',
  'websockets',
  'webrtc-direct',
  'webtransport',
  'webrtc',
]

export interface NodejsTransportsOptions {
  /** Which to use. Default: all. */
  readonly transports?: readonly NodejsTransportName[]
  /** For WebRTC; no server is contacted unless it is named here. */
  readonly rtcConfiguration?: RtcConfiguration | undefined
  /** Of the WebTransport listener; where none is given a restart breaks the addresses that were given out. */
  readonly certificates?: CertificateStorage
  /** Told the port of each WebSocket listener once it listens. */
  readonly onListening?: (port: number) => void
  /**
   * Answers plain HTTP on the WebSocket listener's port, so that one port serves page, API and peers without a proxy.
   * Without it every plain request gets 400.
   */
  readonly httpRequestHandler?: RequestListener
  /** Asked before each WebSocket upgrade; false answers 421 and ends the connection. */
  readonly allowUpgrade?: (request: IncomingMessage) => boolean
}

/**
 * To dial and to listen. Every WebSocket listener serves HTTP with the same options. WebRTC loads when it is first used,
 * and fails that dial or that listener where its native part does not load.
 */
export function nodejsTransports(options: NodejsTransportsOptions = {}): Libp2pTransports {
  const { transports = NODEJS_TRANSPORTS, certificates = createMemoryCertificates() } = options
  const parts: RoadParts = {
    loadWebRtc: () => import('./webrtc.nodejs.ts'),
    rtcConfiguration: options.rtcConfiguration,
    canListenDirect: true,
  }
  const byName: Readonly<Record<NodejsTransportName, () => Libp2pTransports>> = {
    tcp: () => [tcp()],
    websockets: () => [sharedWebSockets(options)],
    'webrtc-direct': () => [lazyTransport(webRtcDirectRoad(parts))],
    webtransport: () => [
      lazyTransport(webTransportRoad({ canListen: true, load: () => loadWebTransport(certificates) })),
    ],
    webrtc: () => [lazyTransport(webRtcRoad(parts)), relayTransport()],
  }
  return transports.flatMap((name) => byName[name]())
}

/**
 * What a gateway listens on besides WebSockets and TCP, on UDP: WebTransport on `port` and WebRTC-Direct on any free one. What
 * cannot load, or not listen on this host, is a line in `missing`, and the rest goes on.
 */
export async function gatewayRoads(args: { readonly host: string; readonly port: number }): Promise<{
  readonly listen: readonly string[]
  readonly missing: readonly string[]
}> {
  const { host, port } = args
  const isIp4 = !host.includes(':')
  const listen: string[] = []
  const missing: string[] = []
  const add = async (name: string, address: string, load: () => Promise<unknown>): Promise<void> => {
    try {
      await load()
      listen.push(address)
    } catch (error) {
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
      missing.push(`not listening for ${name}: ${reason}`)
    }
  }
  await add('WebTransport', `/ip4/${host}/udp/${port}/quic-v1/webtransport`, async () => {
    if (!isIp4) throw new Error(`its addon binds IPv4 only, not ${host}`)
    await (await import('./webtransport-addon.nodejs.ts')).loadWebTransportAddon()
  })
  await add('WebRTC', `/${isIp4 ? 'ip4' : 'ip6'}/${host}/udp/0/webrtc-direct`, () => import('./webrtc.nodejs.ts'))
  return { listen, missing }
}

async function loadWebTransport(storage: CertificateStorage): ReturnType<LazyRoad['load']> {
  const module = await import('./webtransport.nodejs.ts')
  return module.loadWebTransport(storage)
}

function createMemoryCertificates(): CertificateStorage {
  let stored: string | undefined
  return {
    read: async () => stored,
    write: async (text) => {
      stored = text
    },
  }
}

/**
 * For a gateway: tabs leave word with it for each other. It forwards `RELAY_BYTES_MAX` for a minute at most, enough for the
 * signals of WebRTC and for nothing else. Takes the services of the host.
 */
export function relayServer(): Libp2pParts['services'][number] {
  return circuitRelayServer({
    maxInboundHopStreams: RELAY_STREAMS_PER_PEER_MAX,
    reservations: {
      maxReservations: RESERVATIONS_MAX,
      reservationTtl: RESERVATION_LIFETIME_MS,
      defaultDurationLimit: RELAY_DURATION_MS_MAX,
      defaultDataLimit: BigInt(RELAY_BYTES_MAX),
    },
  })
}

function sharedWebSockets(options: NodejsTransportsOptions): Libp2pTransports[number] {
  const makeWebSockets = webSockets()
  return (components) => {
    const transport: Transport = makeWebSockets(components)
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (listenerOptions) => {
      const listener = createListener(listenerOptions)
      shareListener(listener as SharedListener, options)
      return listener
    }
    return transport
  }
}

/** What @libp2p/websockets 10.1 calls by name when it starts to listen. Undocumented: the version is pinned and a test holds it. */
interface SharedListener extends Listener {
  readonly server: NetServer
  readonly http?: Server
  httpRequestHandler: RequestListener
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  readonly wsServer: { readonly options: { maxPayload: number } }
  onWsServerConnection(webSocket: AcceptedWebSocket, request: IncomingMessage): void
}

/** As much of ws' WebSocket as is needed here. */
interface AcceptedWebSocket {
  on(event: 'error', listener: () => void): void
  terminate(): void
}

function shareListener(listener: SharedListener, options: NodejsTransportsOptions): void {
  const upgrade = listener.onUpgrade.bind(listener)
  const close = listener.close.bind(listener)
  // The listener knows a socket from its first byte on only, and would wait for a silent one for ever when it closes.
  const sockets = new Set<Socket>()
  listener.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setTimeout(HTTP_IDLE_TIMEOUT_MS, () => socket.destroy())
  })
  listener.server.on('listening', () => {
    const address = listener.server.address()
    if (address !== null && typeof address === 'object') options.onListening?.(address.port)
  })
  if (options.httpRequestHandler !== undefined) listener.httpRequestHandler = options.httpRequestHandler
  listener.onUpgrade = (request, socket, head) => {
    if (options.allowUpgrade?.(request) === false) {
      socket.end('HTTP/1.1 421 Misdirected Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    request.socket.setTimeout(0)
    upgrade(request, socket, head)
  }
  listener.wsServer.options.maxPayload = WEBSOCKET_MESSAGE_BYTES_MAX
  const acceptWebSocket = listener.onWsServerConnection.bind(listener)
  listener.onWsServerConnection = (webSocket, request) => {
    // The listener does not listen for errors, and one that nobody listens for ends the process: a bad frame would do.
    webSocket.on('error', () => webSocket.terminate())
    acceptWebSocket(webSocket, request)
  }
  listener.close = async () => {
    const closed = close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
}
