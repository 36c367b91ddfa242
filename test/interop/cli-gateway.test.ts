import { existsSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { dataPath, testWithData } from '../data-folder.ts'
import { http, Program, run, temporaryFolder } from './cli-program.ts'

interface Status {
  readonly chain: string
  readonly status: string
  readonly head: { readonly height: number; readonly root: string; readonly work: string; readonly trust: string }
  readonly progress: object
  readonly peers: readonly unknown[]
  readonly store: { readonly kind: string; readonly headerCount: number }
}

const POLL_INTERVAL_MS = 20

/** A practice chain whose blocks come so fast that a test need not wait. */
function startPractice(data: string, ...flags: readonly string[]): Program {
  return new Program(['start', '--dev', '--data', data, '--port', '0', '--block-interval', '0.1', ...flags])
}

async function readStatus(port: number): Promise<Status> {
  const { statusCode, body } = await http(port, '/api/status')
  expect(statusCode).toBe(200)
  return JSON.parse(body) as Status
}

/** Asks until it is so; the test's own limit ends a wait in vain. */
async function statusOnce(port: number, isSo: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const status = await readStatus(port)
    if (isSo(status)) return status
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS))
  }
}

test('--dev grows and reorganises a chain, tells so line by line, and stops cleanly within 5 s', async () => {
  const data = join(temporaryFolder(), 'data')
  const gateway = startPractice(data, '--reorg-every', '4')
  const port = await gateway.port()
  const [address] = await gateway.waitFor(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/\S*ws\/p2p\/\S+$/m)
  expect(address).toContain(`/tcp/${port}/`)
  const status = await statusOnce(port, ({ head }) => head.height > 2_016)
  expect(status).toMatchObject({ chain: 'bitcoin:regtest', status: 'synced', store: { kind: 'files' } })
  expect(status.head.work).toMatch(/^[0-9a-f]{64}$/)
  const [reorg] = await gateway.waitFor(/^\S+ reorg .*$/m)
  expect(reorg).toMatch(/reverted=2 adopted=3/)
  await gateway.waitFor(/^\S+ head height=\d+/m)

  const stopMs = performance.now()
  gateway.kill('SIGTERM')
  expect((await gateway.ended).exitCode).toBe(0)
  expect(performance.now() - stopMs).toBeLessThan(5_000)
})

test('a practice chain is continued after kill -9, and begun anew with --reset', async () => {
  const data = join(temporaryFolder(), 'data')
  const first = startPractice(data)
  const before = await statusOnce(await first.port(), ({ store }) => store.headerCount > 2_018)
  first.kill('SIGKILL')
  await first.ended

  const second = startPractice(data)
  const after = await statusOnce(await second.port(), ({ head }) => head.trust === 'genesis' && head.height > 2_018)
  expect(after.head.height).toBeGreaterThanOrEqual(before.store.headerCount - 1)
  second.kill('SIGINT')
  expect((await second.ended).exitCode).toBe(0)

  const exported = await run(['export', join(data, '..', 'out'), '--data', data, '--chain', 'bitcoin:regtest'])
  expect(exported.exitCode).toBe(0)
  const verified = await run(['verify', join(data, '..', 'out'), '--chain', 'bitcoin:regtest', '--json'])
  expect(verified.exitCode).toBe(0)

  const third = startPractice(data, '--reset', '--block-interval', '3600')
  const fresh = await statusOnce(await third.port(), ({ head }) => head.height >= 2_016)
  expect(fresh.head.height).toBe(2_016)
})

test('--reset refuses a folder that --dev did not make', async () => {
  const data = temporaryFolder()
  writeFileSync(join(data, 'thesis.txt'), 'x')
  const { exitCode, stderr } = await run(['start', '--dev', '--reset', '--data', data, '--port', '0'])
  expect(exitCode).toBe(2)
  expect(stderr).toMatch(/^rushlight: --reset: [^\n]*nothing was removed\n$/)
  expect(existsSync(join(data, 'thesis.txt'))).toBe(true)
})

