import type { Listener, PeerId } from '@libp2p/interface'
import { webRTCDirect as libraryWebRtcDirect } from '@libp2p/webrtc'
import { PeerConnection } from 'node-datachannel'
import { openStunPort } from './stun-ports.nodejs.ts'

// The build puts the package's code here: it depends on react-native, which nobody who installs us should get.
export { webRTC } from '@libp2p/webrtc'
export { isIdleStunPort } from './stun-ports.nodejs.ts'

/**
 * RFC 8445, section 5.3: the ufrag is the password too, and with any other the native part ends the process. The library looks
 * at it again, when it has made a connection for it.
 */
const ICE_PASSWORD = /^[a-zA-Z0-9+/]{22,256}$/

type WebRtcDirect = ReturnType<typeof libraryWebRtcDirect>

/** The inside of @libp2p/webrtc 6.0's listener, as far as it is used here. Undocumented: the version is pinned, and tests hold it. */
interface MuxListener extends Listener {
  readonly shutdownController: AbortController
  startUDPMuxServer(host: string, port: number, family: 4 | 6): unknown
  incomingConnection(ufrag: string, host: string, port: number, signal: AbortSignal): Promise<void>
}

/** The library's transport; its listeners use ports that stay open when they stop (`stun-ports.nodejs.ts`). */
export function webRTCDirect(options: Parameters<typeof libraryWebRtcDirect>[0]): WebRtcDirect {
  const create = libraryWebRtcDirect(options)
  return (components) => {
    const transport = create(components)
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (listenerOptions) => {
      const listener = createListener(listenerOptions) as MuxListener
      listener.startUDPMuxServer = (host, port, family) => ({
        owner: listener,
        peerId: components.peerId satisfies PeerId,
        port,
        isIPv4: family === 4,
        isIPv6: family === 6,
        server: startMux({ listener, components, host, port }),
      })
      return listener
    }
    return transport
  }
}

async function startMux(args: {
  readonly listener: MuxListener
  readonly components: Parameters<WebRtcDirect>[0]
  readonly host: string
  readonly port: number
}): Promise<unknown> {
  const { listener, components, host } = args
  const opened = await openStunPort(host, args.port, (request) => {
    if (!ICE_PASSWORD.test(request.ufrag)) return
    const signal = components.upgrader.createInboundAbortSignal(listener.shutdownController.signal)
    listener
      .incomingConnection(request.ufrag, request.host, request.port, signal)
      .catch(() => {}) // a stranger who did not get through; the library has closed what there was
      .finally(() => signal.clear())
  })
  return {
    close: async () => opened.release(),
    address: () => ({ address: host, family: host.includes(':') ? 'IPv6' : 'IPv4', port: opened.port }),
  }
}

/**
 * Until its first connection prepares itself the native part prints a line on stdout for whatever datagram it cannot read, so
 * that any stranger could fill a disk. This one goes nowhere; it takes 10 ms.
 */
export function silenceWebRtc(): void {
  const connection = new PeerConnection('silence', {
    iceServers: [],
    disableAutoNegotiation: true,
    disableAutoGathering: true,
  })
  connection.createDataChannel('')
  connection.setLocalDescription('offer')
  connection.close()
}
