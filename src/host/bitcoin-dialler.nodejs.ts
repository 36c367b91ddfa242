import { resolve4, resolve6 } from 'node:dns/promises'
import { connect, type Socket } from 'node:net'
import type { Dial } from '../core/effect.ts'
import type { DialId } from '../core/ids.ts'
import type { BitcoinWireNetwork } from '../wire/bitcoin/network.ts'
import type { BitcoinAddressBook } from './bitcoin-address-book.ts'
import type { BitcoinEndpoint } from './bitcoin-address.ts'
import { endpointText, networkGroup, parseBitcoinAddress } from './bitcoin-address.ts'
import { DialProblem, dialProblemOf } from './dial-problem.ts'

/** One address out of the book may cost this much of a dial's time. */
const CANDIDATE_TIMEOUT_MS = 5_000
/** The DNS seeds are asked again at the earliest after this. */
const SEED_INTERVAL_MS = 60_000

/** The IP addresses behind a name. Rejects when there are none. */
export type ResolveName = (name: string) => Promise<readonly string[]>

export interface BitcoinDiallerOptions {
  readonly network: BitcoinWireNetwork
  readonly book: BitcoinAddressBook
  readonly resolveName: ResolveName
  readonly nowMs: () => number
  /** Network groups of the outbound connections that are open. */
  readonly openGroups: () => readonly string[]
}

export interface Dialled {
  readonly socket: Socket
  /** As the address book knows it; undefined when the address was somebody's own choice. */
  readonly chosen: BitcoinEndpoint | undefined
  /** To be called once the connection counts as open: until then its network group is kept free of others. */
  readonly release: () => void
}

/** Both families of addresses; a name without one of them is fine. */
export const resolveWithDns: ResolveName = async (name) => {
  const answers = await Promise.allSettled([resolve4(name), resolve6(name)])
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
}

/** Reaches `bitcoin://` addresses. Every dial ends, by its deadline. */
export class BitcoinDialler {
  readonly #options: BitcoinDiallerOptions
  /** Bounded by the core: `DIALS_AT_ONCE_MAX`. */
  readonly #running = new Map<DialId, AbortController>()
  /** Network groups that dials from the book are after just now, each from the moment it is chosen. */
  readonly #triedGroups = new Set<string>()
  #seeding: Promise<void> | undefined
  #seededMs = -Infinity

  constructor(options: BitcoinDiallerOptions) {
    this.#options = options
  }

  /** Rejects with `DialProblem`. */
  async dial({ dial, address, timeoutMs }: Dial): Promise<Dialled> {
    const controller = new AbortController()
    const { signal } = controller
    this.#running.set(dial, controller)
    const timer = setTimeout(() => {
      controller.abort(new DialProblem('timeout', `no answer from ${address} within ${timeoutMs / 1000} s`))
    }, timeoutMs)
    try {
      const target = parseBitcoinAddress(address)
      if (target === undefined) {
        throw new DialProblem(
          'undialable',
          `expected bitcoin://HOST:PORT, got ${JSON.stringify(address.slice(0, 200))}`,
        )
      }
      if (target.type === 'any') return await this.#dialAny(signal)
      return { socket: await open(target.endpoint, signal), chosen: undefined, release: () => {} }
    } catch (error) {
      throw dialProblemOf(signal.aborted ? signal.reason : error, address)
    } finally {
      clearTimeout(timer)
      this.#running.delete(dial)
    }
  }

  cancel(dial: DialId): void {
    this.#running.get(dial)?.abort(new DialProblem('cancelled', 'given up'))
  }

  stop(): void {
    for (const dial of this.#running.keys()) this.cancel(dial)
  }

  /** One address after the other until one answers, at most one of each network group at a time. */
  async #dialAny(signal: AbortSignal): Promise<Dialled> {
    const { book, nowMs } = this.#options
    for (;;) {
      const endpoint = this.#choose() ?? (await this.#chooseSeeded(signal))
      if (endpoint === undefined) {
        const why = book.size === 0 ? 'no DNS seed answered' : 'those that are known are taken, or failed just now'
        throw new DialProblem('unreachable', `no Bitcoin peer to try now: ${why}`)
      }
      const release = (): void => {
        this.#triedGroups.delete(networkGroup(endpoint.host))
      }
      try {
        const attempt = AbortSignal.any([signal, AbortSignal.timeout(CANDIDATE_TIMEOUT_MS)])
        return { socket: await open(endpoint, attempt), chosen: endpoint, release }
      } catch {
        release()
        signal.throwIfAborted()
        book.failed(endpoint, nowMs())
      }
    }
  }

  #choose(): BitcoinEndpoint | undefined {
    const { book, nowMs, openGroups } = this.#options
    const takenGroups = new Set([...openGroups(), ...this.#triedGroups])
    const endpoint = book.choose({ takenGroups, nowMs: nowMs() })
    if (endpoint !== undefined) this.#triedGroups.add(networkGroup(endpoint.host))
    return endpoint
  }

  async #chooseSeeded(signal: AbortSignal): Promise<BitcoinEndpoint | undefined> {
    if (this.#seeding === undefined && this.#options.nowMs() >= this.#seededMs + SEED_INTERVAL_MS) {
      this.#seeding = this.#seed()
    }
    if (this.#seeding === undefined) return undefined
    await Promise.race([this.#seeding, aborted(signal)])
    return this.#choose()
  }

  /** Never rejects: a seed that does not answer is none. */
  async #seed(): Promise<void> {
    const { network, book, resolveName } = this.#options
    const answers = await Promise.allSettled(network.dnsSeeds.map((name) => resolveName(name)))
    for (const answer of answers) {
      if (answer.status === 'rejected') continue
      for (const host of answer.value) book.add({ host, port: network.defaultPort })
    }
    this.#seededMs = this.#options.nowMs()
    this.#seeding = undefined
  }
}

function open(endpoint: BitcoinEndpoint, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const socket = connect({ host: endpoint.host, port: endpoint.port })
    const giveUp = (): void => {
      socket.destroy()
      const reason: unknown = signal.reason
      reject(reason instanceof Error ? reason : new DialProblem('timeout', `no answer from ${endpointText(endpoint)}`))
    }
    const onError = (error: Error): void => {
      signal.removeEventListener('abort', giveUp)
      reject(error)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    socket.once('error', onError)
    socket.once('connect', () => {
      signal.removeEventListener('abort', giveUp)
      socket.off('error', onError)
      resolve(socket)
    })
  })
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
