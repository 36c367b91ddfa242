import type { Connection, Libp2pEvents, Listener, Transport, TypedEventTarget, Upgrader } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { DialProblem } from './dial-problem.ts'
import type { Libp2pComponents } from './libp2p-core.ts'

type TransportManager = Libp2pComponents['transportManager']

/** The transports that were handed in, and what they listen on. Bounded by the addresses that somebody asked for. */
export class TabTransports implements Pick<
  TransportManager,
  'dial' | 'getAddrs' | 'getListeners' | 'getTransports' | 'dialTransportForMultiaddr' | 'listen'
> {
  readonly #upgrader: Upgrader
  readonly #events: TypedEventTarget<Libp2pEvents>
  readonly #listeners = new Set<Listener>()
  #transports: readonly Transport[] = []

  constructor(args: { readonly upgrader: Upgrader; readonly events: TypedEventTarget<Libp2pEvents> }) {
    this.#upgrader = args.upgrader
    this.#events = args.events
  }

  /** Transports are made with this at hand, so they come after it. */
  use(transports: readonly Transport[]): void {
    this.#transports = transports
  }

  getTransports(): Transport[] {
    return [...this.#transports]
  }

  getListeners(): Listener[] {
    return [...this.#listeners]
  }

  getAddrs(): Multiaddr[] {
    return this.getListeners().flatMap((listener) => listener.getAddrs())
  }

  dialTransportForMultiaddr(address: Multiaddr): Transport | undefined {
    return this.#transports.find((transport) => transport.dialFilter([address]).length > 0)
  }

  /** Rejects with `DialProblem('undialable')` when no transport fits. */
  async dial(address: Multiaddr, options: { readonly signal: AbortSignal }): Promise<Connection> {
    const transport = this.dialTransportForMultiaddr(address)
    if (transport === undefined) throw undialable(address)
    return transport.dial(address, { ...options, upgrader: this.#upgrader })
  }

  /** Resolves when all listen. */
  async listen(addresses: readonly Multiaddr[]): Promise<void> {
    await Promise.all(addresses.map((address) => this.#listenOn(address)))
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.getListeners().map((listener) => listener.close()))
  }

  async #listenOn(address: Multiaddr): Promise<void> {
    const transport = this.#transports.find((each) => each.listenFilter([address]).length > 0)
    if (transport === undefined) throw new Error(`no transport of this platform can listen on ${address.toString()}`)
    const listener = transport.createListener({ upgrader: this.#upgrader })
    this.#listeners.add(listener)
    const tell = (type: 'transport:listening' | 'transport:close'): void => {
      this.#events.safeDispatchEvent(type, { detail: listener })
    }
    listener.addEventListener('listening', () => tell('transport:listening'))
    listener.addEventListener('close', () => {
      this.#listeners.delete(listener)
      tell('transport:close')
    })
    try {
      await listener.listen(address)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${address.toString()}: ${reason}`, { cause })
    }
  }
}

function undialable(address: Multiaddr): DialProblem {
  const [first] = address.getComponents()
  if (first?.name === 'dnsaddr') {
    return new DialProblem('undialable', `${address.toString()} must be looked up, which this platform cannot do`)
  }
  return new DialProblem('undialable', `no transport of this platform can dial ${address.toString()}`)
}
