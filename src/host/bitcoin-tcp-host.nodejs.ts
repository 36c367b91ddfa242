import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import type { CloseConnection, Dial, HostEffect } from '../core/effect.ts'
import { toConnectionId, toPeerId, type ConnectionId, type PeerId, type Root } from '../core/ids.ts'
import type { HeardAddress } from '../wire/bitcoin/address-messages.ts'
import { bitcoinWireNetwork } from '../wire/bitcoin/network.ts'
import { NODE_NETWORK, NODE_NETWORK_LIMITED, NODE_WITNESS } from '../wire/bitcoin/version-message.ts'
import { BitcoinAddressBook } from './bitcoin-address-book.ts'
import { bitcoinAddress, networkGroup, type BitcoinEndpoint } from './bitcoin-address.ts'
import { fetchBlock, type BlockFetch } from './bitcoin-block-fetch.ts'
import type { BlockAnswer } from './bitcoin-block-requests.ts'
import type { SummaryOf } from './bitcoin-claims.ts'
import { BitcoinDialler, resolveWithDns, type ResolveName } from './bitcoin-dialler.nodejs.ts'
import { BitcoinLink, type BitcoinLinkContext } from './bitcoin-link.nodejs.ts'
import { DialProblem } from './dial-problem.ts'
import { HostError, type Host, type HostSink, type Traffic } from './host.ts'

/**
 * DIFF FROM SPEC: neither this nor a ping every two minutes is what ends a connection. The core closes one without a
 * handshake after 10 s, and pings one that has been silent for 30 s; this is for the day on which it does not.
 */
const NEGOTIATION_TIMEOUT_MS = 30_000
/** A block of 4 MB over 1 Mbit/s takes 32 s; what takes twice as long is a trickle. */
const MESSAGE_TIMEOUT_MS = 60_000
/** The same, and the peer's own search. */
const BLOCK_TIMEOUT_MS = 60_000
const TICK_MS = 1_000
/** Bitcoin peers that dialled us must leave room for tabs. */
const INBOUND_CONNECTIONS_MAX = 32
/** Bitcoin Core netbase.cpp, IsBadPort: nobody may send us to another protocol's port. */
const HEARD_PORT_MIN = 1_024
/** host.ts: `stop` resolves within 3 s. */
const STOP_TIMEOUT_MS = 2_500

export interface BitcoinTcpHostOptions {
  /** The chain's id and genesis: `bitcoin:mainnet` and its like. */
  readonly chain: string
  readonly genesis: Root
  /** Of our own tree of verified headers: a Bitcoin peer says no work, so what it sent is counted from what we have. */
  readonly summaryOf: SummaryOf
  /** Without it nobody can dial us. Port 0 takes any free one. */
  readonly listen?: { readonly host: string; readonly port: number }
  /** What we offer in our version. Default: blocks and headers on regtest, nothing elsewhere, as we have no blocks. */
  readonly services?: bigint
  /** Lines that `saveAddresses` was given in an earlier run. */
  readonly savedAddresses?: readonly string[]
  /** Called with all addresses worth keeping whenever one of them has proved good. */
  readonly saveAddresses?: (lines: readonly string[]) => void
  /** A whole block with witnesses, for peers that ask; undefined when we do not have it. Never rejects. */
  readonly blockOf?: (root: Root) => Promise<Uint8Array | undefined>
  readonly log?: (event: string, fields?: Readonly<Record<string, string | number | boolean | undefined>>) => void
  /** For tests: a network of our own making. */
  readonly forTests?: {
    readonly dnsSeeds?: readonly string[]
    readonly defaultPort?: number
    readonly resolveName?: ResolveName
    readonly allowsPrivate?: boolean
    readonly negotiationTimeoutMs?: number
    readonly messageTimeoutMs?: number
    readonly tickMs?: number
    readonly inboundConnectionsMax?: number
  }
}

/** Bitcoin's own network over TCP. Peers are told apart by address: those we dialled keep their id, others have a new one each time. */
export interface BitcoinTcpHost extends Host {
  /** Whole block by root, from the peer of this connection. Never rejects. */
  requestBlock(args: {
    readonly connection: ConnectionId
    readonly root: Root
    readonly timeoutMs?: number
  }): Promise<BlockAnswer>
  /** Whole block by root, from the peers that keep it, one after the other. False when none had it. Never rejects. */
  fetchBlock(fetch: BlockFetch): Promise<boolean>
}

/** Throws `RangeError` for a chain without a Bitcoin network. */
export function createBitcoinTcpHost(options: BitcoinTcpHostOptions): BitcoinTcpHost {
  return new TcpHost(options)
}

interface OpenLink {
  readonly link: BitcoinLink
  readonly direction: 'inbound' | 'outbound'
  readonly endpoint: BitcoinEndpoint
  isNegotiated: boolean
}

