import type { BitcoinEndpoint } from './bitcoin-address.ts'
import { endpointText, isPublicIp, networkGroup, parseBitcoinEndpoint } from './bitcoin-address.ts'

/** Enough to find eight that live, for years; some 500 KB. */
export const KNOWN_ENDPOINTS_MAX = 2_048
/** So that nobody fills the book with addresses of one network. */
export const ENDPOINTS_PER_GROUP_MAX = 16
/** An address that failed is tried again after this, doubled with every failure, … */
const RETRY_MS_MIN = 60_000
/** … up to this. */
const RETRY_MS_MAX: number = 24 * 60 * 60_000
/** Failures in a row after which an address is forgotten when room is needed, and never kept over a restart. */
const FAILURES_MAX = 8

interface Known extends BitcoinEndpoint {
  readonly group: string
  /** It was a peer of ours once. */
  hasWorked: boolean
  failureCount: number
  /** Not tried before then, on the monotonic clock. */
  retryMs: number
}

/**
 * Addresses of Bitcoin peers that we were told of, and how they did.
 * 1. At most `KNOWN_ENDPOINTS_MAX`, of one network group at most `ENDPOINTS_PER_GROUP_MAX`; what never worked gives way first.
 * 2. Unless told otherwise it holds public IP addresses alone: a peer must not send us to a machine beside us.
 */
export class BitcoinAddressBook {
  readonly #known = new Map<string, Known>()
  readonly #allowsPrivate: boolean
  readonly #random: () => number

  /** `random` gives numbers from 0 up to 1. `saved` is what `save` gave; lines that are no address are left out. */
  constructor(options: {
    readonly random: () => number
    readonly allowsPrivate?: boolean
    readonly saved?: readonly string[]
  }) {
    this.#random = options.random
    this.#allowsPrivate = options.allowsPrivate ?? false
    for (const line of options.saved ?? []) {
      const endpoint = parseBitcoinEndpoint(line, undefined)
      if (endpoint === undefined || !this.add(endpoint)) continue
      const known = this.#known.get(endpointText(endpoint))
      if (known !== undefined) known.hasWorked = true
    }
  }

  get size(): number {
    return this.#known.size
  }

  /** False when there is no room for it, or it is none to dial. */
  add(endpoint: BitcoinEndpoint): boolean {
    const { host, port } = endpoint
    const key = endpointText(endpoint)
    if (this.#known.has(key)) return true
    if (port === 0 || !isIp(host) || !(this.#allowsPrivate || isPublicIp(host))) return false
    const group = networkGroup(host)
    const ofGroup = [...this.#known.values()].filter((known) => known.group === group)
    if (ofGroup.length >= ENDPOINTS_PER_GROUP_MAX && !this.#forgetOne(ofGroup)) return false
    if (this.#known.size >= KNOWN_ENDPOINTS_MAX && !this.#forgetOne([...this.#known.values()])) return false
    this.#known.set(key, { host, port, group, hasWorked: false, failureCount: 0, retryMs: 0 })
    return true
  }

  /** One to try now, of a network group that is not in `takenGroups`; those that worked once come first. */
  choose(args: { readonly takenGroups: ReadonlySet<string>; readonly nowMs: number }): BitcoinEndpoint | undefined {
    const candidates = [...this.#known.values()].filter(
      ({ group, retryMs }) => args.nowMs >= retryMs && !args.takenGroups.has(group),
    )
    const proven = candidates.filter(({ hasWorked }) => hasWorked)
    const best = proven.length > 0 ? proven : candidates
    const chosen = best[Math.floor(this.#random() * best.length)]
    return chosen === undefined ? undefined : { host: chosen.host, port: chosen.port }
  }

  /** Its handshake was done. */
  worked(endpoint: BitcoinEndpoint): void {
    const known = this.#known.get(endpointText(endpoint))
    if (known === undefined) return
    known.hasWorked = true
    known.failureCount = 0
    known.retryMs = 0
  }

  /** It was not reached, or was no good: left alone for a while. */
  failed(endpoint: BitcoinEndpoint, nowMs: number): void {
    const known = this.#known.get(endpointText(endpoint))
    if (known === undefined) return
    known.retryMs = nowMs + Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** known.failureCount)
    known.failureCount += 1
  }

  /** Those worth trying first after a restart, one line each. */
  save(): readonly string[] {
    return [...this.#known.values()]
      .filter(({ hasWorked, failureCount }) => hasWorked && failureCount < FAILURES_MAX)
      .map(endpointText)
  }

  /** Makes room among these: by one that fails, else by one that never worked. False when all of them are good. */
  #forgetOne(among: readonly Known[]): boolean {
    const victim =
      among.find(({ failureCount }) => failureCount >= FAILURES_MAX) ??
      among.find(({ hasWorked, failureCount }) => !hasWorked && failureCount > 0)
    return victim !== undefined && this.#known.delete(endpointText(victim))
  }
}

function isIp(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host)
}
