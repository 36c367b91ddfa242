/** Where a Bitcoin peer listens. `host` is a name, an IPv4 address, or an IPv6 address without brackets, in its shortest form. */
export interface BitcoinEndpoint {
  readonly host: string
  readonly port: number
}

/**
 * What `bitcoin://…` addresses mean: a peer of one's own choice (`bitcoin://HOST:PORT`), or any peer that the address book
 * or the DNS seeds name (`bitcoin://any/1`, `bitcoin://any/2`, …: one address for each connection that there shall be).
 */
type BitcoinTarget = { readonly type: 'endpoint'; readonly endpoint: BitcoinEndpoint } | { readonly type: 'any' }

const SCHEME = 'bitcoin://'
const ANY_PATTERN = /^any\/\d{1,3}$/
const PORT_MAX = 65_535

export function isBitcoinAddress(address: string): boolean {
  return address.startsWith(SCHEME)
}

/** Undefined when the text is no such address. */
export function parseBitcoinAddress(address: string): BitcoinTarget | undefined {
  if (!isBitcoinAddress(address)) return undefined
  const rest = address.slice(SCHEME.length)
  if (ANY_PATTERN.test(rest)) return { type: 'any' }
  const endpoint = parseBitcoinEndpoint(rest, undefined)
  return endpoint === undefined ? undefined : { type: 'endpoint', endpoint }
}

/** `HOST:PORT`, `HOST` where there is a default port, `[IPV6]:PORT`. Undefined when the text is none of these. */
export function parseBitcoinEndpoint(text: string, defaultPort: number | undefined): BitcoinEndpoint | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/?#@[\]\s]+)(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1]
  const port = match?.[2] === undefined ? defaultPort : Number(match[2])
  if (host === undefined || port === undefined || port === 0 || port > PORT_MAX) return undefined
  // The platform's own parser knows every spelling of an IP address.
  const url = `http://${host}/`
  if (!URL.canParse(url)) return undefined
  return { host: new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'), port }
}

/** `HOST:PORT`, with brackets where the host is an IPv6 address. */
export function endpointText({ host, port }: BitcoinEndpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function bitcoinAddress(endpoint: BitcoinEndpoint): string {
  return `${SCHEME}${endpointText(endpoint)}`
}

/** The part of the network that an IP address is in: of IPv4 the /16, of IPv6 the /32. Names are groups of their own. */
export function networkGroup(host: string): string {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return host.split('.', 2).join('.')
  return host.includes(':') ? ipv6Groups(host).slice(0, 2).join(':') : host
}

/** Reachable from everywhere. Nobody may send us to a machine beside us. Bitcoin Core netaddress.cpp, IsRoutable. */
export function isPublicIp(host: string): boolean {
  if (host.includes(':')) {
    const first = Number.parseInt(ipv6Groups(host)[0] ?? '0', 16)
    // RFC 4291, 2.4: global unicast is 2000::/3. RFC 3849: 2001:db8::/32 is for documents.
    return first >= 0x2000 && first <= 0x3fff && networkGroup(host) !== '2001:db8'
  }
  const [a = 0, b = 0] = host.split('.').map(Number)
  // RFC 6890, 2.2.2, and multicast and reserved above.
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false
  if (a === 100 && b >= 64 && b < 128) return false
  if (a === 169 && b === 254) return false
  if (a === 172 && b >= 16 && b < 32) return false
  return !(a === 192 && (b === 168 || b === 0)) && !(a === 198 && (b === 18 || b === 19))
}

/** The eight groups, in hex without leading zeros. `host` is in its shortest form. */
function ipv6Groups(host: string): readonly string[] {
  const [head = '', tail] = host.split('::', 2)
  const before = head === '' ? [] : head.split(':')
  if (tail === undefined) return before
  const after = tail === '' ? [] : tail.split(':')
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
}
