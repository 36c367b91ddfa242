/** A light node of Node.js, or one end of a raw stream, in a process of its own. */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { bitcoin, createLightNode, type LightNode } from '../../../src/nodejs.ts'
import type { Libp2pCore } from '../../../src/host/libp2p-core.ts'
import { createNodejsLibp2p } from '../../../src/host/libp2p.nodejs.ts'
import { nodejsTransports } from '../../../src/host/transports.nodejs.ts'
import { carryOut } from '../exchange/worker.ts'
import { createRaw, readRaw, serveRaw } from './raw-stream.ts'

export interface Synced {
  readonly verifiedMs: number
  /** Verified, and on the disk. */
  readonly storedMs: number
  readonly cpuMs: number
  /** Bytes of memory a header, when garbage is collected. */
  readonly bytesPerHeader: number
}

/** From the moment that the peer is ready. */
export interface SyncedBitcoin {
  readonly verifiedMs: number
  /** Share of that time that our event loop was busy. */
  readonly utilization: number
  /** Processor time of the main thread in it. */
  readonly mainThreadMs: number
}

export interface Restarted {
  /** Until `head` is the stored one, with trust `stored`. */
  readonly shownMs: number
  /** Until it is verified again. */
  readonly verifiedMs: number
}

export interface HeaderOrders {
  readonly sync: (args: { url: string; directory: string; headerCount: number }) => Promise<Synced>
  readonly restart: (args: { directory: string; headerCount: number }) => Promise<Restarted>
  /** From a Bitcoin peer, `HOST:PORT`. */
  readonly syncBitcoin: (args: { peer: string; directory: string; headerCount: number }) => Promise<SyncedBitcoin>
  /** Its addresses. */
  readonly serveRaw: (args: { totalBytes: number; listen: readonly string[] }) => Promise<readonly string[]>
  /** Milliseconds. */
  readonly readRaw: (args: { address: string; totalBytes: number }) => Promise<number>
  [other: string]: (args: never) => Promise<unknown>
}

const raw = (listen: readonly string[]): Promise<Libp2pCore> =>
  createRaw({ createLibp2p: createNodejsLibp2p, transports: nodejsTransports(), listen })

const orders: HeaderOrders = {
  sync: async ({ url, directory, headerCount }) => {
    const before = await memoryBytes()
    const startCpu = process.cpuUsage()
    const startMs = performance.now()
    await using lightNode = await createLightNode({ chain: bitcoin('regtest'), peers: [url], store: { directory } })
    await lightNode.ready()
    const verifiedMs = performance.now() - startMs
    await until(lightNode, () => lightNode.snapshot().store.headerCount === headerCount)
    const storedMs = performance.now() - startMs
    const { user, system } = process.cpuUsage(startCpu)
    expectHeight(lightNode, headerCount)
    const bytesPerHeader = ((await memoryBytes()) - before) / headerCount
    return { verifiedMs, storedMs, cpuMs: (user + system) / 1_000, bytesPerHeader }
  },

  restart: async ({ directory, headerCount }) => {
    const startMs = performance.now()
    await using lightNode = await createLightNode({ chain: bitcoin('regtest'), peers: [], store: { directory } })
    const shownMs = performance.now() - startMs
    expectHeight(lightNode, headerCount)
    if (lightNode.head.trust !== 'stored') throw new Error(`expected trust stored, got ${lightNode.head.trust}`)
    await until(lightNode, () => lightNode.head.trust !== 'stored')
    return { shownMs, verifiedMs: performance.now() - startMs }
  },

  syncBitcoin: async ({ peer, directory, headerCount }) => {
    const bitcoinPeers = [peer]
    const options = { chain: bitcoin('regtest'), peers: [], bitcoinPeers, store: { directory } }
    await using lightNode = await createLightNode(options)
    if (!lightNode.snapshot().peers.some(({ state }) => state === 'ready')) {
      await new Promise((resolve) => lightNode.addEventListener('peer-ready', resolve, { once: true }))
    }
    const startMs = performance.now()
    const before = performance.eventLoopUtilization()
    const startCpu = process.threadCpuUsage()
    await lightNode.ready()
    const verifiedMs = performance.now() - startMs
    const { utilization } = performance.eventLoopUtilization(before)
    const { user, system } = process.threadCpuUsage(startCpu)
    expectHeight(lightNode, headerCount)
    return { verifiedMs, utilization, mainThreadMs: (user + system) / 1_000 }
  },

  serveRaw: async ({ totalBytes, listen }) => serveRaw(await raw(listen), totalBytes),

  readRaw: async ({ address, totalBytes }) => readRaw(await raw([]), address, totalBytes),
}

async function until(lightNode: LightNode, isSo: () => boolean): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (isSo()) resolve()
    }
    lightNode.subscribe(look)
    look()
  })
}

function expectHeight({ head }: LightNode, headerCount: number): void {
  if (head.height !== headerCount - 1) throw new Error(`expected height ${headerCount - 1}, got ${head.height}`)
}

/** Bytes of array buffers are given back in a later turn. */
async function memoryBytes(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    globalThis.gc?.()
    await setImmediate()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

carryOut(orders)
