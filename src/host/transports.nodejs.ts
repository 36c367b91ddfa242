import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { Server as NetServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { circuitRelayServer, type CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Listener, Transport } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import type { CertificateStorage } from './certificate-rotation.nodejs.ts'
import { webRtcDirectRoad, webRtcRoad, webTransportRoad, type RoadParts, type RtcConfiguration } from './lazy-roads.ts'
import { joinedWebSockets } from './joined-websockets.ts'
import { lazyTransport, type LazyRoad } from './lazy-transport.ts'
import type { Libp2pComponents, Libp2pTransports } from './libp2p-core.ts'
import { relayTransport } from './relay-transport.ts'
import { NODEJS_TRANSPORTS, type NodejsTransportName } from './transport-names.nodejs.ts'

/** A browser's request is here at once; a connection that says nothing, or stops half way, is let go after this. */
const HTTP_IDLE_TIMEOUT_MS = 30_000

/** Noise seals at most 65,535 bytes at once, and each goes out as a message; ws itself would collect 100 MiB of one. */
const WEBSOCKET_MESSAGE_BYTES_MAX: number = 1024 * 1024

/** Places for tabs: more than a gateway has peers, and each ends with its peer's last connection. */
const RESERVATIONS_MAX = 1_024
/** A tab renews its place at half time. */
const RESERVATION_LIFETIME_MS = 600_000
/** An offer, an answer and their candidates take 10 kB; noise and identify as much again. */
const RELAY_BYTES_MAX: number = 128 * 1024
const RELAY_DURATION_MS_MAX = 60_000
/** Calls that one peer makes or renews at the same time. */
const RELAY_STREAMS_PER_PEER_MAX = 16

/** Of the listeners that addresses name a certificate of, one for each road. */
export type CertificateStorageOf = (road: 'webtransport' | 'webrtc-direct') => CertificateStorage

export interface NodejsTransportsOptions {
  /** Which to use. Default: all. */
  readonly transports?: readonly NodejsTransportName[]
  /** For WebRTC; no server is contacted unless it is named here. */
  readonly rtcConfiguration?: RtcConfiguration | undefined
  /** Where none is given, a restart breaks the addresses that were given out. */
  readonly certificateStorage?: CertificateStorageOf
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
  const { transports = NODEJS_TRANSPORTS, certificateStorage = createMemoryCertificates } = options
  const parts: RoadParts = {
    loadWebRtc: () => loadWebRtc(certificateStorage('webrtc-direct')),
    rtcConfiguration: options.rtcConfiguration,
    canListenDirect: true,
  }
  const byName: Readonly<Record<NodejsTransportName, () => Libp2pTransports>> = {
    tcp: () => [tcp()],
    websockets: () => [sharedWebSockets(options)],
    'webrtc-direct': () => [lazyTransport(webRtcDirectRoad(parts))],
    webtransport: () => [
      lazyTransport(
        webTransportRoad({ canListen: true, load: () => loadWebTransport(certificateStorage('webtransport')) }),
      ),
    ],
    webrtc: () => [lazyTransport(webRtcRoad(parts)), relayTransport()],
  }
  return transports.flatMap((name) => byName[name]())
}

/** Without a word of its own, and with a certificate that outlives the process. */
async function loadWebRtc(storage: CertificateStorage): ReturnType<RoadParts['loadWebRtc']> {
  const [module, { webRtcCertificate }] = await Promise.all([
    import('./webrtc.nodejs.ts'),
    import('./webrtc-certificate.nodejs.ts'),
  ])
  module.silenceWebRtc()
  const certificate = await webRtcCertificate(storage, Date.now())
  return { ...module, webRTCDirect: (options) => module.webRTCDirect({ ...options, certificate }) }
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
export function relayServer(): (components: Libp2pComponents) => CircuitRelayService {
  const createRelay = circuitRelayServer({
    maxInboundHopStreams: RELAY_STREAMS_PER_PEER_MAX,
    reservations: {
      maxReservations: RESERVATIONS_MAX,
      reservationTtl: RESERVATION_LIFETIME_MS,
      defaultDurationLimit: RELAY_DURATION_MS_MAX,
      defaultDataLimit: BigInt(RELAY_BYTES_MAX),
    },
  })
  return (components) => {
    const relay = createRelay(components)
    // A tab that is gone would keep its place until its time is up: a crowd that reloads would fill all of them.
    components.events.addEventListener('peer:disconnect', ({ detail: peer }) => {
      // Its clock would end the place that the peer takes when it is back.
      relay.reservations.get(peer)?.signal.clear()
      relay.reservations.delete(peer)
    })
    return relay
  }
}

function sharedWebSockets(options: NodejsTransportsOptions): Libp2pTransports[number] {
  const makeWebSockets = joinedWebSockets(webSockets())
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
