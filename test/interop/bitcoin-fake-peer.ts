/** A Bitcoin peer of a few lines, which says what the test tells it to, and the host's side of the conversation. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { NETWORKS } from '../../src/chain/bitcoin/networks.ts'
import type { ExchangeReceived } from '../../src/core/exchange/exchange-event.ts'
import type { HostEvent, MessageReceived } from '../../src/core/event.ts'
import type { ConnectionId, Root } from '../../src/core/ids.ts'
import { toDialId, toRequestId } from '../../src/core/ids.ts'
import type { NodeInfo, SyncMessage } from '../../src/core/message.ts'
import { doubleSha256 } from '../../src/host/bitcoin-socket.nodejs.ts'
import type { BitcoinTcpHost, BitcoinTcpHostOptions } from '../../src/host/bitcoin-tcp-host.nodejs.ts'
import { createBitcoinTcpHost } from '../../src/host/bitcoin-tcp-host.nodejs.ts'
import {
  BitcoinMessageReader,
  encodeBitcoinMessage,
  type BitcoinMessage,
} from '../../src/wire/bitcoin/message-frame.ts'
import { readRoot } from '../../src/wire/bitcoin/payload.ts'
import { encodeVersion } from '../../src/wire/bitcoin/version-message.ts'

export const REGTEST_MAGIC = 'fabfb5da'
export const HEADER_BYTES = 80
export const GENESIS: Root = NETWORKS.regtest.genesis
export const GENESIS_HEADER: Uint8Array = NETWORKS.regtest.genesisHeader
export const NOTHING: Uint8Array = new Uint8Array(0)

export function rootOf(header: Uint8Array): Root {
  return readRoot(doubleSha256(header), 0)
}

/** A regtest chain from genesis, ten minutes a header. */
export function chainOf(count: number, salt = 0): Uint8Array {
  return mineHeaders({ parent: GENESIS_HEADER, count, firstTime: 1_700_000_000, stepSeconds: 600, salt })
}

/** Headers `from` … `to - 1` of these. */
export function slice(headers: Uint8Array, from: number, to?: number): Uint8Array {
  return headers.slice(from * HEADER_BYTES, to === undefined ? undefined : to * HEADER_BYTES)
}

export function encode(command: string, payload: Uint8Array = NOTHING, magic: string = REGTEST_MAGIC): Uint8Array {
  return encodeBitcoinMessage({ magic, command, payload, doubleSha256 })
}

interface FakeVersion {
  readonly startHeight?: number
  readonly services?: bigint
  readonly userAgent?: string
  readonly nonce?: bigint
}

/** One connection's far end. Messages are kept until somebody asks for them. */
export class FakeBitcoinPeer {
  readonly socket: Socket
  readonly closed: Promise<void>
  readonly #messages: BitcoinMessage[] = []
  #onMessage: () => void = () => {}
  #isClosed = false

