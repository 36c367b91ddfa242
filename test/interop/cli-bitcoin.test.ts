/** A gateway on Bitcoin's own network, run as a person runs it, with bitcoind on regtest. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { BitcoinDaemon, BITCOIND_MISSING, hasBitcoind } from './bitcoin-daemon.ts'
import { mineLargeBlock } from './bitcoin-transactions.ts'
import { http, Program, run, temporaryFolder } from './cli-program.ts'
import { bitcoin, createLightNode, type LightNode } from '../../src/nodejs.ts'

// Where nothing may be missing they run all the same, and each fails with what is.
const isSkipped = !hasBitcoind && process.env['RUSHLIGHT_REQUIRE_BITCOIND'] !== '1'
if (isSkipped) console.error(`tests skipped: ${BITCOIND_MISSING}`)
const testWithBitcoind = isSkipped ? (test.skip as typeof test) : test

const REGTEST = ['--chain', 'bitcoin:regtest']
/** Port 9 of loopback: nobody has served "discard" in this century. */
const NOBODY = '127.0.0.1:9'

const daemons: BitcoinDaemon[] = []
const lightNodes: LightNode[] = []
afterEach(async () => {
  await Promise.all(lightNodes.splice(0).map((lightNode) => lightNode.stop()))
  await Promise.all(daemons.splice(0).map((daemon) => daemon.remove()))
})

async function startDaemon(): Promise<BitcoinDaemon> {
  const daemon = await BitcoinDaemon.start()
  daemons.push(daemon)
  return daemon
}

async function startLightNode(options: Partial<Parameters<typeof createLightNode>[0]>): Promise<LightNode> {
  const lightNode = await createLightNode({ chain: bitcoin('regtest'), peers: [], ...options })
  lightNodes.push(lightNode)
  return lightNode
}

function startGateway(
  peer: string,
  data: string = join(temporaryFolder(), 'data'),
  flags: readonly string[] = [],
): Program {
  return new Program(['start', ...REGTEST, '--data', data, '--port', '0', '--bitcoin-peer', peer, ...flags])
}

interface StatusAnswer {
  readonly status: string
  readonly statusReason: string
  readonly head: { readonly height: number; readonly root: string }
  readonly peers: readonly Readonly<Record<string, unknown>>[]
}

