/**
 * In a browser a failed connection says nothing about why; what the page itself rules out can be told.
 * Returns a sentence to add to the failure, or an empty text (always in Node.js).
 */
export function pageHint(target: { readonly host: string; readonly isSecure: boolean }, page?: PageLocation): string {
  const from = page ?? currentPage()
  if (from === undefined) return ''
  if (from.protocol === 'https:' && !target.isSecure && !isLoopback(target.host)) {
    return '; this page came over https, so the browser blocks plain connections: the gateway needs TLS (https:// or …/tls/ws)'
  }
  if (isPrivate(target.host) && !isPrivate(from.hostname)) {
    return from.protocol === 'https:'
      ? '; the browser lets a public page reach the local network only with your permission: allow it when asked'
      : '; the browser does not let a public page over plain http reach the local network'
  }
  return ''
}

export interface PageLocation {
  readonly protocol: string
  readonly hostname: string
}

function currentPage(): PageLocation | undefined {
  const { location } = globalThis as { readonly location?: PageLocation }
  return location?.protocol === 'https:' || location?.protocol === 'http:' ? location : undefined
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' || host.endsWith('.localhost') || host.startsWith('127.') || host === '::1' || host === '[::1]'
  )
}

/** RFC 1918, RFC 3927, RFC 4193 and loopback: what browsers call the local network. */
function isPrivate(host: string): boolean {
  return isLoopback(host) || /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|\[?f[cd])/.test(host)
}
