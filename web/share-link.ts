/** The link that opens this page elsewhere and connects it to this tab. Pure. */
import { isLocalNetwork, isLoopback, readAddress } from './address.ts'

export interface SharedLink {
  readonly address: string
  readonly url: string
  /** How far it reaches, by the hosts in it: those of the page and of the relay. */
  readonly reach: 'anywhere' | 'local-network' | 'this-machine'
}

/** Of the address that reaches furthest; undefined without one. */
export function sharedLink(addresses: readonly string[], page: URL): SharedLink | undefined {
  let best: SharedLink | undefined
  for (const address of addresses) {
    const host = readAddress(address)?.host ?? ''
    const hosts = [host, page.hostname]
    const reach = hosts.some(isLoopback) ? 'this-machine' : hosts.some(isLocalNetwork) ? 'local-network' : 'anywhere'
    // Slashes stay: the shorter the link, the coarser the code.
    const url = `${page.origin}${page.pathname}#peer=${encodeURIComponent(address).replaceAll('%2F', '/')}`
    if (best === undefined || REACHES.indexOf(reach) < REACHES.indexOf(best.reach)) best = { address, url, reach }
  }
  return best
}

const REACHES: readonly SharedLink['reach'][] = ['anywhere', 'local-network', 'this-machine']