/** Asks until it fits. */
async function statusOnce(port: number, fits: (status: StatusAnswer) => boolean): Promise<StatusAnswer> {
  for (;;) {
    const answer = JSON.parse((await http(port, '/api/status')).body) as StatusAnswer
    if (fits(answer)) return answer
  }
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')

test.each([
  [['--bitcoin-peer', 'localhost:port'], '--bitcoin-peer: expected HOST:PORT or HOST, got "localhost:port"'],
  [['--bitcoin-peer', 'h:70000'], '--bitcoin-peer: expected HOST:PORT or HOST, got "h:70000"'],
  [['--bitcoin-peer', ''], '--bitcoin-peer: expected HOST:PORT or HOST, got ""'],
  [
    ['--bitcoin-peer', '/ip4/127.0.0.1/tcp/1'],
    '--bitcoin-peer: expected HOST:PORT or HOST, got "/ip4/127.0.0.1/tcp/1"',
  ],
  [['--bitcoin-peer', 'h', '--no-bitcoin'], '--bitcoin-peer: expected it without --no-bitcoin, got both'],
  [['--bitcoin-listen', '127.0.0.1', '--no-bitcoin'], '--bitcoin-listen: expected it without --no-bitcoin, got both'],
  ...['localhost:1', '127.0.0.1:65536', ''].map((text): [string[], string] => [
    ['--bitcoin-listen', text],
    `--bitcoin-listen: expected an IP address of this machine, with a port or without, such as 127.0.0.1:8333, got ${JSON.stringify(text)}`,
  ]),
])('start %j is refused in one line', async (flags, line) => {
  const { exitCode, stdout, stderr } = await run(['start', ...REGTEST, '--data', '/dev/null/none', ...flags])
  expect([exitCode, stdout, stderr]).toEqual([2, '', `rushlight: ${line}\n`])
})

test('a practice chain meets nobody on the network', async () => {
  const { exitCode, stderr } = await run(['start', '--dev', '--bitcoin-peer', NOBODY])
  expect([exitCode, stderr]).toEqual([2, 'rushlight: --bitcoin-peer: expected it without --dev, got both\n'])
})

test.each([
  ['regtest', 'any', 'expected a list of HOST:PORT, as bitcoin:regtest has no DNS seeds, got "any"'],
  ['mainnet', 'all', 'expected a list of HOST:PORT, or \'any\', got "all"'],
  ['mainnet', ['127.0.0.1:x'], "expected a list of HOST:PORT, or 'any', got another object"],
])('on %s the option bitcoinPeers is refused when it is %j', async (network, bitcoinPeers, problem) => {
  const options = { chain: bitcoin(network as 'regtest'), peers: [], bitcoinPeers: bitcoinPeers as 'any' }
  await expect(createLightNode(options)).rejects.toMatchObject({
    code: 'invalid-option',
    message: `option bitcoinPeers: ${problem}`,
  })
})

test('where nobody answers the gateway says so in one line and tries again, and addresses that are damaged too', async () => {
  const data = join(temporaryFolder(), 'data')
  mkdirSync(data)
  writeFileSync(join(data, 'bitcoin-peers'), '1.2.3.4:8333\n\0\0\0\n')
  const gateway = startGateway(NOBODY, data)
  const port = await gateway.port()
  await gateway.waitFor(/ warning code=bitcoin-peers-dropped detail="[^\n]*1 of 2 lines are damaged and left out"\n/)
  await gateway.waitFor(/ warning code=dial-failed detail="nobody listening at bitcoin:\/\/127\.0\.0\.1:9"\n/)
  const { statusReason } = await statusOnce(port, ({ status }) => status === 'offline')
  expect(statusReason).toMatch(/; trying again$/)
  gateway.kill('SIGTERM')
  expect((await gateway.ended).exitCode).toBe(0)
})

testWithBitcoind('status, metrics and addresses tell of a Bitcoin peer, and a stop is clean', async () => {
  const daemon = await startDaemon()
  const root = await daemon.mine(30)
  const gateway = startGateway(`127.0.0.1:${daemon.port}`)
  const port = await gateway.port()
  const { peers } = await statusOnce(port, ({ status, head }) => status === 'synced' && head.root === root)
  expect(peers).toMatchObject([
    {
      transport: 'bitcoin',
      direction: 'outbound',
      address: daemon.address,
      agent: expect.stringContaining('/Satoshi:') as string,
      state: 'ready',
    },
  ])
  const metrics = (await http(port, '/metrics')).body
  expect(metrics).toContain('rushlight_bitcoin_peers{direction="outbound"} 1\n')
  expect(metrics).toContain('rushlight_peers{direction="outbound"} 1\n')
  const { addresses } = JSON.parse((await http(port, '/api/addresses')).body) as { addresses: readonly string[] }
  expect(addresses.length).toBeGreaterThan(0)
  // Of libp2p's roads, all of them: no tab can use an address of Bitcoin's own.
  for (const address of addresses) expect(address).toMatch(/^\/ip4\/127\.0\.0\.1\/(tcp|udp)\/\d+\S*\/p2p\/\w+$/)
  const { stdout } = await run(['status', '--url', `http://127.0.0.1:${port}`])
  expect(stdout).toMatch(new RegExp(`^ +127\\.0\\.0\\.1:${daemon.port} +bitcoin +outbound +ready +30 `, 'm'))
  gateway.kill('SIGTERM')
  expect(await gateway.ended).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/ stopped\n$/) as string })
})

testWithBitcoind('a bitcoind that dials the gateway syncs its headers from it, and what comes later too', async () => {
  const source = await startDaemon()
  await source.mine(2_100)
  const gateway = startGateway(`127.0.0.1:${source.port}`, undefined, ['--bitcoin-listen', '127.0.0.1:0'])
  const [, address = ''] = await gateway.waitFor(/ bitcoin-listening address=bitcoin:\/\/(127\.0\.0\.1:\d+)\n/)
  const port = await gateway.port()
  await statusOnce(port, ({ status, head }) => status === 'synced' && head.height === 2_100)
  // It knows the gateway alone.
  const follower = await BitcoinDaemon.start({ addNodes: [address] })
  daemons.push(follower)
  for (const height of [2_100, 2_101]) {
    const root = await source.call<string>('getblockhash', height)
    await untilHeaders(follower, root)
    expect(await follower.call('getblockheader', root, false)).toBe(await source.call('getblockheader', root, false))
    if (height === 2_100) await source.mine(1)
  }
  const { peers } = await statusOnce(port, () => true)
  expect(peers).toContainEqual(expect.objectContaining({ transport: 'bitcoin', direction: 'inbound', strikes: 0 }))
})

