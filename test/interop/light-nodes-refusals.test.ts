/** Light nodes that do not fit together, and peers that say nothing: each costs its own connection only. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { CountedLightNode, CountedOptions } from './light-nodes.ts'
import { startCounted, until, untilHead } from './light-nodes.ts'
import { ScriptedHost } from './libp2p-scripted.ts'

async function start(options: CountedOptions = {}): Promise<CountedLightNode> {
  const counted = await startCounted(options)
  onTestFinished(() => counted.lightNode.stop())
  return counted
}

test('a peer of another genesis is refused with the reason, on both sides', async () => {
  const listener = await start({ isListening: true, network: 'testnet4' })
  const dialer = await start()
  await expect(dialer.lightNode.connect(listener.address())).rejects.toMatchObject({
    code: 'wrong-chain',
    message: expect.stringMatching(/bitcoin:regtest.*bitcoin:testnet4/) as string,
  })
  await until(listener.lightNode, () => listener.warnings.length > 0)
  const [warning] = listener.warnings
  expect(warning?.detail).toMatch(/wrong-chain.*bitcoin:testnet4.*bitcoin:regtest/)
  expect(warning?.detail).toContain(dialer.lightNode.peerId)
  for (const { lightNode, sent } of [listener, dialer]) {
    await until(lightNode, () => lightNode.snapshot().peers.length === 0)
    expect([...sent]).toEqual([])
  }
})

test('with maxPeers reached a newcomer is refused, is not told anything, and gets in when there is room', async () => {
  const full = await start({ isListening: true, isAuthority: true, maxPeers: 2 })
  await full.mine({ count: 20 })
  const [first, second] = await Promise.all([start({ peers: [full.address()] }), start({ peers: [full.address()] })])
  await Promise.all([first.lightNode.ready(), second.lightNode.ready()])
  const told: string[] = []
  full.lightNode.addEventListener('peer-ready', ({ detail }) => told.push(`ready ${detail.peer}`))
  full.lightNode.addEventListener('peer-gone', ({ detail }) => told.push(`gone ${detail.peer}`))

  const third = await start()
  await expect(third.lightNode.connect(full.address())).rejects.toMatchObject({ code: 'peer-refused' })
  expect(third.lightNode.head.height).toBe(0)
  expect([...third.sent]).toEqual([])
  expect(told).toEqual([])

  await first.lightNode.stop()
  await until(full.lightNode, () => told.length > 0)
  await third.lightNode.connect(full.address())
  await third.lightNode.ready()
  expect(third.lightNode.head.root).toBe(full.lightNode.head.root)
  expect(told).toEqual([`gone ${first.lightNode.peerId}`, `ready ${third.lightNode.peerId}`])
})

test('peers that accept and never say a word cost the others nothing', async () => {
  const silent = await listenSilently()
  const miner = await start({ isListening: true, isAuthority: true })
  await miner.mine({ count: 3_000 })
  // More silent ones than are dialled at once would hold the good one back: these leave it a slot.
  const peers = [...Array.from({ length: 7 }, () => `/ip4/127.0.0.1/tcp/${silent.port}`), miner.address()]
  const follower = await start({ peers })
  await follower.lightNode.ready()
  expect(follower.lightNode.head).toMatchObject({ height: 3_000, confirmedBy: 1 })
  expect(silent.acceptedCount()).toBeGreaterThan(0)
})

test('peers that dial, and stop half way, cost the others nothing', async () => {
  const miner = await start({ isListening: true, isAuthority: true })
  await miner.mine({ count: 3_000 })
  const port = Number(/\/tcp\/(\d+)/.exec(miner.address())?.[1])
  await Promise.all(Array.from({ length: 50 }, () => dialSilently(port)))
  // One that gets further: it is connected, and never answers a handshake or asks for one.
  const mute = await ScriptedHost.start({ listen: [] })
  onTestFinished(() => mute.host.stop())
  await mute.connect(miner.address())
  await until(miner.lightNode, () => miner.lightNode.snapshot().peers.some(({ state }) => state === 'connecting'))

  const follower = await start({ peers: [miner.address()] })
  await follower.lightNode.ready()
  const head = await miner.mine({ count: 1 })
  await untilHead(follower.lightNode, head.root)
  expect(miner.lightNode.snapshot().peers).toHaveLength(2)
  expect(miner.warnings).toEqual([])
  expect(mute.count('message-received')).toBe(0)
})

interface Silent {
  readonly port: number
  readonly acceptedCount: () => number
}

async function listenSilently(): Promise<Silent> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    sockets.push(socket)
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, acceptedCount: () => sockets.length }
}

function dialSilently(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', resolve)
    socket.on('error', reject)
    socket.on('connect', () => socket.on('error', () => {}))
    onTestFinished(() => void socket.destroy())
  })
}