test('the HTTP port answers by its rules, WebSocket upgrades included', async () => {
  const gateway = startPractice(join(temporaryFolder(), 'data'))
  const port = await gateway.port()
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  const evil = { host: 'evil.example' }
  const codes: [string, Parameters<typeof http>[2], number][] = [
    ['/', {}, 200],
    ['/', { method: 'HEAD' }, 200],
    ['/api/status', {}, 200],
    ['/api/addresses', {}, 200],
    ['/metrics', {}, 200],
    ['/healthz', {}, 200],
    ['/missing', {}, 404],
    ['/../package.json', {}, 404],
    ['/%2e%2e/%2e%2e/package.json', {}, 404],
    ['/', { method: 'POST' }, 405],
    ['/api/status', { method: 'DELETE' }, 405],
    ['/', { headers: evil }, 421],
    ['/api/status', { headers: { host: `evil.example:${port}` } }, 421],
    ['/', { headers: { host: `localhost:${port}` } }, 200],
    ['/', { headers: { host: '[::1]' } }, 200],
    ['/', { headers: { ...upgrade, host: `127.0.0.1:${port}` } }, 101],
    ['/', { headers: { ...upgrade, ...evil } }, 421],
  ]
  for (const [path, options, expected] of codes) {
    const { statusCode } = await http(port, path, options)
    expect(`${path} ${JSON.stringify(options)} ${statusCode}`).toBe(`${path} ${JSON.stringify(options)} ${expected}`)
  }
  const { headers, body } = await http(port, '/api/addresses')
  expect(headers['access-control-allow-origin']).toBe('*')
  expect(headers['content-security-policy']).toContain("default-src 'self'")
  expect(JSON.parse(body)).toMatchObject({ chain: 'bitcoin:regtest', practice: true })
})

test('a port in use is one line and exit code 2', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const data = join(temporaryFolder(), 'data')
  const { exitCode, stdout, stderr } = await run(['start', '--dev', '--data', data, '--port', String(port)])
  expect([exitCode, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(
    new RegExp(`^rushlight: [^\n]*127\\.0\\.0\\.1/tcp/${port}/ws: the port is in use; [^\n]*--port[^\n]*\n$`),
  )
})

test('a data folder in use is one line and exit code 2, whoever asks', async () => {
  const data = join(temporaryFolder(), 'data')
  const gateway = startPractice(data)
  const port = await gateway.port()
  await statusOnce(port, ({ store }) => store.headerCount > 2_000)
  const regtest = ['--chain', 'bitcoin:regtest', '--data', data]
  const file = join(data, '..', 'file')
  writeFileSync(file, new Uint8Array(80))
  const attempts = [
    ['start', '--dev', '--data', data, '--port', '0'],
    ['start', '--dev', '--reset', '--data', data, '--port', '0'],
    ['start', ...regtest, '--port', '0'],
    ['import', file, ...regtest],
    ['export', `${file}.out`, ...regtest],
  ]
  for (const args of attempts) {
    const { exitCode, stderr } = await run(args)
    expect([args, exitCode]).toEqual([args, 2])
    expect(stderr).toMatch(/^rushlight: [^\n]*in use[^\n]*\n$/)
  }
  await readStatus(port)
})

test('a data folder that cannot be made is one line and exit code 2', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), 'x')
  for (const flags of [['--dev'], ['--chain', 'bitcoin:regtest']]) {
    const { exitCode, stderr } = await run(['start', ...flags, '--data', join(folder, 'file', 'data'), '--port', '0'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^rushlight: [^\n]*data[^\n]*\n$/)
  }
})

testWithData('with headers stored and no peer a gateway warns and serves them; another one follows it', async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  await run(['import', dataPath('bitcoin', 'headers', 'mainnet-0-10237.bin'), '--data', data])
  const gateway = new Program(['start', '--no-bitcoin', '--data', data, '--port', '0'])
  const port = await gateway.port()
  await gateway.waitFor(/ warning code=no-peers /)
  await statusOnce(port, ({ head }) => head.height === 10_236 && head.trust === 'genesis')
  const health = await http(port, '/healthz')
  expect([health.statusCode, JSON.parse(health.body)]).toEqual([503, { healthy: false, reason: 'no-peers' }])

  const follower = new Program([
    'start',
    '--data',
    join(folder, 'follower'),
    '--port',
    '0',
    '--peer',
    `http://127.0.0.1:${port}`,
  ])
  const followerPort = await follower.port()
  await statusOnce(followerPort, ({ head, store }) => head.height === 10_236 && store.headerCount === 10_237)
  await follower.waitFor(/ peer-ready /)
  await statusOnce(port, ({ peers }) => peers.length === 1)
  gateway.kill('SIGTERM')
  expect((await gateway.ended).exitCode).toBe(0)
  await follower.waitFor(/ peer-gone /)
})

test('a gateway that everybody may reach says so, and answers any Host', async () => {
  const gateway = startPractice(join(temporaryFolder(), 'data'), '--host', '0.0.0.0')
  const port = await gateway.port()
  await gateway.waitFor(/ warning code=public-status /)
  expect((await http(port, '/api/status', { headers: { host: 'gateway.example' } })).statusCode).toBe(200)
})
