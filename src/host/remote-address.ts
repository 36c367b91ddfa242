import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * The most telling part of an address first: `/dns4/…/tcp/443/tls/ws` is WebSockets, though it is TCP as well, and
 * `/…/p2p-circuit/webrtc` is WebRTC: its signals alone went through the relay.
 */
const TRANSPORTS: readonly (readonly [component: string, transport: string])[] = [
  ['webrtc', 'webrtc'],
  ['p2p-circuit', 'relay'],
  ['webrtc-direct', 'webrtc-direct'],
  ['webtransport', 'webtransport'],
  ['quic-v1', 'quic'],
  ['ws', 'websockets'],
  ['wss', 'websockets'],
  ['memory', 'memory'],
  ['tcp', 'tcp'],
]

/** What carries the bytes, for people: `websockets`, `tcp`, …; `unknown` for what we have no word for. */
export function transportName(address: Multiaddr): string {
  const names = new Set(address.getComponents().map((component) => component.name))
  return TRANSPORTS.find(([component]) => names.has(component))?.[1] ?? 'unknown'
}

/** The peer that the address ends in; undefined when it names none. */
export function peerOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === 'p2p')?.value
}
