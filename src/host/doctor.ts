import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { HostEvent } from '../core/event.ts'
import { judgeNodeInfo } from '../core/handshake.ts'
import { isRoot, toDialId, toRequestId, toRoot, type ConnectionId } from '../core/ids.ts'
import type { NodeInfo } from '../core/message.ts'
import { addressProblem } from './address.ts'
import { dialProblemOf } from './dial-problem.ts'
import type { DiagnoseOptions, Examination, ExaminationStep } from './examination.ts'
import { causeOfDial, causeOfHandshake, causeOfLookup, type Probe } from './examination-cause.ts'
import { isGatewayUrl, resolveGateway } from './gateway.ts'
import type { HostSink } from './host.ts'
import type { CreateLibp2p, Libp2pTransports } from './libp2p-core.ts'
import { createLibp2pHost } from './libp2p-host.ts'
import { transportName } from './remote-address.ts'
import { watchTransports } from './watched-transports.ts'

const TIMEOUT_MS = 10_000
/** Of any chain: no headers are asked for. */
const HEADER_BYTES = 80

export interface DoctorParts {
  /** What is said of us in a handshake. */
  readonly agent: string
  readonly createLibp2p: CreateLibp2p
  readonly transports: Libp2pTransports
  readonly probe: Probe
}

/** An address to dial. */
interface Target {
  readonly gateway: string | undefined
  readonly address: Multiaddr
  readonly chain: DiagnoseOptions['chain']
  readonly resolvedMs: number
}

/** See `Diagnose`. One address after the other, each with a host of its own. */
export async function diagnoseWith(
  parts: DoctorParts,
  addresses: readonly string[],
  options: DiagnoseOptions,
): Promise<readonly Examination[]> {
  const examinations: Examination[] = []
  const tell = (examination: Examination): void => {
    options.signal?.throwIfAborted()
    examinations.push(examination)
    options.onExamined?.(examination)
  }
  for (const given of addresses) {
    options.signal?.throwIfAborted()
    for (const target of await targetsOf(given, options)) {
      tell('isReachable' in target ? target : await examine(parts, target, options))
    }
  }
  return examinations
}

/** A URL stands for what its gateway names. An examination where there is nothing to dial. */
async function targetsOf(
  given: string,
  { chain, timeoutMs = TIMEOUT_MS, signal }: DiagnoseOptions,
): Promise<readonly (Target | Examination)[]> {
  const course = new Course({ address: given, gateway: undefined })
  const problem = addressProblem(given)
  if (problem !== undefined) return [course.failed({ step: 'resolved', cause: 'invalid-address', message: problem })]
  if (!isGatewayUrl(given)) return [{ gateway: undefined, address: multiaddr(given), chain, resolvedMs: 0 }]
  const signals = [AbortSignal.timeout(course.leftMs(timeoutMs)), ...(signal === undefined ? [] : [signal])]
  try {
    const found = await resolveGateway(given, AbortSignal.any(signals))
    const resolvedMs = course.elapsedMs
    return found.addresses.map((address) => ({ gateway: given, address, chain: chain ?? chainOf(found), resolvedMs }))
  } catch (error) {
    const { failure, message: detail } = dialProblemOf(error, given)
    return [course.failed({ step: 'resolved', ...causeOfLookup({ failure, detail, error }, new URL(given)) })]
  }
}

function chainOf(said: { readonly chain: unknown; readonly genesis: unknown }): DiagnoseOptions['chain'] {
  const { chain: id, genesis } = said
  return typeof id === 'string' && typeof genesis === 'string' && isRoot(genesis) ? { id, genesis } : undefined
}

async function examine(parts: DoctorParts, target: Target, options: DiagnoseOptions): Promise<Examination> {
  const { address, gateway, chain, resolvedMs } = target
  const { timeoutMs = TIMEOUT_MS, signal } = options
  let connectedMs: number | undefined
  let error: unknown
  const transports = watchTransports(parts.transports, {
    onConnected: (transport) => {
      // On the way to some there is a relay.
      if (transport === transportName(address)) connectedMs = performance.now()
    },
    onFailed: (reason) => (error = reason),
  })
  const host = await createLibp2pHost({ createLibp2p: parts.createLibp2p, transports, headerSizeBytes: HEADER_BYTES })
  const events = new Events()
  const giveUp = (): void => void host.stop()
  signal?.addEventListener('abort', giveUp)
  try {
    await host.start(events)
    const course = new Course({ address: address.toString(), gateway, resolvedMs })
    host.perform({ type: 'dial', dial: toDialId(1), address: address.toString(), timeoutMs })
    const dial = await events.first(['dial-succeeded', 'dial-failed'])
    if (connectedMs !== undefined) course.passed('connected', connectedMs)
    if (dial.type === 'dial-failed') {
      const { failure, detail } = dial
      const failed = { failure, detail, error }
      const isConnected = connectedMs !== undefined
      const probing = { probe: parts.probe, signal: AbortSignal.timeout(course.leftMs(timeoutMs)) }
      return course.failed(await causeOfDial({ failed, address, isConnected, ...probing }))
    }
    course.passed('secured')
    const { connection, peer } = dial
    const info = infoFor(chain, parts.agent)
    host.perform({
      type: 'request-handshake',
      connection,
      request: toRequestId(1),
      info,
      timeoutMs: course.leftMs(timeoutMs),
    })
    const answer = await events.first(['handshake-answered', 'handshake-failed', 'connection-closed'], connection)
    if (answer.type !== 'handshake-answered') {
      const failure = answer.type === 'handshake-failed' ? answer.failure : 'closed'
      return course.failed({ step: 'handshake', ...causeOfHandshake(failure, address.toString()) })
    }
    course.passed('handshake')
    return course.ended({ peer, info: answer.info, chain })
  } finally {
    signal?.removeEventListener('abort', giveUp)
    await host.stop()
  }
}

