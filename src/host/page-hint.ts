import { hostScope } from '../core/road.ts'

/**
 * In a browser a failed connection says nothing about why; what the page itself rules out can be told.
 * Returns a sentence to add to the failure, or an empty text (always in Node.js).
 */
export function pageHint(target: { readonly host: string; readonly isSecure: boolean }, page?: PageLocation): string {
  const from = page ?? currentPage()
  if (from === undefined) return ''
  if (from.protocol === 'https:' && !target.isSecure && hostScope(target.host) > 0) {
    return '; this page came over https, so the browser blocks plain connections: the gateway needs TLS (https:// or …/tls/ws)'
  }
  // What browsers call the local network.
  if (hostScope(target.host) < 2 && hostScope(from.hostname) === 2) {
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