/** It has this header, though not its block. */
async function untilHeaders(daemon: BitcoinDaemon, root: string): Promise<void> {
  for (;;) {
    const tips = await daemon.call<readonly { readonly hash: string }[]>('getchaintips')
    if (tips.some(({ hash }) => hash === root)) return
    // Answers at once, or when something changes: no sleep of ours.
    await daemon.call('waitfornewblock', 50)
  }
}

testWithBitcoind('blocks that bitcoind has come through the gateway byte for byte', async () => {
  const daemon = await startDaemon()
  await daemon.mine(40)
  const gateway = startGateway(`127.0.0.1:${daemon.port}`)
  const port = await gateway.port()
  await statusOnce(port, ({ status, head }) => status === 'synced' && head.height === 40)
  const url = `http://127.0.0.1:${port}`
  const root = await daemon.call<string>('getblockhash', 33)
  const out = join(temporaryFolder(), 'block.bin')
  const none = join(temporaryFolder(), 'none')
  const fetched = await run(['block', root, ...REGTEST, '--peer', url, '--data', none, '--out', out])
  expect(fetched).toMatchObject({ exitCode: 0, stderr: '' })
  expect(hex(readFileSync(out))).toBe(await daemon.call<string>('getblock', root, 0))

  // All at once, of a gateway that fetches two at once.
  const follower = await startLightNode({ peers: [url] })
  await follower.ready()
  const heights = Array.from({ length: 40 }, (_, index) => index + 1)
  const blocks = await Promise.all(heights.map((height) => follower.getBlock(height)))
  for (const { root: itsRoot, bytes } of blocks) {
    expect(hex(bytes)).toBe(await daemon.call<string>('getblock', itsRoot, 0))
  }
  // What the gateway has it serves on its own.
  await daemon.kill()
  const again = await startLightNode({ peers: [url] })
  await again.ready()
  expect(hex((await again.getBlock(root)).bytes)).toBe(hex(readFileSync(out)))
})

testWithBitcoind('a large block of transactions with witnesses comes through, and a proof of one of them', async () => {
  const daemon = await startDaemon()
  const root = await mineLargeBlock(daemon, 400)
  const gateway = startGateway(`127.0.0.1:${daemon.port}`)
  const port = await gateway.port()
  await statusOnce(port, ({ head }) => head.root === root)
  const follower = await startLightNode({ peers: [`http://127.0.0.1:${port}`] })
  await follower.ready()
  const { proof } = await follower.getTransaction({ block: root, index: 399 })
  const { blockRoot, txid, wtxid } = follower.verifyTransaction(proof)
  expect(blockRoot).toBe(root)
  expect(wtxid).not.toBe(txid)
  const { bytes, transactions } = await follower.getBlock(root)
  expect(transactions.length).toBe(401)
  expect(transactions[399]?.txid).toBe(txid)
  expect(hex(bytes)).toBe(await daemon.call<string>('getblock', root, 0))
})

testWithBitcoind('an app in Node.js has headers and blocks from Bitcoin peers alone', async () => {
  const daemon = await startDaemon()
  await daemon.mine(12)
  const lightNode = await startLightNode({ bitcoinPeers: [`127.0.0.1:${daemon.port}`] })
  await lightNode.ready()
  const { root, bytes, height } = await lightNode.getBlock(12)
  expect(height).toBe(12)
  expect(hex(bytes)).toBe(await daemon.call<string>('getblock', root, 0))
  const { proof } = await lightNode.getTransaction({ block: 5, index: 0 })
  expect(lightNode.verifyTransaction(proof)).toMatchObject({ height: 5, isOnBestChain: true })
  await daemon.kill()
  expect((await lightNode.getBlock(12)).bytes).toEqual(bytes)
})

testWithBitcoind('a call for a block ends with its signal, and with the light node', async () => {
  const daemon = await startDaemon()
  await daemon.mine(3)
  const lightNode = await startLightNode({ bitcoinPeers: [`127.0.0.1:${daemon.port}`] })
  await lightNode.ready()
  const lost = await daemon.call<string>('getblockhash', 3)
  await daemon.call('invalidateblock', lost)
  // A block whose header we have and that bitcoind does not give any more: it says nothing at all.
  const aborted = lightNode.getBlock(lost, { signal: AbortSignal.timeout(300) })
  await expect(aborted).rejects.toMatchObject({ code: 'not-found', cause: { name: 'TimeoutError' } })
  const stopped = lightNode.getBlock(lost)
  const refused = expect(stopped).rejects.toMatchObject({ code: 'stopped' })
  await lightNode.stop()
  await refused
})
