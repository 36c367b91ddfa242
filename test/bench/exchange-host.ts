/**
 * Bytes a second through the host's bitswap streams, beside a raw libp2p stream of the same bytes, in turns: what host and
 * wire cost. Two processes, TCP + noise + yamux on loopback; 256 KiB blocks, 32 in flight, nothing is hashed:
 * `node test/bench/exchange-host.ts [BLOCK_COUNT]`.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { Cid, ConnectionId } from '../../src/core/ids.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { EMPTY_EXCHANGE } from '../empty-exchange.ts'
import { ScriptedHost } from '../interop/libp2p-scripted.ts'

const RAW_PROTOCOL = '/bench/raw/1.0.0'
const BLOCK_BYTES: number = 256 * 1024
const IN_FLIGHT = 32
const PACKED_BLOCKS = 7
const ROUNDS = 15
const TIMEOUT_MS = 60_000

const blockCount = Number(process.argv[2] ?? 200)

if (process.send === undefined) await measure()
else await serve((message) => process.send?.(message))

async function serve(tell: (addresses: readonly string[]) => void): Promise<void> {
  const block = new Uint8Array(BLOCK_BYTES).fill(7)
  const raw = await createRaw(['/ip4/127.0.0.1/tcp/0'])
  await raw.handle(RAW_PROTOCOL, (stream) => void sendRaw(stream, block))
  const scripted = await ScriptedHost.start()
  const waiting: Cid[] = []
  let isSending = false
  const pump = (connection: ConnectionId): void => {
    if (isSending || waiting.length === 0) return
    isSending = true
    const blocks = waiting.splice(0, PACKED_BLOCKS).map((cid) => ({ cid, bytes: block }))
    const message = { ...EMPTY_EXCHANGE, blocks }
    scripted.host.perform({ type: 'send-exchange', connection, sequence: 1, message, timeoutMs: TIMEOUT_MS })
  }
  scripted.on((event) => {
    scripted.events.length = 0
    if (event.type === 'connection-opened')
      scripted.host.perform({ type: 'admit-exchange', connection: event.connection })
    else if (event.type === 'exchange-received') waiting.push(...event.message.wants.map(({ cid }) => cid))
    else if (event.type === 'exchange-sent') isSending = false
    else return
    if ('connection' in event) pump(event.connection)
  })
  tell([raw.getMultiaddrs()[0]?.toString() ?? '', scripted.address])
}

async function sendRaw(stream: Stream, block: Uint8Array): Promise<void> {
  for (let index = 0; index < blockCount; index++) if (!stream.send(block)) await stream.onDrain()
  await stream.close()
}

async function measure(): Promise<void> {
  const server = fork(fileURLToPath(import.meta.url), [String(blockCount)])
  const [rawAddress, address] = ((await once(server, 'message')) as [[string, string]])[0]
  const raw = await createRaw([])
  const rawConnection = await raw.dial(multiaddr(rawAddress))
  const scripted = await ScriptedHost.start({ listen: [] })
  const connection = await scripted.connect(address)
  const share: number[] = []
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const rawRate = await rate(async () => receiveRaw(await rawConnection.newStream(RAW_PROTOCOL)))
      const ourRate = await rate(() => fetchBlocks(scripted, connection))
      console.log(`raw stream ${rawRate.toFixed(1)} MB/s, bitswap ${ourRate.toFixed(1)} MB/s`)
      // The first round warms both up.
      if (round > 0) share.push(ourRate / rawRate)
    }
    share.sort((a, b) => a - b)
    console.log(`median of ${ROUNDS}: ${(100 * (share[Math.floor(ROUNDS / 2)] ?? 0)).toFixed(0)} % of the raw stream`)
  } finally {
    server.kill()
    await Promise.all([raw.stop(), scripted.host.stop()])
  }
}

async function rate(run: () => Promise<void>): Promise<number> {
  const startMs = performance.now()
  await run()
  return (blockCount * BLOCK_BYTES) / 1_000 / (performance.now() - startMs)
}

function receiveRaw(stream: Stream): Promise<void> {
  let sizeBytes = 0
  return new Promise((resolve) => {
    stream.addEventListener('message', ({ data }) => {
      sizeBytes += data.byteLength
      if (sizeBytes === blockCount * BLOCK_BYTES) resolve()
    })
  })
}

async function fetchBlocks(scripted: ScriptedHost, connection: ConnectionId): Promise<void> {
  let wantedCount = 0
  let receivedCount = 0
  let isSending = false
  const want = (): void => {
    const count = Math.min(IN_FLIGHT - (wantedCount - receivedCount), blockCount - wantedCount)
    if (isSending || count === 0) return
    isSending = true
    const wants = Array.from({ length: count }, () => {
      return { cid: cidOf(wantedCount++), priority: 1, want: 'block', sendDontHave: true } as const
    })
    const message = { ...EMPTY_EXCHANGE, wants }
    scripted.host.perform({ type: 'send-exchange', connection, sequence: 1, message, timeoutMs: TIMEOUT_MS })
  }
  scripted.host.perform({ type: 'admit-exchange', connection })
  await new Promise<void>((resolve) => {
    const forget = scripted.on((event) => {
      scripted.events.length = 0
      if (event.type === 'exchange-received') receivedCount += event.message.blocks.length
      else if (event.type === 'exchange-sent') isSending = false
      if (receivedCount < blockCount) return want()
      forget()
      resolve()
    })
    want()
  })
}

function cidOf(index: number): Cid {
  const digest = new Uint8Array(32)
  new DataView(digest.buffer).setUint32(0, index)
  return formatCid({ version: 1, codec: 0x55, hashCode: 0x12, digestSizeBytes: 32, digest })
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
