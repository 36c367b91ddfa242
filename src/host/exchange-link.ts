import type { Connection, Stream } from '@libp2p/interface'
import type { PeerMisbehaved } from '../core/event.ts'
import type { SendExchange } from '../core/exchange/exchange-effect.ts'
import type { ExchangeSendFailed, ExchangeSent } from '../core/exchange/exchange-event.ts'
import type { ConnectionId } from '../core/ids.ts'
import { ExchangeInbound } from './exchange-inbound.ts'
import { ExchangeOutbound } from './exchange-outbound.ts'
import { holdBack } from './hold-back.ts'
import type { UnreadExchange } from './host.ts'

/** Bitswap on one connection: a stream of ours, and those that the peer opens. The two know nothing of each other. */
export class ExchangeLink {
  readonly #inbound: ExchangeInbound
  readonly #outbound: ExchangeOutbound

  constructor(args: {
    readonly connection: Connection
    readonly id: ConnectionId
    readonly post: (event: ExchangeSent | ExchangeSendFailed | PeerMisbehaved) => void
    readonly offer: (message: UnreadExchange, sizeBytes: number) => Promise<void>
  }) {
    const { connection } = args
    this.#inbound = new ExchangeInbound({ ...args, holdBack: (isHeldBack) => holdBack(connection, isHeldBack) })
    this.#outbound = new ExchangeOutbound(args)
  }

  get bytesIn(): number {
    return this.#inbound.bytesIn
  }

  get bytesOut(): number {
    return this.#outbound.bytesOut
  }

  accept(stream: Stream): void {
    this.#inbound.accept(stream)
  }

  admit(): void {
    this.#inbound.admit()
  }

  send(effect: SendExchange): void {
    this.#outbound.send(effect)
  }

  reset(): void {
    this.#outbound.reset()
  }

  /** Once a second. */
  tick(): void {
    this.#inbound.tick()
    this.#outbound.tick()
  }

  /** The connection is gone or going: a message under way fails, and one that is still sent fails at once. */
  end(): void {
    this.#inbound.end()
    this.#outbound.end()
  }
}
