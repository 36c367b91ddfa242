/** A light node as an app makes it, on a chain with checkpoints of its own, over real connections. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { bitcoin, type Chain, type Checkpoint } from '../../src/bitcoin.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { createLightNode, type LightNode, type LightNodeOptions, LightNodeError } from '../../src/nodejs.ts'
import { importHeaders } from '../../src/driver/header-files.ts'
import { until } from './light-nodes.ts'

const HANG_MS = 120_000
const STEP = 500
const HEADER_COUNT = 8_100
const START_HEIGHT = 8_000
const chain = bitcoin('regtest')
const tree = chain.createTree()
const genesis = tree.range({ fromHeight: 0, count: 1 })
const firstTime = Math.floor(Date.now() / 1_000) - 1_000_000
const headers = mineHeaders({ parent: genesis, count: HEADER_COUNT, firstTime, stepSeconds: 1 })
tree.add({ headers, index: 0, count: HEADER_COUNT, nowUnixMs: Date.now() })

const checkpoints = Array.from({ length: START_HEIGHT / STEP }, (_, index): Checkpoint => {
  const { height, root, work } = tree.summary((index + 1) * STEP) ?? tree.tip
  return { height, root, ...(height === START_HEIGHT && { start: { work, nextBits: 0x207fffff } }) }
})
const checkpointed: Chain = { ...chain, checkpoints }

const started: LightNode[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((lightNode) => lightNode.stop()))
})

async function start(options: Partial<LightNodeOptions>): Promise<LightNode> {
  const lightNode = await createLightNode({ chain: checkpointed, peers: [], debug: true, ...options })
  started.push(lightNode)
  return lightNode
}

/** Has it all, and no checkpoints. */
async function startServer(): Promise<string> {
  const server = await start({ chain, listen: ['/ip4/127.0.0.1/tcp/0'] })
  await importHeaders(server, headers)
  return server.addresses[0] ?? ''
}

test(
  'the head is there at once and trusted by its checkpoint, then every header down to genesis is verified',
  { timeout: HANG_MS },
  async () => {
    const addresses = await Promise.all([startServer(), startServer()])
    const lightNode = await start({})
    const seen: { readonly trust: string; readonly height: number }[] = []
    const refused: unknown[] = []
    const imported: ReturnType<typeof importHeaders>[] = []
    lightNode.addEventListener('head', ({ detail: { trust, height } }) => {
      if (trust === 'checkpoint' && !seen.some((head) => head.trust === trust)) {
        lightNode.getHeader(1).catch((error: unknown) => refused.push(error))
        imported.push(importHeaders(lightNode, headers))
      }
      seen.push({ trust, height })
    })
    await Promise.all(addresses.map((address) => lightNode.connect(address)))
    await lightNode.ready()
    await until(lightNode, () => lightNode.snapshot().progress.verified === HEADER_COUNT)
    const above = seen.filter(({ height }) => height > START_HEIGHT)
    expect([...new Set(above.map(({ trust }) => trust))]).toEqual(['checkpoint', 'backfilling', 'genesis'])
    expect(seen.every(({ height }) => height === 0 || height > START_HEIGHT)).toBe(true)
    // A file that was opened meanwhile has waited for the back-fill.
    expect(await Promise.all(imported)).toMatchObject([{ headerCount: HEADER_COUNT, addedCount: 0 }])
    expect(refused).toMatchObject([{ code: 'not-found' }])
    expect(refused[0]).toBeInstanceOf(LightNodeError)
    expect(String(refused[0])).toContain('headers 1 to 8000 are still to come')
    expect((await lightNode.getHeader(1))?.bytes).toEqual(headers.slice(0, 80))
    expect(lightNode.snapshot().progress).toMatchObject({ verified: HEADER_COUNT, verifiedShare: 1 })
    expect(lightNode.head).toMatchObject({ ...tree.tip, confirmedBy: 2 })
  },
)

test('stopped in mid-back-fill, it has its head at once and goes on where it was', { timeout: HANG_MS }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rushlight-start-'))
  try {
    const address = await startServer()
    const first = await start({ store: { directory } })
    const stopped = Promise.withResolvers<void>()
    first.addEventListener('head', ({ detail: { trust } }) => {
      if (trust === 'backfilling') stopped.resolve(first.stop())
    })
    await first.connect(address)
    await stopped.promise
    expect(readdirSync(directory)).toContain('headers-upper.log')
    const second = await start({ store: { directory } })
    expect(second.head).toMatchObject({ height: HEADER_COUNT, root: tree.tip.root, trust: 'stored' })
    const imported = importHeaders(second, headers)
    await until(second, () => second.head.trust !== 'stored')
    expect(second.head).toMatchObject(tree.tip)
    // Of the range in work all or nothing.
    expect(['checkpoint', 'backfilling']).toContain(second.head.trust)
    expect(second.snapshot().progress.verified % STEP).toBe(0)
    await second.connect(address)
    const isWhole = (): boolean => second.head.trust === 'genesis' && second.head.height === HEADER_COUNT
    await until(second, () => isWhole() && second.snapshot().store.headerCount === HEADER_COUNT + 1)
    expect(second.head).toMatchObject({ ...tree.tip, trust: 'genesis' })
    // A file that was opened at once has waited for the back-fill.
    expect(await imported).toMatchObject({ headerCount: HEADER_COUNT, addedCount: 0 })
    await second.stop()
    expect(readdirSync(directory)).not.toContain('headers-upper.log')
  } finally {
    await Promise.all(started.splice(0).map((lightNode) => lightNode.stop()))
    rmSync(directory, { recursive: true, force: true })
  }
})
