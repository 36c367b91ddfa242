import type { StreamHandler, StreamHandlerOptions } from '@libp2p/interface'
import type { Libp2pComponents } from './libp2p-core.ts'

type Registrar = Libp2pComponents['registrar']
type Handler = ReturnType<Registrar['getHandler']>

/** Which protocols we speak. Bounded by the code that handles them. */
export class TabRegistrar implements Pick<Registrar, 'getProtocols' | 'handle' | 'unhandle' | 'getHandler'> {
  readonly #handlers = new Map<string, Handler>()

  getProtocols(): string[] {
    return [...this.#handlers.keys()].sort()
  }

  /** Undefined where we do not speak it. */
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
}
