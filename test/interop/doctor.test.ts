/** The connection doctor in Node.js: how far an address comes, and why not further. */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import { describeExamination, diagnose, type Examination } from '../../src/nodejs.ts'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { Program, run, temporaryFolder } from './cli-program.ts'
import { INFO, ScriptedHost } from './libp2p-scripted.ts'

/** Long enough for what answers on a busy machine. */
const PATIENT_MS = 20_000
const STRANGER = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const NO_CERTIFICATE = `uEiA${'A'.repeat(43)}`

let peer: ScriptedHost

beforeAll(async () => {
  peer = await ScriptedHost.start({
    transports: nodejsTransports(),
    listen: [
      '/ip4/127.0.0.1/tcp/0',
      '/ip4/127.0.0.1/tcp/0/ws',
      '/ip4/127.0.0.1/udp/0/quic-v1/webtransport',
      '/ip4/127.0.0.1/udp/0/webrtc-direct',
    ],
  })
  peer.answerHandshakes()
})
afterAll(() => peer.host.stop())

async function examine(address: string, options: Parameters<typeof diagnose>[1] = {}): Promise<Examination> {
  const [examination] = await diagnose([address], { timeoutMs: PATIENT_MS, ...options })
  if (examination === undefined) throw new Error('expected an examination')
  return examination
}

function addressOf(part: RegExp): string {
  const address = peer.host.addresses.find((each) => part.test(each))
  if (address === undefined) throw new Error(`expected an address with ${String(part)}`)
  return address
}

async function listening(server: Server | HttpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  return (server.address() as AddressInfo).port
}

function webServer(): Promise<number> {
  const server: HttpServer = createHttpServer((_request, response) => void response.end('hello'))
  return listening(server)
}

