import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { bitcoin, type Gateway, type LogFields } from '../nodejs.ts'
import { createHttpHandler, type HttpHandler } from './http-handler.ts'
import { TrustedProxies } from './http-origin.ts'

const CHAIN = bitcoin('regtest')
const CSP =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src * ws: wss:; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"

/** As much of a gateway as HTTP asks for. */
class QuietGateway extends EventTarget {
  readonly chain = CHAIN
  readonly peerId = 'peer'
  readonly addresses = ['/ip4/127.0.0.1/tcp/1/ws/p2p/peer']
  subscribe(): () => void {
    return () => {}
  }
  lastVerifiedAgoMs(): number {
    return 0
  }
  loopAgeMs(): number {
    return 0
  }
  uptimeMs(): number {
    return 90_000
  }
  snapshot(): unknown {
    return {
      chain: CHAIN.id,
      genesis: CHAIN.genesis,
      status: 'synced',
      statusReason: '',
      head: { height: 3, root: CHAIN.genesis, time: 0, work: 2n, trust: 'genesis', confirmedBy: 0 },
      progress: { target: undefined, verified: 3, headersPerSecond: 0 },
      peers: [],
      store: { kind: 'files', reason: undefined, headerCount: 4, sizeBytes: 320 },
      exchange: {
        blocksReceived: 7,
        bytesReceived: 700,
        duplicateBlocks: 2,
        unwantedBlocks: 1,
        blocksSent: 9,
        bytesSent: 900,
        wantCount: 3,
        storedBlocks: 5,
        storedBytes: 500,
      },
      uptimeMs: 1,
      version: '0.1.0',
    }
  }
}

interface Site {
  readonly handler: HttpHandler
  readonly port: number
  readonly logged: [string, LogFields][]
  get(path: string, options?: { method?: string; headers?: Record<string, string> }): Promise<Answer>
}
interface Answer {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

async function open(
  options: {
    host?: string
    trusted?: readonly string[]
    isPractice?: boolean
    hasStatus?: boolean
    isStarting?: boolean
  } = {},
): Promise<Site> {
  const logged: [string, LogFields][] = []
  const handler = createHttpHandler({
    host: options.host ?? '127.0.0.1',
    trustedProxies: new TrustedProxies(options.trusted ?? []),
    isPractice: options.isPractice ?? false,
    hasStatus: options.hasStatus ?? true,
    pageDirectory: new URL('./nowhere/', import.meta.url),
    log: (event, fields = {}) => logged.push([event, fields]),
  })
  if (options.isStarting !== true) handler.serve(new QuietGateway() as unknown as Gateway)
  const server = createServer((incoming, outgoing) => handler.handle(incoming, outgoing))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const get: Site['get'] = (path, { method = 'GET', headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => (body += text))
        response.on('end', () => resolve({ statusCode: response.statusCode ?? 0, headers: response.headers, body }))
      })
        .on('error', reject)
        .end()
    })
  return { handler, port, logged, get }
}

