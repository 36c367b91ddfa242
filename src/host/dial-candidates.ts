import type { Multiaddr } from '@multiformats/multiaddr'
import type { Road } from '../core/message.ts'
import { canDial } from '../core/road.ts'
import { pageHint, type PageLocation } from './page-hint.ts'
import { transportName } from './remote-address.ts'

/**
 * What is tried first. Measured in Chromium, from the dial to the verified head of 10,237 headers, medians of three: WebSockets
 * 0.41 s, WebTransport 0.45 s, WebRTC-Direct 0.75 s. TCP is as quick as WebSockets; between tabs WebRTC is all there is.
 */
const RANKING: readonly string[] = ['tcp', 'websockets', 'webtransport', 'webrtc-direct', 'webrtc']
/** An address that failed comes after its peer's others for so long, doubled each time, … */
const BACKOFF_MS_MIN = 1_000
/** … up to this. */
const BACKOFF_MS_MAX: number = 10 * 60_000
/** Addresses that failed; beyond that all are forgotten. More than all targets of a light node have. */
const FAILED_ADDRESSES_MAX = 1_024

/** In which order to try the addresses of one peer. A dead one does not hold back the others. */
export class DialCandidates {
  readonly #roads: readonly Road[] | undefined
  readonly #page: PageLocation | undefined
  /** Bounded by FAILED_ADDRESSES_MAX. */
  readonly #failed = new Map<string, { readonly count: number; readonly untilMs: number }>()

  /** `roads`: what this platform can dial; undefined where that is not known. */
  constructor(roads: readonly Road[] | undefined, page?: PageLocation) {
    this.#roads = roads
    this.#page = page
  }

  /** Without those that this platform cannot dial or this page may not; where none is left all of them, for what they tell. */
  choose(addresses: readonly Multiaddr[], nowMs: number): readonly Multiaddr[] {
    const dialable = addresses.filter(
      (address) => canDial(address.toString(), this.#roads ?? []) && hintOf(address, this.#page) === '',
    )
    if (this.#roads === undefined || dialable.length === 0) return addresses
    const orderOf = (address: Multiaddr): number => {
      const waits = (this.#failed.get(address.toString())?.untilMs ?? 0) > nowMs
      return RANKING.indexOf(transportName(address)) + (waits ? RANKING.length + 1 : 0)
    }
    return dialable.toSorted((one, other) => orderOf(one) - orderOf(other))
  }

  reached(address: Multiaddr): void {
    this.#failed.delete(address.toString())
  }

  failed(address: Multiaddr, nowMs: number): void {
    const key = address.toString()
    const count = (this.#failed.get(key)?.count ?? 0) + 1
    const fullMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** count)
    if (this.#failed.size >= FAILED_ADDRESSES_MAX) this.#failed.clear()
    this.#failed.set(key, { count, untilMs: nowMs + fullMs * (0.75 + 0.25 * Math.random()) })
  }
}

/** What the page that we are on rules out, as a sentence; an empty text where it rules out nothing. */
export function hintOf(address: Multiaddr, page?: PageLocation): string {
  const components = address.getComponents()
  const host = components[0]?.value ?? ''
  const isSecure = components.some(({ name }) => name === 'tls' || name === 'wss' || name.startsWith('web'))
  return pageHint({ host, isSecure }, page)
}
