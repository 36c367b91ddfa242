import type { Socket } from 'node:net'
import type { AnswerHandshake, RequestHandshake } from '../core/effect.ts'
import type { Misbehaviour, NetworkFailure } from '../core/failure.ts'
import type { ConnectionId, PeerId, RequestId, Root } from '../core/ids.ts'
import { toRequestId } from '../core/ids.ts'
import type { Announce, NodeInfo, SyncMessage } from '../core/message.ts'
import { decodeAddresses, decodeAddressesV2, type HeardAddress } from '../wire/bitcoin/address-messages.ts'
import { decodeHeaders, encodeGetHeaders, encodeHeaders } from '../wire/bitcoin/header-messages.ts'
import {
  decodeInventory,
  encodeInventory,
  INVENTORY_BLOCK,
  INVENTORY_WITNESS_BLOCK,
} from '../wire/bitcoin/inventory-message.ts'
import type { BitcoinMessage } from '../wire/bitcoin/message-frame.ts'
import type { BitcoinWireNetwork } from '../wire/bitcoin/network.ts'
import { readRoot } from '../wire/bitcoin/payload.ts'
import type { VersionMessage } from '../wire/bitcoin/version-message.ts'
import { undecodable } from '../wire/wire-error.ts'
import type { BlockLink } from './bitcoin-block-fetch.ts'
import { BitcoinBlockRequests, type BlockAnswer } from './bitcoin-block-requests.ts'
import { BitcoinClaims, HEADER_SIZE_BYTES, type SummaryOf } from './bitcoin-claims.ts'
import { BitcoinHeaderRequests } from './bitcoin-header-requests.ts'
import { BitcoinNegotiation, servesHeaders } from './bitcoin-negotiation.ts'
import { BitcoinServing } from './bitcoin-serving.ts'
import { BitcoinSocket, doubleSha256 } from './bitcoin-socket.nodejs.ts'
import type { HostSink, Traffic } from './host.ts'

/** Pings that were not answered yet; the core has one under way at a time. */
const PINGS_MAX = 8
/** One answer to our getaddr, and what is passed on while it lasts. */
const ADDRESSES_PER_CONNECTION_MAX = 2_000
const NONCE_BYTES = 8
const NOTHING = new Uint8Array(0)

/** Every command that means something here; the payload of any other is skipped, whatever it is. */
const WANTED_COMMANDS: ReadonlySet<string> = new Set(
  'version verack sendheaders ping pong headers getheaders inv getdata notfound addr addrv2'.split(' '),
)

/** What all connections of a host have in common. */
export interface BitcoinLinkContext {
  readonly network: BitcoinWireNetwork
  readonly genesis: Root
  readonly services: bigint
  readonly summaryOf: SummaryOf
  readonly sink: HostSink
  readonly negotiationTimeoutMs: number
  readonly messageTimeoutMs: number
  readonly nowMs: () => number
  readonly isOwnNonce: (nonce: bigint) => boolean
  readonly onAddresses: (addresses: readonly HeardAddress[]) => void
  /** A whole block with witnesses; undefined when we do not have it. Never rejects. */
  readonly blockOf: (root: Root) => Promise<Uint8Array | undefined>
}

export interface BitcoinLinkOptions {
  readonly context: BitcoinLinkContext
  readonly id: ConnectionId
  readonly peer: PeerId
  readonly direction: 'inbound' | 'outbound'
  readonly socket: Socket
  readonly nonce: bigint
  /** Its handshake is done. */
  readonly onNegotiated: () => void
  /** Called once, after the last event but `connection-closed`. */
  readonly onClosed: () => void
}

