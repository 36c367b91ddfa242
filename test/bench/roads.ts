/**
 * From the dial to the verified head of Bitcoin's first 10,237 headers, in Chromium, over each road, beside a raw stream that
 * moves the same bytes over the same road; a fresh tab for each, in turns: `npm run bench:roads [ROAD…]`. From tab to tab it is
 * the dial to a ready peer, and from the moment when the other tab is given all headers, which it verifies first, to the head.
 */
import type { Browser, Page } from '@playwright/test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { yamux } from '@libp2p/yamux'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Libp2pCore } from '../../src/host/libp2p-core.ts'
import { createNodejsLibp2p } from '../../src/host/libp2p.nodejs.ts'
import { nodejsTransports, relayServer } from '../../src/host/transports.nodejs.ts'
import { MAINNET, MAINNET_HEIGHT } from '../e2e/chain-data.ts'
import { runCommand } from '../e2e/gateway.ts'
import { startRoadPeer, type RoadPeer } from '../e2e/road-peer-process.ts'
import { addressOver, ROADS } from '../e2e/road-tab.ts'
import { servePage } from '../serve-page.ts'
import { figure, medians, type Figure } from './exchange/figures.ts'
import { report, ROUNDS } from './headers/rounds.ts'
import { serveRaw } from './headers/raw-stream.ts'
import { withChromium } from './headers/tab.ts'
import type { RoadPage } from './roads/page.ts'

const TOTAL_BYTES = (MAINNET_HEIGHT + 1) * 80
/** At most so many times the raw stream, … */
const TIMES_MAX = 2
/** … and so much longer. */
const EXTRA_MS_MAX = 300
const TAB_TRANSPORTS: Parameters<RoadPage['prepare']>[0] = ['websockets', 'webrtc']
const LISTEN = ['/tcp/0/ws', '/udp/0/webrtc-direct', '/udp/0/quic-v1/webtransport'].map((end) => `/ip4/127.0.0.1${end}`)

interface Round {
  readonly lightNode: number
  readonly raw: number
}

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const folder = mkdtempSync(join(tmpdir(), 'rushlight-bench-'))
const page = await servePage({ file: 'test/bench/roads/page.ts' })
try {
  runCommand('import', MAINNET, '--data', join(folder, 'data'))
  const peer = await startRoadPeer({ directory: join(folder, 'data') })
  const raw = await startRaw()
  try {
    await withChromium(async (browser) => report('roads', await measureAll({ browser, peer, raw })))
  } finally {
    await raw.stop()
    await peer.kill()
  }
} finally {
  await page.close()
  rmSync(folder, { recursive: true })
}

async function measureAll(args: {
  readonly browser: Browser
  readonly peer: RoadPeer
  readonly raw: Libp2pCore
}): Promise<readonly Figure[]> {
  const { browser, peer, raw } = args
  const rawAddresses = await serveRaw(raw, TOTAL_BYTES)
  const measures: (readonly [string, () => Promise<number>, () => Promise<number>])[] = ROADS.map(
    ([road, component]) => [
      road,
      () =>
        inTab(browser, async (tab) => {
          await tab.evaluate((name) => window.road.prepare([name]), road)
          const given = [addressOver(component, peer.addresses), MAINNET_HEIGHT] as const
          return tab.evaluate(([address, height]) => window.road.sync(address, height), given)
        }),
      () =>
        inTab(browser, async (tab) => {
          await tab.evaluate((name) => window.road.prepareRaw([name]), road)
          const given = [addressOver(component, rawAddresses), TOTAL_BYTES] as const
          return tab.evaluate(([address, totalBytes]) => window.road.readRaw(address, totalBytes), given)
        }),
    ],
  )
  measures.push(['webrtc', () => syncTabs(browser), () => readTabs(browser, addressOver('/ws/', rawAddresses))])
  const chosen = measures.filter(([road]) => asked.length === 0 || asked.includes(road))
  const rounds = new Map<string, Round[]>(chosen.map(([road]) => [road, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [road, sync, read] of chosen) {
      // In turns, so that neither has the colder machine.
      const first = round % 2 === 0 ? await sync() : await read()
      const second = round % 2 === 0 ? await read() : await sync()
      rounds.get(road)?.push(round % 2 === 0 ? { lightNode: first, raw: second } : { lightNode: second, raw: first })
    }
  }
  return chosen.map(([road]) => {
    const measured = (rounds.get(road) ?? []).map((each) => ({ ...each }))
    const values = medians(measured)
    const { lightNode = Number.NaN, raw: rawMs = Number.NaN } = values
    return figure({
      name: `dial to the verified head over ${road}`,
      values: { ...values, ratio: lightNode / rawMs },
      result: lightNode,
      unit: 'ms',
      goal: { atMost: Math.round(TIMES_MAX * rawMs + EXTRA_MS_MAX) },
      rounds: measured,
    })
  })
}

async function syncTabs(browser: Browser): Promise<number> {
  const directory = mkdtempSync(join(folder, 'relay-'))
  const relay = await startRoadPeer({ directory })
  try {
    return await inTab(browser, (alice) =>
      inTab(browser, async (bob) => {
        for (const tab of [alice, bob]) await tab.evaluate((names) => window.road.prepare(names), TAB_TRANSPORTS)
        const address = await alice.evaluate((given) => window.road.meet(given), addressOver('/ws/', relay.addresses))
        const dialMs = await bob.evaluate((given) => window.road.dial(given), address)
        // Else the headers would come from the relay, as likely as not.
        await relay.kill()
        await alice.evaluate((given) => window.road.keep(given), [...readFileSync(MAINNET).subarray(80)])
        const synced = bob.evaluate((height) => window.road.untilHeight(height), MAINNET_HEIGHT)
        const startMs = await alice.evaluate(() => window.road.submit())
        return dialMs + (await synced) - startMs
      }),
    )
  } finally {
    await relay.kill()
  }
}

async function readTabs(browser: Browser, relay: string): Promise<number> {
  return inTab(browser, (alice) =>
    inTab(browser, async (bob) => {
      for (const tab of [alice, bob]) await tab.evaluate((names) => window.road.prepareRaw(names), TAB_TRANSPORTS)
      const address = await alice.evaluate(([at, bytes]) => window.road.serveRaw(at, bytes), [
        relay,
        TOTAL_BYTES,
      ] as const)
      return bob.evaluate(([at, bytes]) => window.road.readRaw(at, bytes), [address, TOTAL_BYTES] as const)
    }),
  )
}

/** A visitor who was never here. */
async function inTab<Value>(browser: Browser, use: (tab: Page) => Promise<Value>): Promise<Value> {
  // Without them Chromium hides addresses of loopback from WebRTC.
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
  try {
    const tab = await context.newPage()
    await tab.goto(page.url)
    await tab.waitForFunction(() => 'road' in window)
    return await use(tab)
  } finally {
    await context.close()
  }
}

/** On every road, and a relay. */
async function startRaw(): Promise<Libp2pCore> {
  const raw = await createNodejsLibp2p({
    privateKey: await generateKeyPair('Ed25519'),
    userAgent: 'bench',
    listen: LISTEN,
    announce: [],
    transports: nodejsTransports(),
    encrypter: noise(),
    muxer: yamux(),
    services: [relayServer()],
  })
  await raw.start()
  return raw
}
