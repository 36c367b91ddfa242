/**
 * Stands in for @multiformats/multiaddr-matcher in what a tab's build takes of @libp2p/webrtc, which would bring matchers of
 * every kind of address, a kilobyte, and asks two things. Which addresses are its own: src/host/lazy-roads.ts has chosen
 * them before. And whether one is at a relay: it ends in /p2p-circuit.
 */
import type { Multiaddr } from '@multiformats/multiaddr'

interface Matcher {
  exactMatch(address: Multiaddr): boolean
}

export const WebRTC: Matcher = { exactMatch: () => true }
export const WebRTCDirect: Matcher = { exactMatch: () => true }
export const P2P: { readonly matchers: readonly unknown[] } = { matchers: [] }

export function code(last: number): number {
  return last
}

/** Of an address that ends in `last`, whatever it begins with. */
export function fmt(_begin: unknown, last: number): Matcher {
  return { exactMatch: (address) => address.getComponents().at(-1)?.code === last }
}