test('the API answers JSON that nobody keeps', async () => {
  const { get } = await open()
  const status = await get('/api/status?x=1')
  expect(status.statusCode).toBe(200)
  expect(status.headers['cache-control']).toBe('no-store')
  expect(status.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(status.headers['access-control-allow-origin']).toBeUndefined()
  expect(JSON.parse(status.body)).toMatchObject({ chain: 'bitcoin:regtest', head: { height: 3 } })

  const addresses = await get('/api/addresses')
  expect(addresses.headers['access-control-allow-origin']).toBe('*')
  expect(addresses.headers['cache-control']).toBe('no-store')
  expect(JSON.parse(addresses.body)).toEqual({
    chain: 'bitcoin:regtest',
    genesis: CHAIN.genesis,
    peerId: 'peer',
    addresses: ['/ip4/127.0.0.1/tcp/1/ws/p2p/peer'],
  })
})

test('a practice chain says that it is one, and is healthy alone', async () => {
  const practice = await open({ isPractice: true })
  expect(JSON.parse((await practice.get('/api/addresses')).body)).toMatchObject({ practice: true })
  const health = await practice.get('/healthz')
  expect([health.statusCode, JSON.parse(health.body)]).toEqual([200, { healthy: true, reason: 'no-peers' }])

  const alone = await (await open()).get('/healthz')
  expect([alone.statusCode, JSON.parse(alone.body)]).toEqual([503, { healthy: false, reason: 'no-peers' }])
})

test('metrics are in the text format, by names of our own', async () => {
  const { get } = await open()
  const { headers, body } = await get('/metrics')
  expect(headers['content-type']).toContain('text/plain')
  expect(body).toContain('rushlight_head_height 3\n')
  expect(body).toContain('rushlight_status{status="synced"} 1\n')
  // A scrape sets the light node's own counts; it does not add them up.
  expect((await get('/metrics')).body).toContain('rushlight_blocks_served_total 9\n')
  const names = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(20)
  expect(names.filter((name) => name?.startsWith('rushlight_') !== true)).toEqual([])
})

test('the uptime goes on while nothing else changes', async () => {
  const { get } = await open()
  expect(JSON.parse((await get('/api/status')).body)).toMatchObject({ uptimeMs: 90_000 })
  expect((await get('/metrics')).body).toMatch(/^rushlight_uptime_seconds 90$/m)
})

test('--no-status takes status and metrics away, and leaves the rest', async () => {
  const { get } = await open({ hasStatus: false })
  const codes = await Promise.all(['/api/status', '/metrics', '/api/addresses', '/'].map((path) => get(path)))
  expect(codes.map(({ statusCode }) => statusCode)).toEqual([404, 404, 200, 200])
})

test.each(['/', '/api/status', '/missing', '/healthz'])('%s carries every safety header', async (path) => {
  const { headers } = await (await open()).get(path)
  expect(headers['content-security-policy']).toBe(CSP)
  expect(headers['x-content-type-options']).toBe('nosniff')
  expect(headers['referrer-policy']).toBe('no-referrer')
})

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('%s is not allowed anywhere', async (method) => {
  const { get } = await open()
  for (const path of ['/', '/api/status', '/missing']) {
    const { statusCode, headers } = await get(path, { method })
    expect([statusCode, headers.allow]).toEqual([405, 'GET, HEAD'])
  }
})

test('HEAD is GET without the body', async () => {
  const { get } = await open()
  const [whole, head] = [await get('/api/addresses'), await get('/api/addresses', { method: 'HEAD' })]
  expect(head.statusCode).toBe(200)
  expect(head.body).toBe('')
  expect(head.headers['content-length']).toBe(whole.headers['content-length'])
})

test.each(['/api/', '/api/nothing', '/api/status/', '/API/status', '/..%2f..%2fpackage.json', '/%'])(
  '%s is not found',
  async (path) => {
    expect((await (await open()).get(path)).statusCode).toBe(404)
  },
)

test('a foreign Host gets 421 on loopback, and may not upgrade; each is logged, not more than once a second', async () => {
  const { get, handler, logged } = await open()
  for (const host of ['evil.example', 'evil.example:8645', 'localhost.evil.example']) {
    expect((await get('/api/status', { headers: { host } })).statusCode).toBe(421)
  }
  expect((await get('/', { method: 'POST', headers: { host: 'evil.example' } })).statusCode).toBe(421)
  expect(logged).toEqual([
    ['http-refused', { statusCode: 421, address: '127.0.0.1', method: 'GET', host: 'evil.example' }],
  ])
  const upgrade = (host: string): boolean =>
    handler.allowUpgrade({ headers: { host }, socket: { remoteAddress: '127.0.0.1' } } as never)
  expect([upgrade('evil.example'), upgrade('localhost:1'), upgrade('[::1]:1')]).toEqual([false, true, true])
})

test('a Host that lacks altogether gets 421 too', async () => {
  const { port } = await open()
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.0\r\n\r\n'))
    let text = ''
    socket
      .setEncoding('utf8')
      .on('data', (part: string) => (text += part))
      .on('close', () => resolve(text))
  })
  expect(answer).toMatch(/^HTTP\/1\.1 421 /)
})

test('any Host is right where everybody may come, or where a trusted proxy passes it on', async () => {
  const headers = { host: 'gateway.example' }
  expect((await (await open({ host: '0.0.0.0' })).get('/api/status', { headers })).statusCode).toBe(200)
  expect((await (await open({ trusted: ['127.0.0.1'] })).get('/api/status', { headers })).statusCode).toBe(200)
  expect((await (await open({ trusted: ['10.0.0.0/8'] })).get('/api/status', { headers })).statusCode).toBe(421)
})

test('while it starts the API says so, and the page is there', async () => {
  const { get } = await open({ isStarting: true })
  const answers = await Promise.all(['/api/addresses', '/healthz', '/'].map((path) => get(path)))
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([503, 503, 200])
})