  constructor(socket: Socket) {
    this.socket = socket
    const reader = new BitcoinMessageReader({ magic: REGTEST_MAGIC, isWanted: () => true, doubleSha256 })
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      reader.push(chunk)
      for (let message = reader.next(); message !== undefined; message = reader.next()) this.#messages.push(message)
      this.#onMessage()
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isClosed = true
        this.#onMessage()
        resolve()
      })
    })
  }

  send(command: string, payload: Uint8Array = NOTHING): void {
    this.socket.write(encode(command, payload))
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** The next message, whatever it is. Rejects when the connection ends first. */
  async receiveAny(): Promise<{ readonly command: string; readonly payload: Uint8Array }> {
    for (;;) {
      const message = this.#messages.shift()
      if (message?.payload !== undefined) return { command: message.command, payload: message.payload }
      if (this.#isClosed) throw new Error('expected a message, the connection is closed')
      await new Promise<void>((resolve) => (this.#onMessage = resolve))
    }
  }

  /** The payload of the next message of this kind; what comes before it is dropped. */
  async receive(command: string): Promise<Uint8Array> {
    for (;;) {
      const message = await this.receiveAny()
      if (message.command === command) return message.payload
    }
  }

  sendVersion({ startHeight = 0, services = 0x9n, userAgent = '/fake:1/', nonce = 77n }: FakeVersion = {}): void {
    const version = { protocolVersion: 70_016, services, nonce, userAgent, startHeight }
    this.send('version', encodeVersion(version, 1_700_000_000))
  }

  /** As the one who was dialled. Resolves when the host has said all. */
  async answerHandshake(version: FakeVersion = {}): Promise<void> {
    await this.receive('version')
    this.sendVersion(version)
    await this.receive('verack')
    this.send('verack')
    await this.receive('sendheaders')
  }

  end(): void {
    this.socket.destroy()
  }
}

/** Listens for the host. */
export class FakeBitcoinListener {
  readonly #server: Server
  readonly #waiting: Socket[] = []
  #onSocket: (() => void) | undefined

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#waiting.push(socket)
      this.#onSocket?.()
    })
  }

  static async listen(host = '127.0.0.1'): Promise<FakeBitcoinListener> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    return new FakeBitcoinListener(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get address(): string {
    return `bitcoin://127.0.0.1:${this.port}`
  }

  async accept(): Promise<FakeBitcoinPeer> {
    for (;;) {
      const socket = this.#waiting.shift()
      if (socket !== undefined) return new FakeBitcoinPeer(socket)
      await new Promise<void>((resolve) => (this.#onSocket = resolve))
    }
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
  }
}

type SinkEvent = HostEvent | MessageReceived | ExchangeReceived

/** A host with a core of a few lines: it shakes every hand and writes down what it is told. */
export class HostRig {
  readonly host: BitcoinTcpHost
  readonly events: SinkEvent[] = []
  /** While set, messages are not taken. */
  gate: Promise<void> | undefined
  dialCount = 0
  /** Handshakes that we asked for. */
  handshakeCount = 0
  #onEvent: () => void = () => {}
  #nextId = 1
  readonly #info: NodeInfo = {
    chain: 'bitcoin:regtest',
    genesis: GENESIS,
    head: { height: 7, root: GENESIS, work: 2n },
    serves: ['headers', 'ancestors'],
    agent: 'rushlight/0.1.0',
  }
  readonly handshakeTimeoutMs: number

  private constructor(host: BitcoinTcpHost, handshakeTimeoutMs: number) {
    this.host = host
    this.handshakeTimeoutMs = handshakeTimeoutMs
  }

  static async start(
    options: Partial<BitcoinTcpHostOptions> & { readonly handshakeTimeoutMs?: number } = {},
  ): Promise<HostRig> {
    const { handshakeTimeoutMs = 60_000, ...hostOptions } = options
    const host = createBitcoinTcpHost({
      chain: 'bitcoin:regtest',
      genesis: GENESIS,
      summaryOf: (root) => (root === GENESIS ? { height: 0, work: 2n } : undefined),
      ...hostOptions,
    })
    const rig = new HostRig(host, handshakeTimeoutMs)
    await host.start({
      post: (event) => rig.#take(event),
      offer: async (event) => {
        if (event.type === 'message-received') rig.#take(event)
        await rig.gate
      },
    })
    return rig
  }

  get port(): number {
    return Number(this.host.addresses[0]?.split(':').at(-1))
  }

  /** Dials; the outcome is an event. */
  dial(address: string, timeoutMs = 60_000): void {
    this.dialCount += 1
    this.host.perform({ type: 'dial', dial: toDialId(this.#nextId++), address, timeoutMs })
  }

  send(connection: ConnectionId, message: SyncMessage): void {
    this.host.perform({ type: 'send-message', connection, message })
  }

  /** The first event of this type from index `from` on. */
  async until<Type extends SinkEvent['type']>(type: Type, from = 0): Promise<Extract<SinkEvent, { type: Type }>> {
    for (;;) {
      const found = this.events.slice(from).find((event) => event.type === type)
      if (found !== undefined) return found as Extract<SinkEvent, { type: Type }>
      await new Promise<void>((resolve) => (this.#onEvent = resolve))
    }
  }

  /** The first message of this type. */
  async untilMessage<Type extends SyncMessage['type']>(type: Type): Promise<Extract<SyncMessage, { type: Type }>> {
    for (;;) {
      const found = this.messages.find((message) => message.type === type)
      if (found !== undefined) return found as Extract<SyncMessage, { type: Type }>
      await new Promise<void>((resolve) => (this.#onEvent = resolve))
    }
  }

  get messages(): readonly SyncMessage[] {
    return this.events.flatMap((event) => (event.type === 'message-received' ? [event.message] : []))
  }

  typesOf(connection: ConnectionId): readonly string[] {
    return this.events.flatMap((event) =>
      'connection' in event && event.connection === connection ? [event.type] : [],
    )
  }

  #take(event: SinkEvent): void {
    this.events.push(event)
    const info = this.#info
    if (event.type === 'connection-opened' && event.direction === 'outbound') {
      const request = toRequestId(this.#nextId++)
      const { connection } = event
      // The connection is in the host's hands only after this event.
      queueMicrotask(() => {
        this.handshakeCount += 1
        const timeoutMs = this.handshakeTimeoutMs
        this.host.perform({ type: 'request-handshake', connection, request, info, timeoutMs })
      })
    }
    if (event.type === 'handshake-requested') {
      const { connection, request } = event
      this.host.perform({ type: 'answer-handshake', connection, request, info })
    }
    this.#onEvent()
  }
}

/** A host that dialled a fake peer, both done with their handshake. */
export async function meet(
  options: Parameters<typeof HostRig.start>[0] & { readonly version?: FakeVersion } = {},
): Promise<{ rig: HostRig; peer: FakeBitcoinPeer; connection: ConnectionId }> {
  const { version, ...hostOptions } = options
  const listener = await FakeBitcoinListener.listen()
  const rig = await HostRig.start(hostOptions)
  rig.dial(listener.address)
  const peer = await listener.accept()
  listener.close()
  await peer.answerHandshake(version)
  const { connection } = await rig.until('handshake-answered')
  return { rig, peer, connection }
}

/** A fake peer that dialled the host, both done with their handshake. */
export async function visit(rig: HostRig): Promise<FakeBitcoinPeer> {
  const peer = knock(rig.port)
  peer.sendVersion()
  await peer.receive('verack')
  peer.send('verack')
  await peer.receive('sendheaders')
  return peer
}

/** A fake peer that dialled and says nothing. */
export function knock(port: number): FakeBitcoinPeer {
  return new FakeBitcoinPeer(connect({ host: '127.0.0.1', port }))
}
