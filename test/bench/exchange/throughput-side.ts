/** A light node, a Helia, or a raw libp2p stream: one end of a connection that blocks are measured on. */
import { createHash, randomBytes } from 'node:crypto'
import type { Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import type { Cid } from '../../../src/core/ids.ts'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../../src/wire/cid.ts'
import { carryOut } from './worker.ts'

const LISTEN = '/ip4/127.0.0.1/tcp/0'
const RAW_PROTOCOL = '/bench/raw/1.0.0'
const SIGNAL_MS = 120_000

export type Kind = 'light node' | 'helia'

export interface ThroughputOrders {
  /** Its address. Connects to `peer`, if there is one. A light node keeps so many bytes of blocks. */
  readonly start: (args: { kind: Kind; peer?: string; blockStoreBytesMax?: number }) => Promise<string>
  /** New blocks of random bytes, for others to fetch. */
  readonly make: (args: { count: number; sizeBytes: number }) => Promise<Cid[]>
  /** Milliseconds until all of them are here. */
  readonly fetch: (args: { cids: readonly Cid[]; inFlight: number }) => Promise<number>
  /** The address of a libp2p that writes so many bytes to whoever opens a stream. */
  readonly startRaw: (args: { count: number; sizeBytes: number }) => Promise<string>
  readonly connectRaw: (args: { peer: string }) => Promise<void>
  /** Milliseconds until they are here. */
  readonly readRaw: (args: { totalBytes: number }) => Promise<number>
  [other: string]: (args: never) => Promise<unknown>
}

interface Exchanger {
  readonly address: string
  put(cid: Cid, bytes: Uint8Array): Promise<void>
  get(cid: Cid): Promise<Uint8Array>
}

let exchanger: Exchanger | undefined
let raw: Libp2p | undefined

const orders: ThroughputOrders = {
  start: async ({ kind, peer, blockStoreBytesMax }) => {
    const options = blockStoreBytesMax === undefined ? {} : { blockStoreBytesMax }
    exchanger = kind === 'helia' ? await startHelia(peer) : await startLightNode(peer, options)
    return exchanger.address
  },

  make: async ({ count, sizeBytes }) => {
    const cids: Cid[] = []
    for (let index = 0; index < count; index += 1) {
      const bytes = Uint8Array.from(randomBytes(sizeBytes))
      const digest = createHash('sha256').update(bytes).digest()
      const cid = formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest })
      await started().put(cid, bytes)
      cids.push(cid)
    }
    return cids
  },

  fetch: async ({ cids, inFlight }) => {
    const { get } = started()
    const startMs = performance.now()
    let next = 0
    const fetchNext = async (): Promise<void> => {
      for (let cid = cids[next++]; cid !== undefined; cid = cids[next++]) await get(cid)
    }
    await Promise.all(Array.from({ length: inFlight }, fetchNext))
    return performance.now() - startMs
  },

  startRaw: async ({ count, sizeBytes }) => {
    raw = await createRaw([LISTEN])
    const block = Uint8Array.from(randomBytes(sizeBytes))
    await raw.handle(RAW_PROTOCOL, (stream) => void writeRaw(stream, { count, block }))
    return raw.getMultiaddrs()[0]?.toString() ?? ''
  },

  connectRaw: async ({ peer }) => {
    raw = await createRaw([])
    await raw.dial(multiaddr(peer))
  },

  readRaw: async ({ totalBytes }) => {
    const startMs = performance.now()
    const stream = await raw?.getConnections()[0]?.newStream(RAW_PROTOCOL)
    let sizeBytes = 0
    await new Promise<void>((resolve) => {
      stream?.addEventListener('message', ({ data }) => {
        sizeBytes += data.byteLength
        if (sizeBytes === totalBytes) resolve()
      })
    })
    return performance.now() - startMs
  },
}

function started(): Exchanger {
  if (exchanger === undefined) throw new Error('expected `start` first')
  return exchanger
}

// Each loads what it needs and no more: a process that has others loaded too spends its time on marking them.

async function startLightNode(
  peer: string | undefined,
  options: { readonly blockStoreBytesMax?: number },
): Promise<Exchanger> {
  const { bitcoin, createLightNode } = await import('../../../src/nodejs.ts')
  const peers = peer === undefined ? [] : [peer]
  const lightNode = await createLightNode({ chain: bitcoin('regtest'), peers, listen: [LISTEN], ...options })
  if (peer !== undefined) {
    await new Promise<void>((resolve) => {
      lightNode.subscribe(() => {
        if (lightNode.snapshot().peers.some(({ state }) => state === 'ready' || state === 'exchange-only')) resolve()
      })
    })
  }
  return {
    address: lightNode.addresses[0] ?? '',
    put: (cid, bytes) => lightNode.putBytes(cid, bytes),
    get: (cid) => lightNode.getBytes(cid),
  }
}

async function startHelia(peer: string | undefined): Promise<Exchanger> {
  const { HeliaPeer } = await import('../../interop/helia-peer.ts')
  const helia = await HeliaPeer.start(LISTEN)
  if (peer !== undefined) await helia.connect(peer)
  return {
    address: helia.address,
    put: (cid, bytes) => helia.put(cid, bytes),
    get: (cid) => helia.get(cid, AbortSignal.timeout(SIGNAL_MS)),
  }
}

async function createRaw(listen: readonly string[]): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: [...listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
}

async function writeRaw(stream: Stream, args: { readonly count: number; readonly block: Uint8Array }): Promise<void> {
  for (let index = 0; index < args.count; index += 1) if (!stream.send(args.block)) await stream.onDrain()
  await stream.close()
}

carryOut(orders)
