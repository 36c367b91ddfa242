/** Light nodes and a real bitcoind on regtest. */
import { createHash } from 'node:crypto'
import { createServer, connect, type AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { toConnectionId, toRoot } from '../../src/core/ids.ts'
import { BitcoinDaemon, BITCOIND_MISSING, hasBitcoind, type BitcoinDaemonOptions } from './bitcoin-daemon.ts'
import { chainOf, rootOf, slice } from './bitcoin-fake-peer.ts'
import { startBitcoinLightNode, type BitcoinLightNode } from './bitcoin-light-node.ts'
import { startCounted, until, untilHead } from './light-nodes.ts'

// Where nothing may be missing they run all the same, and each fails with what is.
const isSkipped = !hasBitcoind && process.env['RUSHLIGHT_REQUIRE_BITCOIND'] !== '1'
if (isSkipped) console.error(`tests skipped: ${BITCOIND_MISSING}`)
const testWithBitcoind = isSkipped ? (test.skip as typeof test) : test

const daemons: BitcoinDaemon[] = []
const lightNodes: BitcoinLightNode[] = []
afterEach(async () => {
  for (const { lightNode } of lightNodes.splice(0)) await lightNode.stop()
  await Promise.all(daemons.splice(0).map((daemon) => daemon.remove()))
})

async function startDaemon(options: BitcoinDaemonOptions = {}): Promise<BitcoinDaemon> {
  const daemon = await BitcoinDaemon.start(options)
  daemons.push(daemon)
  return daemon
}

async function startLightNode(options: Parameters<typeof startBitcoinLightNode>[0]): Promise<BitcoinLightNode> {
  const started = await startBitcoinLightNode(options)
  lightNodes.push(started)
  return started
}

testWithBitcoind(
  '10,000 headers are synced, every new block follows, and a reorganisation passes through',
  async () => {
    const daemon = await startDaemon()
    const head = await daemon.mine(10_000)
    const { lightNode, warnings } = await startLightNode({ peers: [daemon.address] })
    await lightNode.ready()
    expect(lightNode.head).toMatchObject({ height: 10_000, root: head, trust: 'genesis', confirmedBy: 1 })

    for (let count = 0; count < 3; count += 1) await untilHead(lightNode, await daemon.mine(1))
    expect(lightNode.head.height).toBe(10_003)

    const reorganised = new Promise<{ reverted: readonly unknown[]; adopted: readonly unknown[] }>((resolve) => {
      lightNode.addEventListener('reorg', ({ detail }) => resolve(detail))
    })
    const fork = await daemon.call<string>('getblockhash', 9_998)
    await daemon.call('invalidateblock', fork)
    const longer = await daemon.mine(7, 'fork')
    await untilHead(lightNode, longer)
    const { reverted, adopted } = await reorganised
    expect(reverted.length).toBe(6)
    expect(adopted.length).toBe(7)
    expect(lightNode.head.height).toBe(10_004)
    expect(warnings).toEqual([])
  },
)

testWithBitcoind('a longer reorganisation than fits an announcement passes through', async () => {
  const daemon = await startDaemon()
  await daemon.mine(100)
  const { lightNode } = await startLightNode({ peers: [daemon.address] })
  await lightNode.ready()
  await daemon.call('invalidateblock', await daemon.call<string>('getblockhash', 50))
  await untilHead(lightNode, await daemon.mine(60, 'fork'))
  expect(lightNode.head.height).toBe(109)
})

testWithBitcoind('bitcoind is killed and started again: the light node goes on where it was', async () => {
  const daemon = await startDaemon()
  await daemon.mine(50)
  // The light node's road to whoever runs just now: a restarted daemon may have another port.
  const road = await openRoad(daemon.port)
  const { lightNode, warnings } = await startLightNode({ peers: [road.address] })
  await lightNode.ready()
  await daemon.kill()
  await until(lightNode, () => lightNode.snapshot().peers.length === 0)
  const again = await startDaemon({ folder: daemon.folder })
  road.leadTo(again.port)
  // What was not written yet is lost: then these are a longer branch, else they go on where it was.
  const head = await again.mine(60, 'fork')
  await untilHead(lightNode, head)
  expect(warnings.filter(({ code }) => code !== 'dial-failed')).toEqual([])
  road.close()
})

testWithBitcoind('a light node that starts again syncs again', async () => {
  const daemon = await startDaemon()
  const head = await daemon.mine(2_500)
  for (let run = 0; run < 2; run += 1) {
    const { lightNode } = await startLightNode({ peers: [daemon.address] })
    await lightNode.ready()
    expect(lightNode.head.root).toBe(head)
    await lightNode.stop()
  }
})

testWithBitcoind('a connection that is cut in the middle of a message costs nothing but a new one', async () => {
  const daemon = await startDaemon()
  const head = await daemon.mine(6_000)
  const road = await openRoad(daemon.port)
  road.cutAfterBytes(250_000)
  const { lightNode, warnings } = await startLightNode({ peers: [road.address] })
  await untilHead(lightNode, head)
  expect(road.cutCount).toBe(1)
  expect(warnings.filter(({ code }) => code === 'peer-struck')).toEqual([])
  road.close()
})

testWithBitcoind('of two bitcoinds on rival chains the one with the most work wins', async () => {
  const short = await startDaemon()
  const long = await startDaemon()
  await short.mine(2_100)
  const head = await long.mine(2_200, 'fork')
  const { lightNode, warnings } = await startLightNode({ peers: [short.address, long.address] })
  await untilHead(lightNode, head)
  const overtaken = await short.mine(150)
  await untilHead(lightNode, overtaken)
  expect(lightNode.head.height).toBe(2_250)
  expect(warnings).toEqual([])
})

testWithBitcoind('blocks are fetched by hash, byte for byte', async () => {
  const daemon = await startDaemon()
  await daemon.mine(20)
  const { lightNode, host } = await startLightNode({ peers: [daemon.address] })
  await lightNode.ready()
  const connection = toConnectionId('bitcoin-1')
  for (const height of [1, 7, 20]) {
    const root = await daemon.call<string>('getblockhash', height)
    const answer = await host.requestBlock({ connection, root: toRoot(root) })
    const expected = await daemon.call<string>('getblock', root, 0)
    expect(answer.type === 'block' && sha256(answer.bytes)).toBe(sha256(Buffer.from(expected, 'hex')))
  }
  const absent = await host.requestBlock({ connection, root: toRoot('11'.repeat(32)), timeoutMs: 500 })
  expect(absent.type).not.toBe('block')
})

testWithBitcoind('a bitcoind that dials us syncs its headers from us, and follows', async () => {
  const chain = chainOf(5_003)
  const { lightNode } = await startLightNode({ listen: { host: '127.0.0.1', port: 0 }, isAuthority: true })
  lightNode.submitHeaders(slice(chain, 0, 5_000))
  await untilHead(lightNode, rootOf(slice(chain, 4_999, 5_000)))
  const daemon = await startDaemon({ addNodes: [lightNode.addresses[0]?.slice('bitcoin://'.length) ?? ''] })
  await untilHeaderCount(daemon, 5_000)
  lightNode.submitHeaders(slice(chain, 5_000))
  await untilHeaderCount(daemon, 5_003)
  expect(lightNode.snapshot().peers).toMatchObject([{ direction: 'inbound', state: 'ready', strikes: 0 }])
})

testWithBitcoind('a block that bitcoind finds reaches a light node behind a gateway', async () => {
  const daemon = await startDaemon()
  await daemon.mine(3_000)
  const { lightNode: gateway } = await startLightNode({ peers: [daemon.address], isGateway: true })
  await gateway.ready()
  const { lightNode } = await startCounted({ peers: [...gateway.addresses] })
  try {
    await lightNode.ready()
    expect(lightNode.head.height).toBe(3_000)
    await untilHead(lightNode, await daemon.mine(1))
    await daemon.call('invalidateblock', await daemon.call<string>('getblockhash', 2_990))
    await untilHead(lightNode, await daemon.mine(20, 'fork'))
    expect(new Set(gateway.snapshot().peers.map(({ transport }) => transport))).toEqual(new Set(['bitcoin', 'tcp']))
  } finally {
    await lightNode.stop()
  }
})

async function untilHeaderCount(daemon: BitcoinDaemon, count: number): Promise<void> {
  for (;;) {
    // Answers at once, or when something changes: no sleep of ours.
    const { headers } = await daemon.call<{ headers: number }>('getblockchaininfo')
    if (headers === count) return
    await daemon.call('waitfornewblock', 50)
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

interface Road {
  readonly address: string
  readonly cutCount: number
  leadTo(port: number): void
  /** Once: the connection is reset when this many more bytes came from the far end. */
  cutAfterBytes(count: number): void
  close(): void
}

/** A port of ours that leads to another one. */
async function openRoad(port: number): Promise<Road> {
  let target = port
  let bytesLeft = Infinity
  let cutCount = 0
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: target })
    const end = (): void => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) socket.on('error', end).on('close', end)
    near.on('data', (chunk) => far.write(chunk))
    far.on('data', (chunk) => {
      bytesLeft -= chunk.length
      near.write(chunk.subarray(0, Math.max(0, chunk.length + Math.min(0, bytesLeft))))
      if (bytesLeft > 0) return
      bytesLeft = Infinity
      cutCount += 1
      near.end()
      far.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `bitcoin://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cutCount() {
      return cutCount
    },
    leadTo: (next) => (target = next),
    cutAfterBytes: (count) => (bytesLeft = count),
    close: () => server.close(),
  }
}
