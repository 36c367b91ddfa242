/** Crowds of fake peers come and vanish; then one honest peer must still be heard, and nothing of the crowd be left. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, vi } from 'vitest'
import { readUint32, TIME_OFFSET } from '../../src/chain/bitcoin/header.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { bitcoin, startGateway, type Gateway } from '../../src/nodejs.ts'
import { Crowd } from './crowd.ts'
import type { Victim } from './fake-peers.ts'

/** btcd's stress test, which this follows: the height must rise within 8 s. */
const LIVE_MS_MAX = 8_000
const HEADERS_BEFORE = 20
const HEADERS_MORE = 5
/** A hang limit: every deadline by which the gateway lets go of somebody is at most 30 s. */
const LET_GO_MS_MAX = 60_000

/**
 * `count` fake peers, `atOnce` at a time. With `areSilentOnesToStay` those of the last crowd that are not ready stay
 * until the gateway lets go of them.
 */
export async function expectToSurvive(options: {
  readonly count: number
  readonly atOnce: number
  readonly areSilentOnesToStay: boolean
}): Promise<void> {
  const socketsBefore = socketCount()
  const crowd = new Crowd()
  const [gateway, live] = await Promise.all([open(), open()])
  try {
    await mine(gateway.lightNode, HEADERS_BEFORE)
    await mine(live.lightNode, HEADERS_BEFORE + HEADERS_MORE)
    const socketsWhileQuiet = socketCount()
    const told = { ready: 0, gone: 0 }
    gateway.lightNode.addEventListener('peer-ready', () => (told.ready += 1))
    gateway.lightNode.addEventListener('peer-gone', () => (told.gone += 1))

    const heapBeforeMegabytes = heapMegabytes()
    const startedMs = performance.now()
    let readyCount = 0
    let stayingCount = 0
    for (let done = 0; done < options.count; done += options.atOnce) {
      const size = Math.min(options.atOnce, options.count - done)
      readyCount += await crowd.gather(victimOf(gateway.lightNode), done, size)
      stayingCount = await crowd.vanish(options.areSilentOnesToStay && done + size === options.count)
    }
    const stressMs = performance.now() - startedMs

    const liveMs = await meet(gateway.lightNode, live.lightNode)
    expect(gateway.lightNode.head.height).toBe(HEADERS_BEFORE + HEADERS_MORE)
    expect(liveMs).toBeLessThanOrEqual(LIVE_MS_MAX)

    await live.lightNode.disconnect(gateway.lightNode.peerId)
    await crowd.beDropped()
    await vi.waitFor(
      () => {
        expect(gateway.lightNode.snapshot().peers).toEqual([])
        expect(told).toEqual({ ready: readyCount + 1, gone: readyCount + 1 })
        expect(socketCount()).toBe(socketsWhileQuiet)
      },
      { timeout: LET_GO_MS_MAX, interval: 50 },
    )
    console.info(
      `stress: ${options.count} fake peers, ${options.atOnce} at once, ${readyCount} ready, ${stayingCount} staying, ` +
        `in ${(stressMs / 1000).toFixed(1)} s; then ${HEADERS_MORE} headers in ${Math.ceil(liveMs)} ms; ` +
        `heap ${heapBeforeMegabytes} MB before, ${heapMegabytes()} MB after`,
    )
  } finally {
    await Promise.all([crowd.end(), gateway.close(), live.close()])
  }
  await vi.waitFor(() => expect(socketCount()).toBe(socketsBefore), { timeout: LET_GO_MS_MAX, interval: 50 })
}

/** Milliseconds from the moment that the honest peer dials until its headers are the gateway's. */
async function meet(gateway: Gateway, live: Gateway): Promise<number> {
  const { height } = live.head
  const risen = new Promise<void>((resolve) => {
    gateway.addEventListener('head', ({ detail }) => {
      if (detail.height === height) resolve()
    })
  })
  const startedMs = performance.now()
  await live.connect(victimOf(gateway).tcp)
  await risen
  return performance.now() - startedMs
}

async function open(): Promise<{ readonly lightNode: Gateway; readonly close: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-stress-'))
  const lightNode = await startGateway({
    chain: bitcoin('regtest'),
    directory,
    peers: [],
    port: 0,
    host: '127.0.0.1',
    announce: [],
    isAuthority: false,
    // Who learnt of the honest peer would dial it once it is gone.
    discoverPeers: false,
    log: () => {},
    httpRequestHandler: (_request, response) => void response.writeHead(404).end(),
    allowUpgrade: () => true,
  })
  return {
    lightNode,
    close: async () => {
      await lightNode.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function victimOf({ addresses }: Gateway): Victim {
  const websockets = addresses.find((address) => address.includes('/ws/'))
  const tcp = addresses.find((address) => !address.includes('/ws/'))
  if (tcp === undefined || websockets === undefined)
    throw new Error(`expected two addresses, got ${addresses.join(' ')}`)
  return { tcp, websockets }
}

async function mine(lightNode: Gateway, count: number): Promise<void> {
  const genesis = await lightNode.getHeader(0)
  if (genesis === undefined) throw new Error('expected a genesis header')
  const firstTime = readUint32(genesis.bytes, TIME_OFFSET) + 600
  const mined = new Promise<void>((resolve) => {
    lightNode.addEventListener('head', ({ detail }) => {
      if (detail.height === count) resolve()
    })
  })
  lightNode.submitHeaders(mineHeaders({ parent: genesis.bytes, count, firstTime, stepSeconds: 600 }))
  await mined
}

/** Of the whole process, listeners not counted. */
function socketCount(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heapMegabytes(): number {
  collectGarbage()
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20)
}
