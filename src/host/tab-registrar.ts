import type { IdentifyResult, StreamHandler, StreamHandlerOptions, Topology } from '@libp2p/interface'
import type { Libp2pComponents } from './libp2p-core.ts'

type Registrar = Libp2pComponents['registrar']
type Handler = ReturnType<Registrar['getHandler']>

/** Which protocols we speak, and who wants to know of peers that speak one. Bounded by the code that registers. */
export class TabRegistrar implements Pick<
  Registrar,
  'getProtocols' | 'handle' | 'unhandle' | 'getHandler' | 'register' | 'unregister'
> {
  readonly #handlers = new Map<string, Handler>()
  readonly #topologies = new Map<string, { readonly protocol: string; readonly topology: Topology }>()
  #topologyCount = 0

  getProtocols(): string[] {
    return [...this.#handlers.keys()].sort()
  }

  /** Undefined limits are left to the connection. */
  find(protocol: string): Handler | undefined {
    return this.#handlers.get(protocol)
  }

  getHandler(protocol: string): Handler {
    const found = this.find(protocol)
    if (found === undefined) throw new Error(`expected a protocol with a handler, got ${protocol}`)
    return found
  }

  async handle(protocol: string, handler: StreamHandler, options: StreamHandlerOptions = {}): Promise<void> {
    if (this.#handlers.has(protocol) && options.force !== true) {
      throw new Error(`expected a protocol without a handler, got ${protocol}`)
    }
    this.#handlers.set(protocol, { handler, options })
  }

  async unhandle(protocol: string): Promise<void> {
    this.#handlers.delete(protocol)
  }

  /** Only `onConnect` is ever called, at each identify, whatever the topology's filter says. */
  async register(protocol: string, topology: Topology): Promise<string> {
    const id = `topology-${this.#topologyCount++}`
    this.#topologies.set(id, { protocol, topology })
    return id
  }

  unregister(id: string): void {
    this.#topologies.delete(id)
  }

  /** Identify has told what a peer speaks. */
  learnt({ connection, peerId, protocols }: IdentifyResult): void {
    for (const { protocol, topology } of this.#topologies.values()) {
      if (!protocols.includes(protocol)) continue
      if (connection.limits !== undefined && topology.notifyOnLimitedConnection !== true) continue
      void topology.onConnect?.(peerId, connection)
    }
  }
}
