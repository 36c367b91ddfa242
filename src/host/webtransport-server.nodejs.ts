import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { fingerprintOf, type Certificate } from './certificate.nodejs.ts'
import type { AddonRequest, AddonServer, WebTransportAddon } from './webtransport-addon.nodejs.ts'

/** Nobody else is there to be asked: our own call comes at once, or never. */
const CLOSE_TIMEOUT_MS = 1_000
/** The addon lets go of a port when its objects are collected; seen to take one or two rounds. */
const BIND_ATTEMPTS_MAX = 50
const BIND_RETRY_MS = 100
const UNAVAILABLE_STATUS = 503

interface ServerOptions {
  readonly addon: WebTransportAddon
  readonly host: string
  readonly port: number
  readonly certificate: Certificate
  /** Called with the server that was asked: by the time it is answered that one may be over. */
  readonly onRequest: (request: AddonRequest, server: WebTransportServer) => void
}

/**
 * A server of the addon that can be ended and followed by another on its port. The addon's own `close` waits for ever while
 * an `accept` does: a call of ours ends the `accept` first.
 */
export class WebTransportServer {
  readonly #options: ServerOptions
  readonly #ended: Promise<void>
  #isClosing = false

  /** Throws where the port is in use. */
  constructor(options: ServerOptions) {
    this.#options = options
    const { addon, host, port, certificate } = options
    const { certificatePem, keyPem } = certificate
    const server = addon.NapiServer.bind(`${host}:${port}`, Buffer.from(certificatePem), Buffer.from(keyPem))
    this.#ended = this.#acceptAll(server)
  }

  /** A session that opens from now on holds the port for nothing. */
  get isClosing(): boolean {
    return this.#isClosing
  }

  /** No more sessions; those that are there are their owner's. */
  async close(): Promise<void> {
    if (!this.#isClosing) this.#callOurselves()
    this.#isClosing = true
    await Promise.race([this.#ended, delay(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
  }

  async #acceptAll(server: AddonServer): Promise<void> {
    while (!this.#isClosing) {
      // One that failed before it asked for anything tells nothing of the others.
      const request = await server.accept().catch(() => undefined)
      if (request === null) return
      if (request === undefined) await nextTurn()
      else if (this.#isClosing) await request.reject(UNAVAILABLE_STATUS).catch(() => {})
      else this.#options.onRequest(request, this)
    }
    server.close()
  }

  #callOurselves(): void {
    const { addon, host, port, certificate } = this.#options
    const client = addon.NapiClient.withCertificateHashes([Buffer.from(fingerprintOf(certificate))])
    const own = host === '0.0.0.0' ? '127.0.0.1' : host
    client.connect(`https://${own}:${port}/`).then(
      (session) => session.close(0, ''),
      () => {},
    )
  }
}

/** On a port that another server of ours had until now. Rejects when it does not become free in time. */
export async function replaceServer(options: ServerOptions): Promise<WebTransportServer> {
  for (let attempt = 1; ; attempt++) {
    collectGarbage()
    try {
      return new WebTransportServer(options)
    } catch (error) {
      if (attempt === BIND_ATTEMPTS_MAX) throw error
      await delay(BIND_RETRY_MS)
    }
  }
}

/** Once in two weeks. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}
