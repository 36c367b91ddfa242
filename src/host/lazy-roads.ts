import type { Listener } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { LazyRoad } from './lazy-transport.ts'
import type { Libp2pComponents } from './libp2p-core.ts'
import { parseWebTransport } from './webtransport-address.ts'

/** As much of `RTCConfiguration` as tabs and Node.js share. */
export interface RtcConfiguration {
  readonly iceServers?: readonly unknown[]
}

type WebRtcModule = typeof import('./webrtc.browser.ts')

/** Of one platform: how each part is loaded, and whether it may listen. */
export interface RoadParts {
  readonly loadWebRtc: () => Promise<WebRtcModule>
  readonly rtcConfiguration: RtcConfiguration | undefined
  readonly canListenDirect: boolean
}

/** To a gateway, without a certificate that an authority signed: its hash is in the address. */
export function webRtcDirectRoad(parts: RoadParts): LazyRoad {
  return {
    name: 'webrtc-direct',
    canDial: (address) => has(address, 'webrtc-direct', 'certhash') && !has(address, 'p2p-circuit'),
    canListen: (address) => parts.canListenDirect && has(address, 'webrtc-direct') && !has(address, 'p2p-circuit'),
    load: async () => (await parts.loadWebRtc()).webRTCDirect(webRtcOptions(parts)),
  }
}

/** To a gateway over QUIC; `load` is the platform's. */
export function webTransportRoad(args: { readonly canListen: boolean; readonly load: LazyRoad['load'] }): LazyRoad {
  return {
    name: 'webtransport',
    canDial: (address) => parseWebTransport(address) !== undefined,
    canListen: (address) => args.canListen && has(address, 'webtransport'),
    load: args.load,
  }
}

/** Between two that cannot listen: a relay carries their signals. */
export function webRtcRoad(parts: RoadParts): LazyRoad {
  const isWebRtc = (address: Multiaddr): boolean => has(address, 'webrtc')
  return {
    name: 'webrtc',
    canDial: isWebRtc,
    canListen: isWebRtc,
    listensAfter: untilRelayed,
    load: async () => (await parts.loadWebRtc()).webRTC(webRtcOptions(parts)),
  }
}

function has(address: Multiaddr, ...names: readonly string[]): boolean {
  const components = new Set(address.getComponents().map(({ name }) => name))
  return names.every((name) => components.has(name))
}

/** Nobody can call before a relay has a place for us. */
function untilRelayed({ events }: Libp2pComponents): Promise<void> {
  return new Promise((resolve) => {
    const look = ({ detail }: CustomEvent<Listener>): void => {
      if (!detail.getAddrs().some((address) => has(address, 'p2p-circuit'))) return
      events.removeEventListener('transport:listening', look)
      resolve()
    }
    events.addEventListener('transport:listening', look)
  })
}

/** Without `iceServers` the library would ask public ones: who we are is nobody's business unless the app says so. */
function webRtcOptions({ rtcConfiguration }: RoadParts): Parameters<WebRtcModule['webRTC']>[0] {
  return { rtcConfiguration: { iceServers: [], ...rtcConfiguration } as RTCConfiguration }
}
