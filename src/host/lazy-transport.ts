import {
  serviceCapabilities,
  start,
  stop,
  transportSymbol,
  TypedEventEmitter,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type ListenerEvents,
  type Startable,
  type Transport,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { BoundedUpgrader } from './bounded-upgrader.ts'
import { DialProblem } from './dial-problem.ts'
import type { Libp2pComponents, Libp2pTransports } from './libp2p-core.ts'

/** One way of carrying bytes whose code, or native part, is loaded when it is first dialled or listened with. */
export interface LazyRoad {
  /** For people, and unique among transports. */
  readonly name: string
  readonly canDial: (address: Multiaddr) => boolean
  readonly canListen: (address: Multiaddr) => boolean
  /** Resolves when there is something to listen for; until then nothing is loaded, and a failure after it is nobody's. */
  readonly listensAfter?: (components: Libp2pComponents) => Promise<void>
  /** Called once, unless it rejects. */
  readonly load: () => Promise<(components: Libp2pComponents) => Transport>
}

/** A dial over a road that cannot be loaded here rejects with `DialProblem('undialable')`. */
export function lazyTransport(road: LazyRoad): Libp2pTransports[number] {
  return (components) => new LazyTransport(road, components)
}

class LazyTransport implements Transport, Startable {
  readonly [transportSymbol] = true as const
  readonly [serviceCapabilities]: string[] = ['@libp2p/transport']
  readonly #road: LazyRoad
  readonly #components: Libp2pComponents
  readonly #upgrader: BoundedUpgrader
  #loaded: Promise<Transport> | undefined

  constructor(road: LazyRoad, components: Libp2pComponents) {
    this.#road = road
    this.#upgrader = new BoundedUpgrader(components.upgrader)
    // Transports take the upgrader from here too. libp2p's own components make each part on demand: none is copied.
    this.#components = Object.create(components, { upgrader: { value: this.#upgrader } }) as Libp2pComponents
  }

  /** libp2p keeps one transport of a name. */
  get [Symbol.toStringTag](): string {
    return `lazy-${this.#road.name}`
  }

  start(): void {}

  async stop(): Promise<void> {
    // What did not load has nothing to stop.
    const transport = await this.#loaded?.catch(() => undefined)
    await stop(transport)
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const transport = await this.#load()
    options.signal.throwIfAborted()
    return transport.dial(address, { ...options, upgrader: this.#upgrader })
  }

  createListener(options: CreateListenerOptions): Listener {
    return new LazyListener(
      async () => (await this.#load()).createListener({ ...options, upgrader: this.#upgrader }),
      this.#road.listensAfter?.(this.#components),
    )
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => this.#road.canDial(address))
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => this.#road.canListen(address))
  }

  async #load(): Promise<Transport> {
    this.#loaded ??= this.#make()
    try {
      return await this.#loaded
    } catch (cause) {
      this.#loaded = undefined
      const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
      throw new DialProblem('undialable', `${this.#road.name} cannot be used here: ${reason}`, { cause })
    }
  }

  async #make(): Promise<Transport> {
    const make = await this.#road.load()
    const transport = make(this.#components)
    await start(transport)
    return transport
  }
}

class LazyListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #make: () => Promise<Listener>
  readonly #after: Promise<void> | undefined
  #listener: Listener | undefined
  #isClosed = false
  #isAsked = false

  constructor(make: () => Promise<Listener>, after: Promise<void> | undefined) {
    super()
    this.#make = make
    this.#after = after
  }

  async listen(address: Multiaddr): Promise<void> {
    if (this.#after === undefined) return this.#listen(address)
    void this.#after
      .then(() => this.#listen(address))
      .catch((error: unknown) => this.safeDispatchEvent('error', { detail: error as Error }))
  }

  async #listen(address: Multiaddr): Promise<void> {
    const listener = await this.#make()
    if (this.#isClosed) throw new Error('closed before it listened')
    this.#listener = listener
    listener.addEventListener('listening', () => this.safeDispatchEvent('listening'))
    listener.addEventListener('close', () => this.safeDispatchEvent('close'))
    listener.addEventListener('error', ({ detail }) => this.safeDispatchEvent('error', { detail }))
    await listener.listen(address)
    // It may have begun to listen for what is there already.
    if (this.#after !== undefined) this.safeDispatchEvent('listening')
  }

  /** WebRTC's listener has the addresses of all others, and asks them. */
  getAddrs(): Multiaddr[] {
    if (this.#isAsked) return []
    this.#isAsked = true
    try {
      return this.#listener?.getAddrs() ?? []
    } finally {
      this.#isAsked = false
    }
  }

  updateAnnounceAddrs(addresses: Multiaddr[]): void {
    this.#listener?.updateAnnounceAddrs(addresses)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#listener === undefined) this.safeDispatchEvent('close')
    else await this.#listener.close()
  }
}
