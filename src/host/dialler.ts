import type { Connection } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { Dial } from '../core/effect.ts'
import type { DialFailed, DialSucceeded } from '../core/event.ts'
import { toConnectionId, toPeerId, type DialId } from '../core/ids.ts'
import type { Road } from '../core/message.ts'
import { DialCandidates, hintOf } from './dial-candidates.ts'
import { raceAttempts } from './dial-race.ts'
import { certificateHint, DialProblem, dialProblemOf } from './dial-problem.ts'
import { isGatewayUrl, resolveGateway } from './gateway.ts'
import type { Libp2pCore } from './libp2p-core.ts'
import { peerOf } from './remote-address.ts'

/** The next address is tried beside one that takes longer. */
const HEAD_START_MS = 500
/** One address of several may cost this much of a dial's time; the last one gets what is left. */
const CANDIDATE_TIMEOUT_MS = 5_000

type DialEvent = DialSucceeded | DialFailed

/** Every dial ends in one event, by its deadline. */
export class Dialler {
  readonly #libp2p: Libp2pCore
  readonly #post: (event: DialEvent) => void
  /** Makes sure that this connection was told of; false when it is gone already. */
  readonly #sawOpen: (connection: Connection) => boolean
  readonly #connections: () => readonly Connection[]
  readonly #close: (connection: Connection) => void
  /** Bounded by the core: `DIALS_AT_ONCE_MAX`. */
  readonly #running = new Map<DialId, AbortController>()
  /** What the running dials try just now, one address each. */
  readonly #trying = new Set<Multiaddr>()
  readonly #claimed = new WeakSet<Connection>()
  readonly #candidates: DialCandidates
  #onIdle: () => void = () => {}

  constructor(args: {
    readonly libp2p: Libp2pCore
    readonly roads: readonly Road[] | undefined
    readonly post: (event: DialEvent) => void
    readonly sawOpen: (connection: Connection) => boolean
    readonly connections: () => readonly Connection[]
    readonly close: (connection: Connection) => void
  }) {
    this.#libp2p = args.libp2p
    this.#candidates = new DialCandidates(args.roads)
    this.#post = args.post
    this.#sawOpen = args.sawOpen
    this.#connections = args.connections
    this.#close = args.close
  }

