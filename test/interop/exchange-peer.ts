/**
 * A Rushlight peer as far as others can tell, with a host and without a core: it shakes hands, answers pings, and exchanges
 * blocks as its maker says. Cheap enough to have hundreds of in one process.
 */
import type { HostEvent, MessageReceived } from '../../src/core/event.ts'
import type { ExchangeReceived } from '../../src/core/exchange/exchange-event.ts'
import type { IncomingExchange, OutgoingExchange, WantEntry } from '../../src/core/exchange/exchange-message.ts'
import type { Chain } from '../../src/core/chain.ts'
import { toDialId, toRequestId, type Cid, type ConnectionId } from '../../src/core/ids.ts'
import { EXCHANGE_PACKED_BYTES_MAX } from '../../src/core/limits.ts'
import type { NodeInfo } from '../../src/core/message.ts'
import type { Host, HostSink, UnreadExchange } from '../../src/host/host.ts'
import { createLibp2pHost } from '../../src/host/libp2p-host.ts'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import type { Libp2pParts } from '../../src/host/libp2p-core.ts'
import { libp2pUnderTest } from './libp2p-under-test.ts'
import type { Silence } from './exchange-strangers.ts'

const TIMEOUT_MS = 60_000

/** What goes into the next messages. */
interface Queued {
  wants: WantEntry[]
  cancels: Cid[]
  dontHaves: Cid[]
  readonly blocks: OutgoingExchange['blocks'][number][]
}

export interface ExchangePeerOptions {
  readonly chain: Chain
  /** What it serves; without this it says that it does not have it. */
  readonly blockOf?: (cid: Cid) => Uint8Array | undefined
  /** From when its handshake is done. A peer that never closes reads everything and never answers. */
  readonly silence?: Silence | undefined
  readonly onReceived?: (message: IncomingExchange, peer: ExchangePeer) => void
}

export class ExchangePeer implements HostSink {
  readonly #options: ExchangePeerOptions
  readonly #info: NodeInfo
  #host: Host | undefined
  #connection: ConnectionId | undefined
  readonly #connected = Promise.withResolvers<void>()
  #isDeaf = false
  #isSending = false
  #sequence = 0
  #queued: Queued = { wants: [], cancels: [], blocks: [], dontHaves: [] }

  private constructor(options: ExchangePeerOptions) {
    this.#options = options
    const { id, genesis } = options.chain
    const { height, root, work } = options.chain.createTree().tip
    this.#info = { chain: id, genesis, head: { height, root, work }, serves: [], agent: 'rushlight-test/1' }
  }

  /** Resolves when the other side has answered its handshake. */
  static async connect(address: string, options: ExchangePeerOptions): Promise<ExchangePeer> {
    const peer = new ExchangePeer(options)
    peer.#host = await createLibp2pHost({
      createLibp2p: (parts) => libp2pUnderTest({ ...parts, muxer: peer.#deafenable(parts.muxer) }),
      transports: nodejsTransports({ transports: ['tcp'] }),
      listen: [],
      headerSizeBytes: options.chain.headerSizeBytes,
    })
    await peer.#host.start(peer)
    peer.#host.perform({ type: 'dial', dial: toDialId(1), address, timeoutMs: TIMEOUT_MS })
    await peer.#connected.promise
    return peer
  }

  /** As soon as what is on its way is drained; what is asked for meanwhile goes together. */
  want(cids: readonly Cid[]): void {
    for (const cid of cids) this.#queued.wants.push({ cid, priority: 1, want: 'block', sendDontHave: false })
    this.#send()
  }

  cancel(cids: readonly Cid[]): void {
    this.#queued.cancels.push(...cids)
    this.#send()
  }

  async stop(): Promise<void> {
    await this.#host?.stop()
  }

  post(event: Exclude<HostEvent, MessageReceived | ExchangeReceived>): void {
    switch (event.type) {
      case 'connection-opened': {
        const { connection } = event
        this.#connection = connection
        const request = toRequestId(1)
        const info = this.#info
        this.#host?.perform({ type: 'request-handshake', connection, request, info, timeoutMs: TIMEOUT_MS })
        this.#host?.perform({ type: 'admit-exchange', connection })
        return
      }
      case 'handshake-requested': {
        const { connection, request } = event
        this.#host?.perform({ type: 'answer-handshake', connection, request, info: this.#info })
        return
      }
      case 'handshake-answered':
        if (this.#options.silence === 'never answers the negotiation') this.#isDeaf = true
        return this.#connected.resolve()
      case 'exchange-sent':
      case 'exchange-send-failed':
        this.#isSending = false
        return this.#send()
      case 'dial-failed':
        return this.#connected.reject(new Error(event.detail))
      default:
    }
  }

  /** Without a promise that resolves there is no room, and the host reads no more. */
  offer(event: MessageReceived | UnreadExchange): Promise<void> {
    if (event.type === 'exchange-unread') {
      if (this.#options.silence === 'never reads') return new Promise(() => {})
      const message = event.read(Infinity)?.event.message
      if (message !== undefined) this.#take(message)
    } else if (event.message.type === 'ping') {
      const { connection, message } = event
      const pong = { type: 'pong', request: message.request } as const
      this.#host?.perform({ type: 'send-message', connection, message: pong })
    }
    return Promise.resolve()
  }

  #take(message: IncomingExchange): void {
    this.#options.onReceived?.(message, this)
    if (this.#options.silence !== undefined) return
    for (const { cid } of message.wants) {
      const bytes = this.#options.blockOf?.(cid)
      if (bytes === undefined) this.#queued.dontHaves.push(cid)
      else this.#queued.blocks.push({ cid, bytes })
    }
    this.#send()
  }

  #send(): void {
    const queued = this.#queued
    const { wants, cancels, dontHaves } = queued
    const isEmpty = wants.length + cancels.length + queued.blocks.length + dontHaves.length === 0
    if (this.#isSending || isEmpty || this.#connection === undefined) return
    this.#isSending = true
    queued.wants = []
    queued.cancels = []
    queued.dontHaves = []
    let packedBytes = 0
    const packed = queued.blocks.findIndex(({ bytes }) => (packedBytes += bytes.length) > EXCHANGE_PACKED_BYTES_MAX)
    const blocks = queued.blocks.splice(0, packed === -1 ? queued.blocks.length : Math.max(1, packed))
    const message = { wants, cancels, blocks, haves: [], dontHaves, isFullWantlist: false, pendingBytes: 0 }
    const sequence = (this.#sequence += 1)
    const effect = { type: 'send-exchange', connection: this.#connection, sequence } as const
    this.#host?.perform({ ...effect, message, timeoutMs: TIMEOUT_MS })
  }

  /** Once it is deaf, streams open and nobody is told: what is asked on them stays unanswered. */
  #deafenable(muxer: Libp2pParts['muxer']): Libp2pParts['muxer'] {
    return (components) => {
      const factory = muxer(components)
      const create = factory.createStreamMuxer.bind(factory)
      return Object.assign(factory, {
        createStreamMuxer: (...args: Parameters<typeof create>) => {
          const created = create(...args)
          const listen = created.addEventListener.bind(created)
          return Object.assign(created, {
            addEventListener: (...[type, listener, options]: Parameters<typeof listen>) => {
              if (type !== 'stream' || typeof listener !== 'function') return listen(type, listener, options)
              listen(type, (event) => this.#isDeaf || listener(event), options)
            },
          })
        },
      })
    }
  }
}
