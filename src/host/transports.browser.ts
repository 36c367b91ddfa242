import { webSockets } from '@libp2p/websockets'
import { relayRoad, webRtcDirectRoad, webRtcRoad, type RoadParts, type RtcConfiguration } from './lazy-roads.ts'
import { lazyTransport } from './lazy-transport.ts'
import type { Libp2pTransports } from './libp2p-core.ts'

export type BrowserTransportName = 'websockets' | 'webrtc-direct' | 'webrtc'

/** What a tab can dial with, of those named; WebSockets at once, the others load when they are first used. */
export function browserTransports(options: {
  readonly transports: readonly BrowserTransportName[]
  readonly rtcConfiguration: RtcConfiguration | undefined
}): Libp2pTransports {
  const parts: RoadParts = {
    loadWebRtc: () => import('./webrtc.browser.ts'),
    rtcConfiguration: options.rtcConfiguration,
    canListenDirect: false,
  }
  // Workers have none.
  const hasWebRtc = 'RTCPeerConnection' in globalThis
  const byName: Readonly<Record<BrowserTransportName, () => Libp2pTransports>> = {
    websockets: () => [webSockets()],
    'webrtc-direct': () => (hasWebRtc ? [lazyTransport(webRtcDirectRoad(parts))] : []),
    webrtc: () => (hasWebRtc ? [lazyTransport(webRtcRoad(parts)), lazyTransport(relayRoad())] : []),
  }
  return options.transports.flatMap((name) => byName[name]())
}
