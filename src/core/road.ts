import type { Road } from './message.ts'

/** From where an address can be reached: this machine alone, its local network, anywhere. */
type Scope = 'loopback' | 'private' | 'public'

const WIDTHS: Readonly<Record<Scope, number>> = { loopback: 0, private: 1, public: 2 }

/** All of these roads are needed: a relayed address leads to its relay first. Undefined where we know of none. */
export function canDial(address: string, roads: readonly Road[]): boolean {
  const [first = '', relayed] = address.split('/p2p-circuit')
  const road = roadOf(first)
  if (road === undefined || !roads.includes(road)) return false
  // By a relay alone nothing but signals goes.
  return relayed === undefined || (relayed.startsWith('/webrtc') && roads.includes('webrtc'))
}

function roadOf(address: string): Road | undefined {
  const road = (['webtransport', 'webrtc-direct', 'wss'] as const).find((name) => hasPart(address, name))
  if (road !== undefined) return road
  if (hasPart(address, 'ws')) return hasPart(address, 'tls') ? 'wss' : 'ws'
  return /\/tcp\/\d+(\/p2p\/\w+)?$/.test(address) ? 'tcp' : undefined
}

function hasPart(address: string, name: string): boolean {
  return `${address}/`.includes(`/${name}/`)
}

/** Of several the narrowest. */
export function scopeOf(...addresses: readonly string[]): Scope {
  const scopes = addresses.map(ownScope)
  return scopes.find((scope) => scope === 'loopback') ?? scopes.find((scope) => scope === 'private') ?? 'public'
}

/** Who is connected by `from` can make something of it. */
export function isWithin(scope: Scope, from: Scope): boolean {
  return WIDTHS[scope] >= WIDTHS[from]
}

/** RFC 1122, 1918, 3927, 4193, 4291 and 6761. Of what has neither address nor name we know nothing: it gets public ones alone. */
function ownScope(address: string): Scope {
  const [, kind = '', host = ''] = address.split('/')
  if (kind === 'ip4') {
    if (/^(127|0)\./.test(host)) return 'loopback'
    return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.)/.test(host) ? 'private' : 'public'
  }
  if (kind === 'ip6') {
    if (/^::1?$/.test(host)) return 'loopback'
    return /^(f[cd]|fe[89ab])/i.test(host) ? 'private' : 'public'
  }
  if (/(^|\.)localhost$/i.test(host)) return 'loopback'
  return kind.startsWith('dns') && (/\.local$/i.test(host) || !host.includes('.')) ? 'private' : 'public'
}