/** Without a chain to name it asks all the same: the peer answers whoever asks, and closes then. */
function infoFor(chain: DiagnoseOptions['chain'], agent: string): NodeInfo {
  const { id, genesis } = chain ?? { id: 'unknown', genesis: toRoot('0'.repeat(64)) }
  return { chain: id, genesis, head: { height: 0, root: genesis, work: 0n }, serves: [], agent }
}

/** How far one address came, and when. */
class Course {
  readonly #startedMs = performance.now()
  readonly #address: Pick<Examination, 'address' | 'gateway'>
  readonly #steps: { readonly step: ExaminationStep; readonly durationMs: number }[] = []
  #lastMs = this.#startedMs

  constructor(args: Pick<Examination, 'address' | 'gateway'> & { readonly resolvedMs?: number }) {
    const { resolvedMs, ...address } = args
    this.#address = address
    if (resolvedMs !== undefined) this.#steps.push({ step: 'resolved', durationMs: Math.round(resolvedMs) })
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs
  }

  /** Of so much time for all; whole, as timers of Node.js want it. */
  leftMs(timeoutMs: number): number {
    return Math.max(1, Math.ceil(timeoutMs - this.elapsedMs))
  }

  passed(step: ExaminationStep, nowMs: number = performance.now()): void {
    this.#steps.push({ step, durationMs: Math.round(nowMs - this.#lastMs) })
    this.#lastMs = nowMs
  }

  failed(failure: Omit<NonNullable<Examination['failure']>, 'durationMs'>): Examination {
    const durationMs = Math.round(performance.now() - this.#lastMs)
    // Nothing of an address that cannot be dialled is resolved.
    if (failure.step === 'resolved') this.#steps.length = 0
    return this.#examination({ failure: { ...failure, durationMs }, peer: undefined })
  }

  /** The handshake is done: whose it was is the last question. */
  ended(args: {
    readonly peer: string
    readonly info: NodeInfo
    readonly chain: DiagnoseOptions['chain']
  }): Examination {
    const { chain, genesis, agent, head } = args.info
    const peer = { id: args.peer, agent, chain, genesis, height: head.height }
    const mismatch = args.chain === undefined ? undefined : judgeNodeInfo(args.info, args.chain)
    if (mismatch === undefined && args.chain !== undefined) this.passed('same-chain')
    const failure =
      mismatch === undefined
        ? undefined
        : ({ step: 'same-chain', cause: 'wrong-chain', message: mismatch, durationMs: 0 } as const)
    return this.#examination({ failure, peer })
  }

  #examination(end: Pick<Examination, 'failure' | 'peer'>): Examination {
    return { ...this.#address, isReachable: end.failure === undefined, steps: this.#steps, ...end }
  }
}

/** What a host told; some of it is waited for. Bounded by how little happens to one short dial. */
class Events implements HostSink {
  readonly #told: HostEvent[] = []
  #look: (event: HostEvent) => void = () => {}

  post(event: HostEvent): void {
    this.#told.push(event)
    this.#look(event)
  }

  /** Sync and exchange are not what is asked here. */
  async offer(): Promise<void> {}

  /** The first event of these types, past or to come; with a connection, one of its own. */
  first<Type extends HostEvent['type']>(
    types: readonly Type[],
    connection?: ConnectionId,
  ): Promise<Extract<HostEvent, { type: Type }>> {
    type Wanted = Extract<HostEvent, { type: Type }>
    const isWanted = (event: HostEvent): event is Wanted =>
      (types as readonly string[]).includes(event.type) &&
      (connection === undefined || ('connection' in event && event.connection === connection))
    return new Promise((resolve) => {
      const past = this.#told.find(isWanted)
      if (past !== undefined) return resolve(past)
      this.#look = (event) => {
        if (isWanted(event)) resolve(event)
      }
    })
  }
}