test.each([
  ['TCP', /\/tcp\/\d+\/p2p/],
  ['WebSockets', /\/ws\//],
  ['WebTransport', /\/webtransport\//],
  ['WebRTC-Direct', /\/webrtc-direct\//],
])('%s: every step is taken, and the peer is told', async (_name, part) => {
  const address = addressOf(part)
  const examination = await examine(address, { chain: { id: INFO.chain, genesis: INFO.genesis } })
  expect(examination).toMatchObject({
    address,
    gateway: undefined,
    isReachable: true,
    failure: undefined,
    peer: { id: peer.host.peerId, agent: INFO.agent, chain: INFO.chain, genesis: INFO.genesis, height: 3 },
  })
  expect(examination.steps.map(({ step }) => step)).toEqual([
    'resolved',
    'connected',
    'secured',
    'handshake',
    'same-chain',
  ])
  expect(describeExamination(examination)).toMatch(
    /^\/ip4.*\n {2}reachable: resolved .*\n {2}peer: rushlight-test\/1 on /,
  )
})

const withPeer = (address: string): string => address.replace(peer.host.peerId, STRANGER)
const uncertified = (address: string): string => address.replace(/certhash\/[\w-]+/g, `certhash/${NO_CERTIFICATE}`)

type Case = readonly [address: () => string | Promise<string>, words: string]

/** By the cause and the step. */
const UNREACHABLE: Readonly<Record<string, Case>> = {
  'invalid-address at resolved': [() => 'nonsense', 'got "nonsense"'],
  'no-transport at resolved': [() => '/ip4/127.0.0.1/udp/9/quic-v1', 'no transport'],
  'name-not-found at resolved (TCP)': [() => '/dns4/nobody.invalid/tcp/1', 'no such host'],
  'name-not-found at resolved (WebSockets)': [() => '/dns4/nobody.invalid/tcp/1/ws', 'no such host'],
  'name-not-found at resolved (URL)': [() => 'http://nobody.invalid', 'no such host'],
  'nobody-listening at connected (TCP)': [() => '/ip4/127.0.0.1/tcp/1', 'nobody listening'],
  'nobody-listening at connected (WebSockets)': [() => '/ip4/127.0.0.1/tcp/1/ws', 'nobody listening'],
  'nobody-listening at resolved (URL)': [() => 'http://127.0.0.1:1', 'nobody listening'],
  'not-a-gateway at resolved': [async () => `http://127.0.0.1:${await webServer()}`, 'not a Rushlight gateway'],
  'not-libp2p at connected': [async () => `/ip4/127.0.0.1/tcp/${await webServer()}/ws`, 'something listens'],
  'not-libp2p at secured': [async () => `/ip4/127.0.0.1/tcp/${await webServer()}`, 'not a libp2p peer'],
  'wrong-peer at secured (WebSockets)': [() => withPeer(addressOf(/\/ws\//)), 'wrong peer'],
  'wrong-peer at secured (WebTransport)': [() => withPeer(addressOf(/webtransport/)), 'wrong peer'],
  'wrong-certificate at secured (WebTransport)': [() => uncertified(addressOf(/webtransport/)), 'certificate'],
  'wrong-certificate at secured (WebRTC-Direct)': [() => uncertified(addressOf(/webrtc-direct/)), 'certificate'],
}

test.each(Object.entries(UNREACHABLE))('%s', async (name, [address, words]) => {
  const [cause = '', , step = ''] = name.split(' ')
  const examination = await examine(await address())
  expect(examination).toMatchObject({ isReachable: false, peer: undefined, failure: { step, cause } })
  expect(examination.failure?.message).toContain(words)
  expect(describeExamination(examination)).toContain(`[${cause}]`)
})

test('who listens and never speaks is out of time while it is secured', async () => {
  const server: Server = createServer((socket) => void socket.on('error', () => {}).resume())
  const port = await listening(server)
  const examination = await examine(`/ip4/127.0.0.1/tcp/${port}`, { timeoutMs: 300 })
  expect(examination.failure).toMatchObject({ step: 'secured', cause: 'timeout' })
  expect(examination.steps.map(({ step }) => step)).toEqual(['resolved', 'connected'])
})

test('a libp2p peer that never answers the handshake, and one of another chain', async () => {
  const silent = await ScriptedHost.start()
  onTestFinished(() => silent.host.stop())
  expect((await examine(silent.address, { timeoutMs: 1_000 })).failure).toMatchObject({
    step: 'handshake',
    cause: 'timeout',
  })
  const { id, genesis } = bitcoin('mainnet')
  const { failure, peer: found, steps } = await examine(addressOf(/\/ws\//), { chain: { id, genesis } })
  expect(failure).toMatchObject({
    step: 'same-chain',
    cause: 'wrong-chain',
    message: `expected a peer on ${id}, got one on ${INFO.chain}`,
  })
  expect(found?.chain).toBe(INFO.chain)
  expect(steps.at(-1)?.step).toBe('handshake')
})

test('whoever has enough is told why', async () => {
  const reason = new Error('enough')
  const controller = new AbortController()
  const port = await listening(
    createServer((socket) => void socket.once('data', () => controller.abort(reason)).on('error', () => {})),
  )
  await expect(examine(`/ip4/127.0.0.1/tcp/${port}`, { signal: controller.signal })).rejects.toBe(reason)
})

test('rushlight doctor: a gateway by URL, its exit codes, and the report as JSON', async () => {
  const gateway = new Program(['start', '--dev', '--data', `${temporaryFolder()}/data`, '--port', '0'])
  const port = await gateway.port()
  const url = `http://127.0.0.1:${port}`
  const [healthy, json, usage] = await Promise.all([
    run(['doctor', url]),
    run([
      'doctor',
      '--json',
      '--chain',
      'bitcoin:mainnet',
      '--timeout',
      '20',
      `/ip4/127.0.0.1/tcp/${port}/ws`,
      '/ip4/127.0.0.1/tcp/1',
    ]),
    run(['doctor', 'nonsense']),
  ])
  expect(healthy).toMatchObject({ exitCode: 0, stderr: '' })
  expect(healthy.stdout).toMatch(new RegExp(`^/ip4/127.0.0.1/tcp/${port}/ws/p2p/\\w+ \\(of ${url}\\)\\n  reachable: `))
  expect(healthy.stdout).toMatch(/\n(\d+) of \1 addresses reachable\n$/)
  expect([json.exitCode, json.stderr]).toEqual([1, ''])
  expect(JSON.parse(json.stdout)).toMatchObject({
    reachable: false,
    addresses: [
      { failure: { step: 'same-chain', cause: 'wrong-chain' }, gateway: null },
      { failure: { step: 'connected', cause: 'nobody-listening' }, peer: null },
    ],
  })
  expect([usage.exitCode, usage.stdout]).toEqual([2, ''])
  expect(usage.stderr).toContain('expected a multiaddr or a gateway')
})
