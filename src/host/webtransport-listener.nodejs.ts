import { TypedEventEmitter, type Listener, type ListenerEvents, type Upgrader } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { getThinWaistAddresses } from '@libp2p/utils'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { createSocket } from 'node:dgram'
import {
  certificatesAt,
  changesAtMs,
  type Certificates,
  type CertificateStorage,
} from './certificate-rotation.nodejs.ts'
import { fingerprintOf } from './certificate.nodejs.ts'
import type { Libp2pComponents } from './libp2p-core.ts'
import type { AddonRequest, WebTransportAddon } from './webtransport-addon.nodejs.ts'
import { certhashOf, encodeCerthash, WEBTRANSPORT_PATH } from './webtransport-address.ts'
import { replaceServer, WebTransportServer } from './webtransport-server.nodejs.ts'
import { rawAddonSession } from './webtransport-session.nodejs.ts'
import { sessionConnection, sessionMuxer, SessionStream, type RawSession } from './webtransport-session.ts'

/** A timer holds 2^31 ms at most; the time is looked at again after each. */
const TIMER_MS_MAX = 86_400_000
/** After a server that could not be replaced, or a storage that failed. */
const RETRY_MS = 60_000
const FOREIGN_PATH_STATUS = 404

interface Listening {
  readonly host: string
  port: number
  server: WebTransportServer | undefined
  certificates: Certificates
  renewal: ReturnType<typeof setTimeout> | undefined
}

