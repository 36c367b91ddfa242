import {
  transportSymbol,
  type Connection,
  type DialTransportOptions,
  type Listener,
  type Logger,
  type Transport,
} from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { joinPieces } from './join-pieces.ts'
import type { Libp2pComponents, Libp2pTransports } from './libp2p-core.ts'

/** Sent and not yet on its way, before whoever sends is told to wait; as the library has it. */
const BUFFERED_BYTES_MAX: number = 4 * 1024 * 1024
/** A WebSocket does not tell when its buffer is empty. */
const POLL_MS = 10
/** multiformats/multiaddr, protocols/: ws and wss, with tls, sni and http-path. */
const ADDRESS =
  /^\/(?:ip4|(ip6)|dns[46]?)\/([^/]+)\/tcp\/(\d+)(\/tls(?:\/sni\/([^/]+))?)?\/ws(s?)(?:\/http-path\/([^/]+))?(?:\/p2p\/[^/]+)?$/

/** Undefined where a WebSocket does not lead. */
export function webSocketUrl(address: string): string | undefined {
  const match = ADDRESS.exec(address)
  if (match === null) return undefined
  const [, ip6, host = '', port = '', tls, name, secure = '', path = ''] = match
  const scheme = tls === undefined && secure === '' ? 'ws' : 'wss'
  return `${scheme}://${ip6 === undefined ? (name ?? host) : `[${host}]`}:${port}/${decodeURIComponent(path)}`
}

/** Dials by the platform's own WebSocket; a tab does not listen. It takes 1 kB gzip where the library's takes 4. */
export function browserWebSockets(): Libp2pTransports[number] {
  return (components) => new BrowserWebSockets(components)
}

class BrowserWebSockets implements Transport {
  readonly [transportSymbol] = true as const
  readonly [Symbol.toStringTag] = 'websockets'
  readonly #components: Libp2pComponents

  constructor(components: Libp2pComponents) {
    this.#components = components
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const url = webSocketUrl(address.toString())
    if (url === undefined) throw new Error(`expected a WebSocket address, got ${address.toString()}`)
    const socket = await open(url, options.signal)
    const raw = new WebSocketConnection(socket, address, this.#components.logger.forComponent('websockets'))
    return options.upgrader.upgradeOutbound(raw, options)
  }

  createListener(): Listener {
    throw new Error('a tab does not listen for WebSockets')
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => webSocketUrl(address.toString()) !== undefined)
  }

  listenFilter(): Multiaddr[] {
    return []
  }
}

function open(url: string, signal: AbortSignal): Promise<WebSocket> {
  signal.throwIfAborted()
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  return new Promise((resolve, reject) => {
    const settled = new AbortController()
    const fail = (reason: Error): void => {
      settled.abort()
      socket.close()
      reject(reason)
    }
    const heard = { signal: settled.signal }
    signal.addEventListener('abort', () => fail(signal.reason as Error), heard)
    // A browser says no more than that.
    socket.addEventListener('error', () => fail(new Error('no WebSocket opened')), heard)
    const succeed = (): void => {
      settled.abort()
      resolve(socket)
    }
    socket.addEventListener('open', succeed, heard)
  })
}

/** A browser reads on whatever we do: what comes is held back by the windows of the muxer above. */
class WebSocketConnection extends AbstractMultiaddrConnection {
  readonly #socket: WebSocket
  #poll: ReturnType<typeof setInterval> | undefined

  constructor(socket: WebSocket, remoteAddr: Multiaddr, log: Logger) {
    super({ remoteAddr, direction: 'outbound', log })
    this.#socket = socket
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer) this.onData(new Uint8Array(data))
      else this.abort(new Error('expected bytes, got text'))
    })
    socket.addEventListener('close', ({ wasClean }) => {
      clearInterval(this.#poll)
      if (wasClean) this.onTransportClosed()
      else this.onRemoteReset()
    })
  }

  sendData(data: Uint8ArrayList): SendResult {
    // A message is an event for whoever reads it: the length, bytes and tag of a sealed frame are one.
    for (const chunk of joinPieces(data)) this.#socket.send(chunk as Uint8Array<ArrayBuffer>)
    const canSendMore = this.#socket.bufferedAmount < BUFFERED_BYTES_MAX
    if (!canSendMore) this.#poll ??= setInterval(() => this.#tellDrained(), POLL_MS)
    return { sentBytes: data.byteLength, canSendMore }
  }

  async sendClose(): Promise<void> {
    this.#socket.close()
  }

  sendReset(): void {
    this.#socket.close()
  }

  sendPause(): void {}

  sendResume(): void {}

  #tellDrained(): void {
    if (this.#socket.bufferedAmount > 0) return
    clearInterval(this.#poll)
    this.#poll = undefined
    this.safeDispatchEvent('drain')
  }
}