/** One connection to a Bitcoin peer: its messages become the core's, and the core's become its. */
export class BitcoinLink implements BlockLink {
  readonly id: ConnectionId
  readonly peer: PeerId
  readonly nonce: bigint
  readonly #options: BitcoinLinkOptions
  readonly #context: BitcoinLinkContext
  readonly #socket: BitcoinSocket
  readonly #negotiation: BitcoinNegotiation
  readonly #serving: BitcoinServing
  readonly #blocks: BitcoinBlockRequests
  readonly #openedMs: number
  /** Once their version is here. */
  #theirs: { readonly requests: BitcoinHeaderRequests; readonly info: NodeInfo; readonly services: bigint } | undefined
  #handshake: { readonly request: RequestId; readonly deadlineMs: number } | undefined
  /** Requests of the core by the nonce they went with; bounded by PINGS_MAX. */
  readonly #pings = new Map<string, RequestId>()
  #prefersHeaders = false
  #addressCount = 0
  #isEnded = false

  constructor(options: BitcoinLinkOptions) {
    const { context, id, peer, nonce, socket } = options
    this.id = id
    this.peer = peer
    this.nonce = nonce
    this.#options = options
    this.#context = context
    this.#openedMs = context.nowMs()
    const send = (command: string, payload: Uint8Array): void => this.#socket.send(command, payload)
    this.#negotiation = new BitcoinNegotiation({
      services: context.services,
      nonce,
      isOwnNonce: context.isOwnNonce,
      send,
      nowUnixSeconds: () => Math.floor(Date.now() / 1_000),
    })
    this.#serving = new BitcoinServing({
      send,
      untilDrained: () => this.#socket.untilDrained(),
      blockOf: context.blockOf,
    })
    this.#blocks = new BitcoinBlockRequests((root) => {
      send('getdata', encodeInventory([{ type: INVENTORY_WITNESS_BLOCK, root }]))
    })
    this.#socket = new BitcoinSocket({
      socket,
      network: context.network,
      messageTimeoutMs: context.messageTimeoutMs,
      nowMs: context.nowMs,
      isWanted: (command) => WANTED_COMMANDS.has(command) || (command === 'block' && this.#blocks.isWaiting),
      onMessage: (message) => this.#take(message),
      onMisbehaved: (misbehaviour, detail) => this.#tellMisbehaviour(misbehaviour, detail),
      onClosed: () => this.#end(),
    })
  }

  get traffic(): Traffic {
    return this.#socket.traffic
  }

  /** We dialled: our version goes first. */
  requestHandshake({ request, info, timeoutMs }: RequestHandshake): void {
    this.#handshake = { request, deadlineMs: this.#context.nowMs() + timeoutMs }
    this.#negotiation.sendVersion(info)
  }

  answerHandshake({ info }: AnswerHandshake): void {
    this.#negotiation.sendVersion(info)
  }

  send(message: SyncMessage): void {
    const { nowMs } = this.#context
    switch (message.type) {
      case 'get-headers':
        return this.#theirs?.requests.getHeaders(message, nowMs())
      case 'get-ancestors':
        return this.#theirs?.requests.getAncestors(message, nowMs())
      case 'ping':
        return this.#ping(message.request)
      case 'announce':
        return this.#announce(message)
      case 'get-block-outline':
      case 'get-peers':
        // This wire has no such thing: said at once, so that nobody waits.
        void this.#offer({ type: 'refused', request: message.request, reason: 'unknown-request' }, 0)
        return
      case 'block-outline':
      case 'peers':
        return
      case 'headers':
      case 'ancestors':
      case 'pong':
      case 'refused':
        return this.#serving.answer(message, nowMs())
    }
  }

  get services(): bigint | undefined {
    return this.#isEnded || !this.#negotiation.isDone ? undefined : this.#theirs?.services
  }

  get pendingBlockCount(): number {
    return this.#blocks.pendingCount
  }

  get missedBlockCount(): number {
    return this.#blocks.missedCount
  }

  blockWasInvalid(detail: string): void {
    this.#misbehaved('invalid-block', detail)
  }

  requestBlock(root: Root, timeoutMs: number): Promise<BlockAnswer> {
    if (this.#isEnded || !this.#negotiation.isDone) return Promise.resolve({ type: 'failed', failure: 'closed' })
    return this.#blocks.request(root, this.#context.nowMs() + timeoutMs)
  }

  close(): void {
    this.#socket.close()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Deadlines, about once a second. */
  tick(nowMs: number): void {
    this.#socket.tick(nowMs)
    this.#blocks.tick(nowMs)
    this.#theirs?.requests.tick(nowMs)
    for (const message of this.#serving.takeDue(nowMs)) void this.#offer(message, 0)
    if (this.#handshake !== undefined && nowMs >= this.#handshake.deadlineMs) this.#failHandshake('timeout')
    if (!this.#negotiation.isDone && nowMs >= this.#openedMs + this.#context.negotiationTimeoutMs) this.destroy()
  }

  // What the peer sends.

  async #take({ command, payload }: BitcoinMessage): Promise<void> {
    if (!this.#negotiation.isDone) return this.#negotiate(command, payload)
    if (payload === undefined) {
      if (command === 'block') this.#misbehaved('unasked', 'a block that nobody asked for')
      return
    }
    switch (command) {
      case 'version':
        throw undecodable('one version', 'a second')
      case 'sendheaders':
        this.#prefersHeaders = true
        return
      case 'pong':
        return this.#takePong(payload)
      case 'headers':
        return this.#takeHeaders(payload)
      case 'inv':
        return this.#takeInventory(payload)
      case 'block':
        return this.#takeBlock(payload)
      case 'notfound':
        for (const { root } of decodeInventory(payload, 'notfound')) this.#blocks.notFound(root)
        return
      case 'addr':
      case 'addrv2':
        return this.#takeAddresses(command === 'addr' ? decodeAddresses(payload) : decodeAddressesV2(payload))
      default:
        return this.#serve(command, payload)
    }
  }

  async #serve(command: string, payload: Uint8Array): Promise<void> {
    switch (command) {
      case 'ping':
        return this.#question(this.#serving.ping(payload), payload.length)
      case 'getheaders':
        return this.#question(this.#serving.getHeaders(payload), payload.length)
      case 'getdata':
        return this.#serving.getData(payload)
    }
  }

  async #question(message: SyncMessage | undefined, sizeBytes: number): Promise<void> {
    if (message === undefined) return
    await this.#offer(message, sizeBytes)
    await this.#serving.untilRoom()
  }

  #negotiate(command: string, payload: Uint8Array | undefined): void {
    const step = this.#negotiation.take(command, payload)
    switch (step.type) {
      case 'pending':
        return
      case 'self':
        return this.destroy()
      case 'version':
        return this.#versionCame(step.version)
      case 'done':
        return this.#negotiated()
    }
  }

  #versionCame(version: VersionMessage): void {
    const { genesis, network, summaryOf, sink } = this.#context
    const rootOf = (header: Uint8Array): Root => readRoot(doubleSha256(header), 0)
    const claims = new BitcoinClaims({ startHeight: version.startHeight, summaryOf, rootOf })
    const requests = new BitcoinHeaderRequests({
      genesis,
      claims,
      rootOf,
      send: (message) => this.#socket.send('getheaders', encodeGetHeaders(message)),
    })
    const info: NodeInfo = {
      chain: network.chain,
      genesis,
      head: claims.head,
      serves: servesHeaders(version) ? ['headers', 'ancestors'] : [],
      agent: version.userAgent,
    }
    this.#theirs = { requests, info, services: version.services }
    if (this.#options.direction === 'outbound') return
    sink.post({ type: 'handshake-requested', connection: this.id, request: toRequestId(0), info })
  }

  #negotiated(): void {
    const { direction, onNegotiated } = this.#options
    this.#socket.send('sendheaders', NOTHING)
    if (direction === 'outbound') this.#socket.send('getaddr', NOTHING)
    const handshake = this.#handshake
    this.#handshake = undefined
    if (handshake !== undefined && this.#theirs !== undefined) {
      const { info } = this.#theirs
      this.#context.sink.post({ type: 'handshake-answered', connection: this.id, request: handshake.request, info })
    }
    onNegotiated()
  }

  async #takeHeaders(payload: Uint8Array): Promise<void> {
    const message = this.#theirs?.requests.take(decodeHeaders(payload), this.#context.nowMs())
    if (message === 'unasked') return this.#misbehaved('unasked', 'headers that nobody asked for')
    if (message !== undefined) await this.#offer(message, payload.length)
  }

  /** The newest alone: what lies below it comes with it. */
  #takeInventory(payload: Uint8Array): void {
    const newest = decodeInventory(payload, 'inv').at(-1)
    if (newest !== undefined) this.#theirs?.requests.blockNamed(newest.root, this.#context.nowMs())
  }

  #takeBlock(payload: Uint8Array): void {
    if (payload.length <= HEADER_SIZE_BYTES) {
      throw undecodable(`a block of more than ${HEADER_SIZE_BYTES} bytes`, String(payload.length))
    }
    const root = readRoot(doubleSha256(payload.subarray(0, HEADER_SIZE_BYTES)), 0)
    if (!this.#blocks.blockCame(root, payload)) this.#misbehaved('unasked', `block ${root}, which nobody asked for`)
  }

  async #takePong(payload: Uint8Array): Promise<void> {
    const nonce = nonceText(payload)
    const request = this.#pings.get(nonce)
    if (request === undefined) return
    this.#pings.delete(nonce)
    await this.#offer({ type: 'pong', request }, payload.length)
  }

  /** Of strangers who dialled us we did not ask, and do not want, any. */
  #takeAddresses(addresses: readonly HeardAddress[]): void {
    if (this.#options.direction === 'inbound') return
    const room = ADDRESSES_PER_CONNECTION_MAX - this.#addressCount
    this.#addressCount += addresses.length
    if (room > 0) this.#context.onAddresses(addresses.slice(0, room))
  }

  // What we send.

  #ping(request: RequestId): void {
    const nonce = new Uint8Array(NONCE_BYTES)
    new DataView(nonce.buffer).setBigUint64(0, BigInt(request), true)
    for (const oldest of this.#pings.keys()) {
      if (this.#pings.size < PINGS_MAX) break
      this.#pings.delete(oldest)
    }
    this.#pings.set(nonceText(nonce), request)
    this.#socket.send('ping', nonce)
  }

  /** BIP 130: as headers to those who asked for that, by name to the others. */
  #announce({ headers, head }: Announce): void {
    if (this.#prefersHeaders) this.#socket.send('headers', encodeHeaders(headers))
    else this.#socket.send('inv', encodeInventory([{ type: INVENTORY_BLOCK, root: head.root }]))
  }

  // What the core is told.

  async #offer(message: SyncMessage, sizeBytes: number): Promise<void> {
    if (this.#isEnded) return
    await this.#context.sink.offer({ type: 'message-received', connection: this.id, message }, sizeBytes)
  }

  #misbehaved(misbehaviour: Misbehaviour, detail: string): void {
    this.destroy()
    this.#tellMisbehaviour(misbehaviour, detail)
  }

  #tellMisbehaviour(misbehaviour: Misbehaviour, detail: string): void {
    if (!this.#isEnded) this.#context.sink.post({ type: 'peer-misbehaved', connection: this.id, misbehaviour, detail })
  }

  #failHandshake(failure: NetworkFailure): void {
    const handshake = this.#handshake
    if (handshake === undefined) return
    this.#handshake = undefined
    const { request } = handshake
    this.#context.sink.post({ type: 'handshake-failed', connection: this.id, request, failure })
  }

  #end(): void {
    this.#failHandshake('closed')
    this.#isEnded = true
    this.#serving.end()
    this.#blocks.end()
    this.#options.onClosed()
  }
}

function nonceText(nonce: Uint8Array): string {
  return nonce.join(' ')
}