/** Listens by the libp2p WebTransport specification, over the addon; on IPv4 only, which is what the addon binds. */
export class WebTransportListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #addon: WebTransportAddon
  readonly #storage: CertificateStorage
  readonly #components: Libp2pComponents
  readonly #upgrader: Upgrader
  /** Bounded by the core, as their connections are; those that are not secured yet by the upgrader's signals. */
  readonly #sessions = new Set<RawSession>()
  #listening: Listening | undefined

  constructor(args: {
    readonly addon: WebTransportAddon
    readonly storage: CertificateStorage
    readonly components: Libp2pComponents
    readonly upgrader: Upgrader
  }) {
    super()
    this.#addon = args.addon
    this.#storage = args.storage
    this.#components = args.components
    this.#upgrader = args.upgrader
  }

  async listen(address: Multiaddr): Promise<void> {
    const [host, udp] = address.getComponents()
    if (host?.name !== 'ip4' || host.value === undefined || udp?.name !== 'udp') {
      throw new Error(`expected /ip4/HOST/udp/PORT/quic-v1/webtransport, got ${address.toString()}`)
    }
    const certificates = await certificatesAt(Date.now(), this.#storage)
    const port = await freePort(host.value, Number(udp.value))
    const listening: Listening = { host: host.value, port, server: undefined, certificates, renewal: undefined }
    listening.server = new WebTransportServer(this.#serverOptions(listening))
    this.#listening = listening
    this.#renewLater(listening)
    this.safeDispatchEvent('listening')
  }

  getAddrs(): Multiaddr[] {
    if (this.#listening === undefined) return []
    const { host, port } = this.#listening
    // 0.0.0.0 is every address that this machine has.
    const addresses = getThinWaistAddresses(multiaddr(`/ip4/${host}/udp/${port}`))
    return addresses.map((address) => address.encapsulate(`/quic-v1/webtransport${this.#certhashes()}`))
  }

  /** One to announce ends in `/webtransport`: the hashes change, and are added here. */
  updateAnnounceAddrs(addresses: Multiaddr[]): void {
    for (const [index, address] of addresses.entries()) {
      if (address.getComponents().at(-1)?.name !== 'webtransport') continue
      addresses[index] = multiaddr(`${address.toString()}${this.#certhashes()}`)
    }
  }

  async close(): Promise<void> {
    const listening = this.#listening
    this.#listening = undefined
    clearTimeout(listening?.renewal)
    await this.#end(listening?.server)
    this.safeDispatchEvent('close')
  }

  /** Of this certificate and the next one. */
  #certhashes(): string {
    if (this.#listening === undefined) return ''
    const { current, next } = this.#listening.certificates
    return [current, next].map((each) => `/certhash/${encodeCerthash(fingerprintOf(each))}`).join('')
  }

  async #accept(request: AddonRequest, server: WebTransportServer): Promise<void> {
    const signal = this.#upgrader.createInboundAbortSignal(AbortSignal.any([]))
    let session: RawSession | undefined
    const giveUp = (): void => session?.close()
    try {
      const url = new URL(await request.url)
      if (signal.aborted || `${url.pathname}${url.search}` !== WEBTRANSPORT_PATH) {
        return await request.reject(FOREIGN_PATH_STATUS)
      }
      session = this.#added(rawAddonSession(await request.ok()), server)
      signal.addEventListener('abort', giveUp)
      const remotePeer = await this.#secure(session, signal)
      // The addon does not tell where a session comes from.
      const remoteAddr = multiaddr(`/ip4/0.0.0.0/udp/0/quic-v1/webtransport/p2p/${remotePeer.toString()}`)
      const log = this.#components.logger.forComponent('webtransport')
      const raw = sessionConnection({ session, remoteAddr, direction: 'inbound', log })
      const native = { skipEncryption: true, skipProtection: true, remotePeer, muxerFactory: sessionMuxer(session) }
      await this.#upgrader.upgradeInbound(raw, { ...native, signal })
    } catch (error) {
      session?.close()
      throw error
    } finally {
      signal.removeEventListener('abort', giveUp)
      signal.clear()
    }
  }

  #serverOptions({ host, port, certificates }: Listening): ConstructorParameters<typeof WebTransportServer>[0] {
    return {
      addon: this.#addon,
      host,
      port,
      certificate: certificates.current,
      onRequest: (request, server) => void this.#accept(request, server).catch(() => {}),
    }
  }

  async #end(server: WebTransportServer | undefined): Promise<void> {
    await server?.close()
    const sessions = [...this.#sessions]
    for (const session of sessions) session.close()
    await Promise.allSettled(sessions.map(({ closed }) => closed))
  }

  #added(session: RawSession, server: WebTransportServer): RawSession {
    this.#sessions.add(session)
    const forget = (): void => void this.#sessions.delete(session)
    session.closed.then(forget, forget)
    if (server.isClosing) session.close()
    return session
  }

  /** Noise over the first stream; it names every certificate that an address of ours may name. */
  async #secure(session: RawSession, signal: AbortSignal) {
    const raw = await session.acceptStream()
    const certificates = this.#listening?.certificates
    if (raw === undefined || certificates === undefined) throw new Error('the session is over')
    const { last, current, next } = certificates
    const known = [last, current, next].filter((each) => each !== undefined)
    const webtransportCerthashes = known.map((each) => certhashOf(fingerprintOf(each)))
    const log = this.#components.logger.forComponent('webtransport')
    const stream = new SessionStream({ raw, id: 'noise', direction: 'inbound', log })
    const encrypter = noise({ extensions: { webtransportCerthashes } })(this.#components)
    const { remotePeer } = await encrypter.secureInbound(stream, { signal, skipStreamMuxerNegotiation: true })
    await stream.close({ signal })
    return remotePeer
  }

  #renewLater(listening: Listening): void {
    const untilMs = listening.server === undefined ? RETRY_MS : changesAtMs(listening.certificates) - Date.now()
    const delayMs = Math.min(Math.max(untilMs, 0), TIMER_MS_MAX)
    listening.renewal = setTimeout(() => void this.#renew(listening), delayMs)
    listening.renewal.unref()
  }

  /** The addon takes one certificate for good: a new server takes the port over, and those who are here connect again. */
  async #renew(listening: Listening): Promise<void> {
    try {
      const certificates = await certificatesAt(Date.now(), this.#storage)
      if (this.#listening !== listening) return
      const isNew = certificates.current.certificatePem !== listening.certificates.current.certificatePem
      if (isNew || listening.server === undefined) {
        const { server } = listening
        listening.server = undefined
        await this.#end(server)
        listening.certificates = certificates
        const renewed = await replaceServer(this.#serverOptions(listening)).catch(async () => {
          // Somebody was faster, or a stranger's unfinished session holds the port.
          listening.port = await freePort(listening.host, 0)
          return new WebTransportServer(this.#serverOptions(listening))
        })
        if (this.#listening === listening) listening.server = renewed
        else await renewed.close()
      }
      this.safeDispatchEvent('listening')
    } catch (error) {
      this.safeDispatchEvent('error', { detail: error as Error })
    }
    if (this.#listening === listening) this.#renewLater(listening)
  }
}

/** The addon does not tell which port it took for 0. */
async function freePort(host: string, port: number): Promise<number> {
  if (port !== 0) return port
  const socket = createSocket('udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, host, resolve)
  })
  const { port: free } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return free
}
