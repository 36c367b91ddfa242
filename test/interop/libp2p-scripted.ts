import { toDialId, toRequestId, toRoot, type ConnectionId, type DialId } from '../../src/core/ids.ts'
import type { ConnectionOpened, DialFailed, DialSucceeded, HostEvent, MessageReceived } from '../../src/core/event.ts'
import type { ExchangeReceived } from '../../src/core/exchange/exchange-event.ts'
import type { NodeInfo } from '../../src/core/message.ts'
import type { Host, HostSink, UnreadExchange } from '../../src/host/host.ts'
import { createLibp2pHost, type Libp2pHostOptions } from '../../src/host/libp2p-host.ts'
import { libp2pUnderTest } from './libp2p-under-test.ts'

export const HEADER_BYTES = 80

export const INFO: NodeInfo = {
  chain: 'bitcoin:regtest',
  genesis: toRoot('0f'.repeat(32)),
  head: { height: 3, root: toRoot('ab'.repeat(32)), work: 8n },
  serves: ['headers', 'ancestors'],
  agent: 'rushlight-test/1',
}

type Rule = (event: HostEvent) => void

/** A host with a sink that writes everything down and can be waited on. */
export class ScriptedHost implements HostSink {
  readonly host: Host
  readonly events: HostEvent[] = []
  readonly #rules = new Set<Rule>()
  /** Set to hold messages back. */
  room: ((event: MessageReceived | ExchangeReceived) => Promise<void>) | undefined
  #dials = 0

  private constructor(host: Host) {
    this.host = host
  }

  static async start(options: Partial<Libp2pHostOptions> = {}): Promise<ScriptedHost> {
    const host = await createLibp2pHost({
      createLibp2p: libp2pUnderTest,
      // Loaded when needed only, so that this file runs in a tab too.
      transports: options.transports ?? (await import('../../src/host/transports.nodejs.ts')).nodejsTransports(),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      headerSizeBytes: HEADER_BYTES,
      ...options,
    })
    const scripted = new ScriptedHost(host)
    await host.start(scripted)
    return scripted
  }

  post(event: Exclude<HostEvent, MessageReceived | ExchangeReceived>): void {
    this.#take(event)
  }

  async offer(offered: MessageReceived | UnreadExchange): Promise<void> {
    const event = offered.type === 'exchange-unread' ? offered.read(Infinity)?.event : offered
    if (event === undefined) return
    this.#take(event)
    await this.room?.(event)
  }

  get address(): string {
    const [address] = this.host.addresses
    if (address === undefined) throw new Error('expected an address')
    return address
  }

  /** Calls the rule for every event from now on. */
  on(rule: Rule): () => void {
    this.#rules.add(rule)
    return () => this.#rules.delete(rule)
  }

  /** The first event of this type that fits, past or to come. */
  async saw<Type extends HostEvent['type']>(
    type: Type,
    fits: (event: Extract<HostEvent, { type: Type }>) => boolean = () => true,
  ): Promise<Extract<HostEvent, { type: Type }>> {
    const isIt = (event: HostEvent): event is Extract<HostEvent, { type: Type }> =>
      event.type === type && fits(event as Extract<HostEvent, { type: Type }>)
    const past = this.events.find(isIt)
    if (past !== undefined) return past
    return new Promise((resolve) => {
      const stop = this.on((event) => {
        if (!isIt(event)) return
        stop()
        resolve(event)
      })
    })
  }

  startDial(address: string, timeoutMs = 20_000): DialId {
    const dial = toDialId(this.#dials++)
    this.host.perform({ type: 'dial', dial, address, timeoutMs })
    return dial
  }

  async dial(address: string, timeoutMs = 20_000): Promise<DialSucceeded | DialFailed> {
    const dial = this.startDial(address, timeoutMs)
    return Promise.race([
      this.saw('dial-succeeded', (event) => event.dial === dial),
      this.saw('dial-failed', (event) => event.dial === dial),
    ])
  }

  async connect(address: string): Promise<ConnectionId> {
    const outcome = await this.dial(address)
    if (outcome.type === 'dial-failed') throw new Error(outcome.detail)
    return outcome.connection
  }

  async inbound(): Promise<ConnectionOpened> {
    return this.saw('connection-opened', (event) => event.direction === 'inbound')
  }

  /** Answers every handshake. */
  answerHandshakes(info: NodeInfo = INFO): void {
    this.on((event) => {
      if (event.type !== 'handshake-requested') return
      this.host.perform({ type: 'answer-handshake', connection: event.connection, request: event.request, info })
    })
  }

  askHandshake(
    connection: ConnectionId,
    { request = 1, timeoutMs = 20_000 }: { request?: number; timeoutMs?: number } = {},
  ): void {
    const effect = { type: 'request-handshake', connection, request: toRequestId(request), info: INFO } as const
    this.host.perform({ ...effect, timeoutMs })
  }

  count(type: HostEvent['type']): number {
    return this.events.filter((event) => event.type === type).length
  }

  #take(event: HostEvent): void {
    this.events.push(event)
    for (const rule of [...this.#rules]) rule(event)
  }
}
