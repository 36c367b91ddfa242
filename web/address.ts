/** What an address says about itself, without dialling it. */

export interface AddressParts {
  readonly host: string
  /** What a browser would speak to it; `none` when a browser cannot dial it. */
  readonly transport: 'gateway-url' | 'websockets' | 'webtransport' | 'webrtc' | 'none'
  readonly isEncrypted: boolean
}

/** Reads a gateway URL or a multiaddr; undefined for anything else. */
export function readAddress(text: string): AddressParts | undefined {
  return text.startsWith('/') ? readMultiaddr(text) : readGatewayUrl(text)
}

/** `https://gateway.example`, or `gateway.example[:port]`: https is assumed, http on this machine. */
export function toGatewayUrl(text: string): string | undefined {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.startsWith('/') || /\s/.test(trimmed)) return undefined
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)
  const bareHost = trimmed.replace(/:\d+.*$|\/.*$/, '')
  const url = parseUrl(hasScheme ? trimmed : `${isLoopback(bareHost) ? 'http' : 'https'}://${trimmed}`)
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined
  return url.origin + url.pathname.replace(/\/+$/, '')
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host.startsWith('127.') || trimBrackets(host) === '::1'
}

/** Loopback, RFC 1918, link-local and unique-local addresses, and mDNS names: what browsers guard as the local network. */
export function isLocalNetwork(host: string): boolean {
  const bare = trimBrackets(host)
  return (
    isLoopback(host) ||
    /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\./.test(bare) ||
    /^(f[cd]|fe[89ab])[0-9a-f]*:/i.test(bare) ||
    bare.endsWith('.local')
  )
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

function trimBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}

function readGatewayUrl(text: string): AddressParts | undefined {
  const url = parseUrl(toGatewayUrl(text) ?? '')
  if (url === undefined) return undefined
  return { host: url.hostname, transport: 'gateway-url', isEncrypted: url.protocol === 'https:' }
}

function readMultiaddr(text: string): AddressParts | undefined {
  const parts = text.split('/').slice(1)
  if (!/^(ip4|ip6|dns|dns4|dns6|dnsaddr)$/.test(parts[0] ?? '') || parts[1] === undefined) return undefined
  // A relay comes first, and it is what is dialled.
  const [dialled = ''] = text.split('/p2p-circuit')
  const has = (name: string): boolean => dialled.split('/').includes(name)
  const isWebSocket = has('ws') || has('wss')
  const transport = isWebSocket
    ? 'websockets'
    : has('webtransport')
      ? 'webtransport'
      : has('webrtc-direct')
        ? 'webrtc'
        : 'none'
  return {
    host: parts[1],
    transport,
    isEncrypted: has('wss') || (has('tls') && isWebSocket) || transport === 'webtransport' || transport === 'webrtc',
  }
}
