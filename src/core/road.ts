import type { Road } from './message.ts'

/** From where a host can be reached: 0 this machine alone, 1 its local network, 2 anywhere. */
export type Scope = 0 | 1 | 2

/** RFC 1122, RFC 4291 and RFC 6761. */
const LOOPBACK = /^(127\.|0\.|\[?::1?\]?$)|(^|\.)localhost$/i
/** RFC 1918, RFC 3927, RFC 4193, RFC 4291 and RFC 6762; and names without a dot, which no public server has. */
const LOCAL = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|\[?(f[cd]|fe[89ab])[\da-f]*:|[^.:]+$)|\.local$/i

/** Of an IP address or a name, as it stands in a multiaddr or in a URL. */
export function hostScope(host: string): Scope {
  return LOOPBACK.test(host) ? 0 : LOCAL.test(host) ? 1 : 2
}

/** Of a multiaddr, a relayed one's relay; 2 where it names no host: who came by it is told of nothing local. */
export function scopeOf(address: string): Scope {
  const [, kind = '', host = ''] = address.split('/')
  return /^(ip|dns)/.test(kind) ? hostScope(host) : 2
}

/**
 * Hosts in their usual form alone. In another form what looks public may be this machine: ::ffff:7f00:1, 64:ff9b::7f00:1,
 * 0x7f.1, localhost with a dot behind it.
 */
const USUAL = /^\/(ip4|ip6\/(::1\/|[\da-f]{4}:)|dns[46]?\/([\w-]+\.)*[a-z][\w-]*\/)/i

/** The host that it names is what `scopeOf` takes it for, so a stranger may tell us of it. */
export function isUsual(address: string): boolean {
  return USUAL.test(address)
}

/** Where a multiaddr stands among these roads; -1 where one that it needs is missing: by a relay alone go only signals. */
export function rankOf(address: string, roads: readonly Road[]): number {
  const [first = '', relayed] = address.split('/p2p-circuit')
  const parts = first.split('/')
  const last = (['webtransport', 'webrtc-direct', 'wss', 'ws', 'tcp'] as const).find((name) => parts.includes(name))
  const road = last === 'ws' && parts.includes('tls') ? 'wss' : last
  const rank = road === undefined ? -1 : roads.indexOf(road)
  if (relayed === undefined || rank === -1) return rank
  return relayed.startsWith('/webrtc') ? roads.indexOf('webrtc') : -1
}

/** All roads that it needs are there. */
export function canDial(address: string, roads: readonly Road[]): boolean {
  return rankOf(address, roads) !== -1
}