class TcpHost implements BitcoinTcpHost {
  readonly peerId: PeerId
  readonly #options: BitcoinTcpHostOptions
  readonly #book: BitcoinAddressBook
  readonly #dialler: BitcoinDialler
  /** Inbound ones are bounded by INBOUND_CONNECTIONS_MAX, outbound ones by the core's targets. */
  readonly #links = new Map<ConnectionId, OpenLink>()
  #context: BitcoinLinkContext | undefined
  #server: Server | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #nextConnection = 1
  #isStopped = false
  #onLastClosed: () => void = () => {}

  constructor(options: BitcoinTcpHostOptions) {
    const { chain, savedAddresses = [], forTests = {} } = options
    const network = bitcoinWireNetwork(chain)
    this.#options = options
    this.peerId = toPeerId(`bitcoin-${randomNonce()}`)
    const { allowsPrivate = false, resolveName = resolveWithDns } = forTests
    const { dnsSeeds = network.dnsSeeds, defaultPort = network.defaultPort } = forTests
    this.#book = new BitcoinAddressBook({ random: Math.random, allowsPrivate, saved: savedAddresses })
    this.#dialler = new BitcoinDialler({
      network: { ...network, dnsSeeds, defaultPort },
      book: this.#book,
      resolveName,
      nowMs,
      openGroups: () => this.#openGroups(),
    })
  }

  /** Where Bitcoin nodes can dial us, as `bitcoin://HOST:PORT`; no tab can use these. */
  get addresses(): readonly string[] {
    const address = this.#server?.address()
    if (address === null || address === undefined || typeof address === 'string') return []
    return [bitcoinAddress({ host: address.address, port: address.port })]
  }

  async start(sink: HostSink): Promise<void> {
    const { chain, genesis, summaryOf, listen, services, blockOf, forTests = {} } = this.#options
    const network = bitcoinWireNetwork(chain)
    const offered = network.chain === 'bitcoin:regtest' ? NODE_NETWORK | NODE_WITNESS : 0n
    this.#context = {
      network,
      genesis,
      services: services ?? offered,
      summaryOf,
      sink,
      negotiationTimeoutMs: forTests.negotiationTimeoutMs ?? NEGOTIATION_TIMEOUT_MS,
      messageTimeoutMs: forTests.messageTimeoutMs ?? MESSAGE_TIMEOUT_MS,
      nowMs,
      isOwnNonce: (nonce) => [...this.#links.values()].some(({ link }) => link.nonce === nonce),
      onAddresses: (addresses) => this.#heardOf(addresses),
      blockOf: blockOf ?? (() => Promise.resolve(undefined)),
    }
    if (listen !== undefined) {
      await this.#listen(listen)
      this.#options.log?.('bitcoin-listening', { address: this.addresses.join(' ') })
    }
    this.#timer = setInterval(() => this.#tick(), forTests.tickMs ?? TICK_MS)
    this.#timer.unref()
  }

  perform(effect: HostEffect): void {
    switch (effect.type) {
      case 'dial':
        void this.#dial(effect)
        return
      case 'cancel-dial':
        return this.#dialler.cancel(effect.dial)
      case 'close-connection':
        return this.#close(effect)
      case 'request-handshake':
        return this.#links.get(effect.connection)?.link.requestHandshake(effect)
      case 'answer-handshake':
        return this.#links.get(effect.connection)?.link.answerHandshake(effect)
      case 'send-message':
        return this.#links.get(effect.connection)?.link.send(effect.message)
      case 'send-exchange': {
        // Bitcoin peers do not speak bitswap: said at once, so that nothing waits for them.
        const { connection, sequence } = effect
        if (!this.#links.has(connection)) return
        this.#context?.sink.post({ type: 'exchange-send-failed', connection, sequence, failure: 'unsupported' })
        return
      }
      case 'admit-exchange':
      case 'reset-exchange':
        return
    }
  }

  traffic(connection: ConnectionId): Traffic | undefined {
    return this.#links.get(connection)?.link.traffic
  }

  async requestBlock(args: {
    readonly connection: ConnectionId
    readonly root: Root
    readonly timeoutMs?: number
  }): Promise<BlockAnswer> {
    const open = this.#links.get(args.connection)
    if (open === undefined) return { type: 'failed', failure: 'closed' }
    return await open.link.requestBlock(args.root, args.timeoutMs ?? BLOCK_TIMEOUT_MS)
  }

  fetchBlock(fetch: BlockFetch): Promise<boolean> {
    return fetchBlock(() => [...this.#links.values()].map(({ link }) => link), fetch)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    this.#dialler.stop()
    const closed = Promise.all([this.#closeServer(), this.#closeLinks()])
    let deadline: ReturnType<typeof setTimeout> | undefined
    const cutOff = new Promise<void>((resolve) => {
      deadline = setTimeout(resolve, STOP_TIMEOUT_MS)
    })
    await Promise.race([closed, cutOff])
    clearTimeout(deadline)
  }

  #closeServer(): Promise<void> {
    const server = this.#server
    if (server === undefined) return Promise.resolve()
    return new Promise((resolve) => server.close(() => resolve()))
  }

  #closeLinks(): Promise<void> {
    if (this.#links.size === 0) return Promise.resolve()
    for (const { link } of this.#links.values()) link.destroy()
    return new Promise((resolve) => (this.#onLastClosed = resolve))
  }

  #listen(listen: { readonly host: string; readonly port: number }): Promise<void> {
    const server = createServer((socket) => this.#accept(socket))
    return new Promise((resolve, reject) => {
      // Later on, too: a connection that cannot be accepted for want of files must not end the process.
      server.on('error', (cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message
        const { host, port } = listen
        reject(new HostError('listen-failed', `cannot listen on ${bitcoinAddress({ host, port })}: ${why}`, { cause }))
      })
      server.listen(listen.port, listen.host, () => {
        this.#server = server
        resolve()
      })
    })
  }

  #accept(socket: Socket): void {
    const { forTests = {} } = this.#options
    const inboundCount = [...this.#links.values()].filter(({ direction }) => direction === 'inbound').length
    const isFull = inboundCount >= (forTests.inboundConnectionsMax ?? INBOUND_CONNECTIONS_MAX)
    if (isFull || this.#isStopped) socket.destroy()
    else this.#open(socket, 'inbound')
  }

  async #dial(effect: Dial): Promise<void> {
    const sink = this.#context?.sink
    try {
      const { socket, chosen, release } = await this.#dialler.dial(effect)
      if (this.#isStopped) socket.destroy()
      const opened = this.#open(socket, 'outbound', chosen)
      release()
      if (opened === undefined) throw new DialProblem('closed', `${effect.address} hung up at once`)
      sink?.post({ type: 'dial-succeeded', dial: effect.dial, connection: opened.id, peer: opened.peer })
    } catch (error) {
      if (!(error instanceof DialProblem)) throw error
      sink?.post({ type: 'dial-failed', dial: effect.dial, failure: error.failure, detail: error.message })
    }
  }

  /** Undefined when it is closed already. `endpoint`: as the address book knows it. */
  #open(socket: Socket, direction: 'inbound' | 'outbound', endpoint?: BitcoinEndpoint): BitcoinLink | undefined {
    const context = this.#context
    const { remoteAddress, remotePort } = socket
    if (context === undefined || remoteAddress === undefined || remotePort === undefined) {
      socket.destroy()
      return undefined
    }
    const remote = { host: remoteAddress.replace(/^::ffff:/, ''), port: remotePort }
    const id = toConnectionId(`bitcoin-${this.#nextConnection++}`)
    const peer = toPeerId(`bitcoin-${remote.host}-${remote.port}`)
    context.sink.post({
      type: 'connection-opened',
      connection: id,
      peer,
      direction,
      transport: 'bitcoin',
      address: bitcoinAddress(remote),
      isLimited: false,
    })
    const link = new BitcoinLink({
      context,
      id,
      peer,
      direction,
      socket,
      nonce: randomNonce(),
      onNegotiated: () => this.#negotiated(id),
      onClosed: () => this.#closed(id),
    })
    this.#links.set(id, { link, direction, endpoint: endpoint ?? remote, isNegotiated: false })
    return link
  }

  #negotiated(id: ConnectionId): void {
    const open = this.#links.get(id)
    if (open === undefined) return
    open.isNegotiated = true
    if (open.direction === 'inbound') return
    this.#book.worked(open.endpoint)
    this.#options.saveAddresses?.(this.#book.save())
  }

  #closed(id: ConnectionId): void {
    const open = this.#links.get(id)
    this.#links.delete(id)
    if (open?.isNegotiated === false) this.#book.failed(open.endpoint, nowMs())
    this.#context?.sink.post({ type: 'connection-closed', connection: id })
    if (this.#links.size === 0) this.#onLastClosed()
  }

  #close({ connection, reason }: CloseConnection): void {
    const open = this.#links.get(connection)
    if (open === undefined) return
    this.#options.log?.('connection-closing', { connection, reason })
    if (reason !== 'misbehaviour' && reason !== 'wrong-chain') return open.link.close()
    this.#book.failed(open.endpoint, nowMs())
    open.link.destroy()
  }

  #openGroups(): readonly string[] {
    return [...this.#links.values()].flatMap(({ direction, endpoint }) =>
      direction === 'outbound' ? [networkGroup(endpoint.host)] : [],
    )
  }

  #heardOf(addresses: readonly HeardAddress[]): void {
    for (const { host, port, services } of addresses) {
      const isUseful = (services & (NODE_NETWORK | NODE_NETWORK_LIMITED)) !== 0n && port >= HEARD_PORT_MIN
      if (isUseful) this.#book.add({ host, port })
    }
  }

  #tick(): void {
    const now = nowMs()
    for (const { link } of this.#links.values()) link.tick(now)
  }
}

function nowMs(): number {
  return performance.now()
}

function randomNonce(): bigint {
  return randomBytes(8).readBigUInt64LE()
}
