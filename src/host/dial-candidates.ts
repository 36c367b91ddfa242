import type { Multiaddr } from '@multiformats/multiaddr'
import type { Road } from '../core/message.ts'
import { rankOf } from '../core/road.ts'
import { pageHint, type PageLocation } from './page-hint.ts'

/** An address that failed comes after its peer's others for so long, doubled each time, … */
const BACKOFF_MS_MIN = 1_000
/** … up to this. */
const BACKOFF_MS_MAX: number = 10 * 60_000
/** Addresses that failed; beyond that all are forgotten. More than all targets of a light node have. */
const FAILED_ADDRESSES_MAX = 1_024

/** In which order to try the addresses of one peer. A dead one does not hold back the others. */
export class DialCandidates {
  readonly #roads: readonly Road[]
  readonly #page: PageLocation | undefined
  /** Bounded by FAILED_ADDRESSES_MAX. */
  readonly #failed = new Map<string, { readonly count: number; readonly untilMs: number }>()

  /** `roads`: what this platform can dial, in the order in which it is tried; none where that is not known. */
  constructor(roads: readonly Road[] = [], page?: PageLocation) {
    this.#roads = roads
    this.#page = page
  }

  /** Without those that this platform cannot dial or this page may not; where none is left all of them, for what they tell. */
  choose(addresses: readonly Multiaddr[], nowMs: number): readonly Multiaddr[] {
    const roads = this.#roads
    const ranked = addresses
      .map((address) => ({ address, rank: rankOf(address.toString(), roads) }))
      .filter(({ address, rank }) => rank !== -1 && hintOf(address, this.#page) === '')
    if (ranked.length === 0) return addresses
    const orderOf = ({ address, rank }: (typeof ranked)[number]): number => {
      const waits = (this.#failed.get(address.toString())?.untilMs ?? 0) > nowMs
      return rank + (waits ? roads.length : 0)
    }
    return ranked.toSorted((one, other) => orderOf(one) - orderOf(other)).map(({ address }) => address)
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
