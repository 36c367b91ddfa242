import { webRtcDirectRoad, webRtcRoad, webTransportRoad, type RoadParts, type RtcConfiguration } from './lazy-roads.ts'
import { lazyTransport, type LazyRoad } from './lazy-transport.ts'
import type { Libp2pTransports } from './libp2p-core.ts'
import { relayTransport } from './relay-transport.ts'
import { browserWebSockets } from './websocket.browser.ts'

export type BrowserTransportName = 'websockets' | 'webrtc-direct' | 'webtransport' | 'webrtc'

/**
 * What is tried first comes first. Measured in Chromium (`npm run bench:roads`, test/e2e/road-wakes.spec.ts): both of the first
 * two are as quick to the verified head. WebTransport carries a long sync in little more than half of the time, but the end of
 * a killed gateway is noticed after 12 s there, over WebSockets at once. Between tabs WebRTC is all there is.
 */
export const BROWSER_TRANSPORTS: readonly BrowserTransportName[] = [
  'websockets',
  'webtransport',
  'webrtc-direct',
  'webrtc',
]

/** Where others reach a tab: nowhere but through the relays that it has dialled. */
export function browserListen(transports: readonly BrowserTransportName[]): readonly string[] {
  return transports.includes('webrtc') && isThere('webrtc') ? ['/p2p-circuit', '/webrtc'] : []
}

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
  const byName: Readonly<Record<BrowserTransportName, () => Libp2pTransports>> = {
    websockets: () => [browserWebSockets()],
    'webrtc-direct': () => [lazyTransport(webRtcDirectRoad(parts))],
    webtransport: () => [lazyTransport(webTransportRoad({ canListen: false, load: loadWebTransport }))],
    webrtc: () => [lazyTransport(webRtcRoad(parts)), relayTransport()],
  }
  return options.transports.filter(isThere).flatMap((name) => byName[name]())
}

async function loadWebTransport(): ReturnType<LazyRoad['load']> {
  const { openBrowserSession, webTransportDialler } = await import('./webtransport.browser.ts')
  return webTransportDialler(openBrowserSession)
}

/** WebTransport is not there on plain-http pages, nor in every browser; workers have no WebRTC. */
export function isThere(transport: BrowserTransportName): boolean {
  if (transport === 'websockets') return true
  return (transport === 'webtransport' ? 'WebTransport' : 'RTCPeerConnection') in globalThis
}
