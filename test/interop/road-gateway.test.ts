/** The real gateway on every road, dialled by light nodes of the public API. */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import type { LightNode, TransportName } from '../../src/driver/api.ts'
import { certificatesAt, changesAtMs } from '../../src/host/certificate-rotation.nodejs.ts'
import { createLightNode } from '../../src/nodejs.ts'
import { http, Program, run, temporaryFolder } from './cli-program.ts'

const LIMIT_MS = 60_000
const STOP_MS_MAX = 2_000
/** By transport, what its address looks like. */
const ROADS = [
  ['tcp', /\/tcp\/\d+\/p2p\//],
  ['websockets', /\/ws\//],
  ['webrtc-direct', /\/webrtc-direct\/certhash\//],
  ['webtransport', /\/quic-v1\/webtransport\/certhash\/[^/]+\/certhash\//],
] as const

const startGateway = (data: string, ...flags: readonly string[]): Program =>
  new Program(['start', '--dev', '--data', data, '--block-interval', '3600', ...flags])

async function addressesAt(port: number): Promise<readonly string[]> {
  return (JSON.parse((await http(port, '/api/addresses')).body) as { readonly addresses: readonly string[] }).addresses
}

async function follow(peers: readonly string[], transports: readonly TransportName[]): Promise<LightNode> {
  const lightNode = await createLightNode({ chain: bitcoin('regtest'), peers, transports })
  onTestFinished(() => lightNode.stop())
  return lightNode
}

/** Resolves when a peer of the light node is ready on that transport. */
async function readyBy(lightNode: LightNode, transport: string): Promise<void> {
  const isReady = (): boolean =>
    lightNode.snapshot().peers.some((peer) => peer.state === 'ready' && peer.transport === transport)
  const signal = AbortSignal.timeout(LIMIT_MS)
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      if (!isReady()) return
      stop()
      resolve()
    }
    const stop = lightNode.subscribe(look)
    signal.addEventListener('abort', () => reject(new Error(`expected a peer by ${transport}`)))
    look()
  })
}

/** RFC 8489, 5 and 14.3: a binding request with a user name. */
function stunRequest(userName: string): Buffer {
  const [name, header, attribute] = [Buffer.from(userName), Buffer.alloc(20), Buffer.alloc(4)]
  const padding = Buffer.alloc(-name.length & 3)
  header.writeUInt16BE(1)
  header.writeUInt16BE(attribute.length + name.length + padding.length, 2)
  header.writeUInt32BE(0x2112a442, 4)
  attribute.writeUInt16BE(6)
  attribute.writeUInt16BE(name.length, 2)
  return Buffer.concat([header, attribute, name, padding])
}

const roadOf = (address: string): string => ROADS.find(([, pattern]) => pattern.test(address))?.[0] ?? address
const withoutTcp = (addresses: readonly string[]): readonly string[] =>
  addresses.filter((address) => roadOf(address) !== 'tcp').toSorted((a, b) => (roadOf(a) < roadOf(b) ? -1 : 1))

test('a gateway prints every road, offers it, and is dialled and synced from by each; a stop ends all of them', async () => {
  const gateway = startGateway(join(temporaryFolder(), 'data'), '--port', '0')
  const port = await gateway.port()
  const addresses = await addressesAt(port)
  for (const address of addresses) expect(gateway.output).toContain(`${address}\n`)
  expect(addresses.map(roadOf).toSorted()).toEqual(ROADS.map(([road]) => road).toSorted())

  const lightNodes = await Promise.all(
    addresses.map(async (address) => {
      const lightNode = await follow([address], [roadOf(address) as TransportName])
      await lightNode.ready({ signal: AbortSignal.timeout(LIMIT_MS) })
      await readyBy(lightNode, roadOf(address))
      expect(lightNode.head.height).toBe(2_016)
      return lightNode
    }),
  )

  const stopMs = performance.now()
  gateway.kill('SIGTERM')
  const { exitCode, stderr } = await gateway.ended
  expect(performance.now() - stopMs).toBeLessThan(STOP_MS_MAX)
  expect([exitCode, /stop-cut-off|stop-overdue/.exec(stderr)]).toEqual([0, null])
  await Promise.all(lightNodes.map((lightNode) => lightNode.stop()))
})

test('after a restart on its port a gateway has the same addresses, and is found again by its URL', async () => {
  const data = join(temporaryFolder(), 'data')
  const first = startGateway(data, '--port', '0')
  const port = await first.port()
  const followers = await Promise.all([
    follow([`http://127.0.0.1:${port}`], ['webtransport']),
    follow([`http://127.0.0.1:${port}`], ['webrtc-direct']),
  ])
  await Promise.all([readyBy(followers[0], 'webtransport'), readyBy(followers[1], 'webrtc-direct')])
  const before = await addressesAt(port)
  const gone = followers.map((each) => new Promise((resolve) => each.addEventListener('peer-gone', resolve)))
  first.kill('SIGTERM')
  await first.ended
  await Promise.all(gone)

  const second = startGateway(data, '--port', String(port))
  await second.port()
  const after = await addressesAt(port)
  const certhashesOf = (addresses: readonly string[]): readonly (readonly string[])[] =>
    withoutTcp(addresses).map((address) => address.match(/(?<=certhash\/)[^/]+/g) ?? [])
  expect(certhashesOf(after)).toEqual(certhashesOf(before))
  await Promise.all([readyBy(followers[0], 'webtransport'), readyBy(followers[1], 'webrtc-direct')])
})

test('a certificate that is replaced is known beforehand, and those who were there find the gateway again by its URL', async () => {
  const data = join(temporaryFolder(), 'data')
  mkdirSync(data)
  const file = join(data, 'webtransport-certificates')
  const storage = {
    read: async () => readFileSync(file, 'utf8'),
    write: async (text: string) => writeFileSync(file, text),
  }
  // As if it had been started eleven days ago: the next one takes over in some seconds.
  const startedMs = Date.now() + 8_000 - changesAtMs(await certificatesAt(0, storage))
  rmSync(file)
  await certificatesAt(startedMs, storage)

  const gateway = startGateway(data, '--port', '0')
  const port = await gateway.port()
  const certhashes = async (): Promise<readonly string[]> => {
    const address = (await addressesAt(port)).find((each) => roadOf(each) === 'webtransport') ?? ''
    return address.match(/(?<=certhash\/)[^/]+/g) ?? []
  }
  const [current, next] = await certhashes()
  const follower = await follow([`http://127.0.0.1:${port}`], ['webtransport'])
  await readyBy(follower, 'webtransport')
  await new Promise((resolve) => follower.addEventListener('peer-gone', resolve))
  await readyBy(follower, 'webtransport')
  const [now, later] = await certhashes()
  expect(now).toBe(next)
  expect([current, next]).not.toContain(later)
})

test('what strangers send to the UDP ports is neither printed nor the end of it', async () => {
  const gateway = startGateway(join(temporaryFolder(), 'data'), '--port', '0')
  const addresses = await addressesAt(await gateway.port())
  const before = (await gateway.waitFor(/^page: .*\n/m)).input
  const socket = createSocket('udp4')
  onTestFinished(() => void socket.close())
  const ports = addresses.flatMap((address) => /(?<=udp\/)\d+/.exec(address)?.[0] ?? [])
  expect(ports).toHaveLength(2)
  for (const port of ports) {
    for (const datagram of [stunRequest('x'.repeat(602)), stunRequest('a:b'), randomBytes(1_200), randomBytes(20)]) {
      await new Promise((resolve) => socket.send(datagram, Number(port), '127.0.0.1', resolve))
    }
  }
  const address = addresses.find((each) => roadOf(each) === 'webrtc-direct') ?? ''
  await readyBy(await follow([address], ['webrtc-direct']), 'webrtc-direct')
  gateway.kill('SIGTERM')
  const { exitCode, stdout } = await gateway.ended
  expect([exitCode, stdout]).toEqual([0, before])
})

test('flags choose the roads', async () => {
  const named = '/ip4/127.0.0.1/udp/0/webrtc-direct'
  const flags = ['--no-tcp', '--no-webtransport', '--no-relay', '--listen', named]
  const gateway = startGateway(join(temporaryFolder(), 'data'), '--port', '0', ...flags)
  expect((await addressesAt(await gateway.port())).map(roadOf).toSorted()).toEqual(['webrtc-direct', 'websockets'])
})

test('an address by name that cannot be listened on is one line and exit code 2', async () => {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  onTestFinished(() => void socket.close())
  for (const road of ['webrtc-direct', 'quic-v1/webtransport']) {
    const listen = `/ip4/127.0.0.1/udp/${socket.address().port}/${road}`
    const data = join(temporaryFolder(), 'data')
    const { exitCode, stdout, stderr } = await run([
      'start',
      '--dev',
      '--data',
      data,
      '--port',
      '0',
      '--listen',
      listen,
    ])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(
      new RegExp(`^rushlight: cannot listen on ${listen}: the port is in use; [^\n]*--listen[^\n]*\n$`),
    )
  }
})

test('where native parts do not load, that is told and the rest goes on', async () => {
  const flags = ['start', '--dev', '--data', join(temporaryFolder(), 'data'), '--port', '0']
  const gateway = new Program(flags, { nodeFlags: ['--no-addons'] })
  const addresses = await addressesAt(await gateway.port())
  expect(addresses.map(roadOf).toSorted()).toEqual(['tcp', 'websockets'])
  await gateway.waitFor(/ warning code=road-missing detail="not listening for WebTransport: [^\n]+"\n/)
  await gateway.waitFor(/ warning code=road-missing detail="not listening for WebRTC-Direct: [^\n]+"\n/)
})