  async dial({ dial, address, furtherAddresses, timeoutMs }: Dial): Promise<void> {
    const controller = new AbortController()
    const { signal } = controller
    this.#running.set(dial, controller)
    const timer = setTimeout(() => {
      controller.abort(noAnswer(address, timeoutMs))
    }, timeoutMs)
    let event: DialEvent
    try {
      const connection = await this.#connect(address, { furtherAddresses, signal, timeoutMs })
      if (!this.#sawOpen(connection)) throw new DialProblem('closed', `${address} hung up at once`)
      const peer = toPeerId(connection.remotePeer.toString())
      event = { type: 'dial-succeeded', dial, connection: toConnectionId(connection.id), peer }
    } catch (error) {
      const problem = dialProblemOf(signal.aborted ? signal.reason : error, address)
      event = { type: 'dial-failed', dial, failure: problem.failure, detail: problem.message }
    }
    clearTimeout(timer)
    this.#running.delete(dial)
    this.#post(event)
    this.closeUnclaimed()
    if (this.#running.size === 0) this.#onIdle()
  }

  /**
   * A dial that was given up may open its connection all the same, then or later. Every outbound connection is a dial's:
   * one that none has claimed and none is after is closed. So a relayed one, which carried the signals for a direct one,
   * ends with its dial; the one to the relay itself, opened on the way, is claimed: the relay is a peer like any other.
   */
  closeUnclaimed(): void {
    for (const connection of this.#connections()) {
      if (connection.direction === 'inbound' || this.#claimed.has(connection)) continue
      if (this.#isOnTheWay(connection)) this.#claimed.add(connection)
      else if (!this.#isWanted(connection)) this.#close(connection)
    }
  }

  cancel(dial: DialId): void {
    this.#running.get(dial)?.abort(new DialProblem('cancelled', 'given up'))
  }

  /** Resolves when every dial has ended. */
  stop(): Promise<void> {
    for (const dial of this.#running.keys()) this.cancel(dial)
    return this.#running.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onIdle = resolve))
  }

  async #connect(
    address: string,
    limits: {
      readonly furtherAddresses: readonly string[] | undefined
      readonly signal: AbortSignal
      readonly timeoutMs: number
    },
  ): Promise<Connection> {
    const found = isGatewayUrl(address)
      ? await resolveGateway(address, limits.signal)
      : { peer: undefined, addresses: [address, ...(limits.furtherAddresses ?? [])].map(parseMultiaddr) }
    const addresses = this.#candidates.choose(found.addresses, performance.now())
    const named = found.peer ?? (addresses[0] === undefined ? undefined : peerOf(addresses[0]))
    if (named === this.#libp2p.peerId.toString()) throw new DialProblem('refused', `${address} is our own address`)

    // To a peer that is connected already, and not by a relay alone, libp2p answers with that connection.
    const attempts = addresses.map((candidate, index) => async (won: AbortSignal) => {
      const isLast = index === addresses.length - 1
      const timeoutMs = isLast ? limits.timeoutMs : Math.min(limits.timeoutMs / 2, CANDIDATE_TIMEOUT_MS)
      return this.#tryAddress(candidate, timeoutMs, AbortSignal.any([limits.signal, won]))
    })
    const outcome = await raceAttempts(attempts, {
      headStartMs: this.#libp2p.dialsApart === true ? HEAD_START_MS : undefined,
      onLate: (connection, winner) => this.#dropLate(connection, winner),
    })
    if (outcome.type === 'won') return outcome.value
    limits.signal.throwIfAborted()
    const problems = outcome.reasons.map((error, index) => {
      const candidate = addresses[index]
      const problem = dialProblemOf(error, candidate?.toString() ?? address)
      return candidate === undefined ? problem : withHint(problem, candidate)
    })
    // What failed first is the likeliest address; that no transport fits another one explains nothing.
    const told = problems.find(({ failure }) => failure !== 'undialable') ?? problems.at(-1)
    throw told ?? new DialProblem('undialable', `${address} names no address`)
  }

  /** It opened at the very moment when another one won. */
  #dropLate(connection: Connection, winner: Connection): void {
    if (connection === winner) return
    this.#claimed.delete(connection)
    this.closeUnclaimed()
  }

  async #tryAddress(address: Multiaddr, timeoutMs: number, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    const attempt = new AbortController()
    const giveUp = (): void => attempt.abort(signal.reason)
    const timer = setTimeout(() => {
      attempt.abort(noAnswer(address.toString(), timeoutMs))
    }, timeoutMs)
    signal.addEventListener('abort', giveUp)
    this.#trying.add(address)
    try {
      const connection = await this.#libp2p.dial(address, { signal: attempt.signal })
      // In the same turn as it is no longer tried: another dial that ends now must not find it unclaimed.
      this.#claimed.add(connection)
      this.#candidates.reached(address)
      return connection
    } catch (error) {
      // That another one won says nothing of this one.
      if (!signal.aborted) this.#candidates.failed(address, performance.now())
      attempt.signal.throwIfAborted()
      throw error
    } finally {
      this.#trying.delete(address)
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
    }
  }

  #isWanted(connection: Connection): boolean {
    return [...this.#trying].some((address) => [undefined, connection.remotePeer.toString()].includes(peerOf(address)))
  }

  /** To a relay that an address leads through. */
  #isOnTheWay(connection: Connection): boolean {
    const peer = connection.remotePeer.toString()
    return [...this.#trying].some((address) => peerOf(address) !== peer && address.toString().includes(`/p2p/${peer}/`))
  }
}

function noAnswer(address: string, timeoutMs: number): DialProblem {
  const detail = `no answer from ${address} within ${timeoutMs / 1000} s${certificateHint(address)}`
  return new DialProblem('timeout', detail)
}

function parseMultiaddr(address: string): Multiaddr {
  try {
    return multiaddr(address)
  } catch {
    const got = JSON.stringify(address.slice(0, 200))
    throw new DialProblem('undialable', `expected a multiaddr or a gateway's http(s) URL, got ${got}`)
  }
}

function withHint(problem: DialProblem, address: Multiaddr): DialProblem {
  if (problem.failure !== 'unreachable' && problem.failure !== 'timeout') return problem
  const hint = hintOf(address)
  return hint === '' ? problem : new DialProblem(problem.failure, `${problem.message}${hint}`, { cause: problem })
}
