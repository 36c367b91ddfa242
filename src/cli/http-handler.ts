import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Gateway, Log } from '../nodejs.ts'
import { judgeHealth, VitalsWatch } from './health.ts'
import { isLoopback, isLoopbackHostHeader, type TrustedProxies } from './http-origin.ts'
import { createMetrics } from './metrics.ts'
import { readPageFile } from './page-files.ts'
import { statusJson, type Json } from './status-json.ts'

/** Everything the one HTTP port answers. No request changes anything. */
export interface HttpHandler {
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Whether a WebSocket upgrade may go on to the libp2p listener. */
  allowUpgrade(request: IncomingMessage): boolean
  /** Until then the API answers 503. */
  serve(gateway: Gateway): void
}

export interface HttpHandlerOptions {
  /** What the port is bound to. */
  readonly host: string
  readonly trustedProxies: TrustedProxies
  readonly isPractice: boolean
  /** Whether `/api/status` and `/metrics` are there. */
  readonly hasStatus: boolean
  readonly pageDirectory: URL
  readonly log: Log
}

interface Answer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

// DESIGN, "HTTP safety".
const SAFETY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src * ws: wss:; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}
const NO_STORE = { 'cache-control': 'no-store' }
/** One line about refused requests at most this often, so that nobody can fill a disk with them. */
const REFUSAL_LOG_INTERVAL_MS = 1_000

export function createHttpHandler(options: HttpHandlerOptions): HttpHandler {
  const guardsHost = isLoopback(options.host)
  let routes: ReadonlyMap<string, () => Answer | Promise<Answer>> | undefined
  let refusalLoggedMs = -Infinity

  const isHostAllowed = (request: IncomingMessage): boolean =>
    !guardsHost ||
    isLoopbackHostHeader(request.headers.host) ||
    options.trustedProxies.has(request.socket.remoteAddress)

  const logRefusal = (request: IncomingMessage, statusCode: number): void => {
    const nowMs = performance.now()
    if (nowMs - refusalLoggedMs < REFUSAL_LOG_INTERVAL_MS) return
    refusalLoggedMs = nowMs
    options.log('http-refused', {
      statusCode,
      address: options.trustedProxies.clientAddress(request),
      method: request.method,
      host: request.headers.host?.slice(0, 80),
    })
  }

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    if (!isHostAllowed(request)) {
      return plain(421, 'expected the Host localhost, 127.0.0.1 or [::1]: this gateway serves its own machine only')
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const refusal = plain(405, 'expected GET or HEAD: nothing here can be changed by a request')
      // What was sent along is not read.
      return { ...refusal, headers: { ...refusal.headers, allow: 'GET, HEAD', connection: 'close' } }
    }
    const [path = '/'] = (request.url ?? '/').split('?', 1)
    if (routes === undefined && isOwnPath(path)) return plain(503, 'starting')
    const route = routes?.get(path)
    if (route !== undefined) return route()
    const file = isOwnPath(path) ? undefined : await readPageFile(options.pageDirectory, path)
    if (file === undefined) return plain(404, 'not found')
    const headers = { 'content-type': file.contentType, 'cache-control': file.cacheControl }
    return { statusCode: 200, headers, body: file.body }
  }

  return {
    handle(request, response) {
      answer(request)
        .catch((error: unknown) => {
          options.log('http-failed', { path: request.url, error: String(error) })
          return plain(500, 'something went wrong here')
        })
        .then(({ statusCode, headers, body }) => {
          if (statusCode === 421 || statusCode === 405) logRefusal(request, statusCode)
          response.writeHead(statusCode, { ...SAFETY_HEADERS, ...headers, 'content-length': Buffer.byteLength(body) })
          response.end(body)
        })
        .catch(() => response.destroy())
    },
    allowUpgrade(request) {
      const isAllowed = isHostAllowed(request)
      if (!isAllowed) logRefusal(request, 421)
      return isAllowed
    },
    serve(gateway) {
      routes = createRoutes(gateway, options)
    },
  }
}

function createRoutes(
  gateway: Gateway,
  options: HttpHandlerOptions,
): ReadonlyMap<string, () => Answer | Promise<Answer>> {
  const vitals = new VitalsWatch({ gateway, nowMs: () => performance.now(), isPractice: options.isPractice })
  const routes = new Map<string, () => Answer | Promise<Answer>>()
  routes.set('/api/addresses', () => {
    const { chain, peerId, addresses } = gateway
    const practice = options.isPractice ? { practice: true } : {}
    const answer = json(200, { chain: chain.id, genesis: chain.genesis, peerId, addresses, ...practice })
    // A page served from elsewhere may ask whom to dial; there is nothing else to learn here.
    return { ...answer, headers: { ...answer.headers, 'access-control-allow-origin': '*' } }
  })
  routes.set('/healthz', () => {
    const { healthy, reason } = judgeHealth(vitals.read())
    return json(healthy ? 200 : 503, { healthy, reason })
  })
  if (options.hasStatus) {
    const metrics = createMetrics(gateway)
    routes.set('/api/status', () => json(200, statusJson(gateway.snapshot(), gateway.uptimeMs())))
    routes.set('/metrics', async () => {
      const headers = { 'content-type': metrics.contentType, ...NO_STORE }
      return { statusCode: 200, headers, body: await metrics.read() }
    })
  }
  return routes
}

/** A path that never belongs to a file of the page. */
function isOwnPath(path: string): boolean {
  return path.startsWith('/api/') || path === '/healthz' || path === '/metrics'
}

function plain(statusCode: number, text: string): Answer {
  return { statusCode, headers: { 'content-type': 'text/plain; charset=utf-8', ...NO_STORE }, body: `${text}\n` }
}

function json(statusCode: number, value: Json): Answer {
  const headers = { 'content-type': 'application/json; charset=utf-8', ...NO_STORE }
  return { statusCode, headers, body: `${JSON.stringify(value)}\n` }
}
