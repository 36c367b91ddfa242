/** The same bytes over the same road, and nothing else: a libp2p as ours is, whose stream carries bytes that nobody reads. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import type { CreateLibp2p, Libp2pCore, Libp2pTransports } from '../../../src/host/libp2p-core.ts'

const RAW_PROTOCOL = '/bench/raw/1.0.0'
/** About as long as a batch of headers. */
const PIECE_BYTES: number = 160 * 1024
/** As libp2p-host.ts. */
const STREAM_WINDOW_BYTES_MAX: number = 4 * 1024 * 1024

export async function createRaw(args: {
  readonly createLibp2p: CreateLibp2p
  readonly transports: Libp2pTransports
  readonly listen: readonly string[]
}): Promise<Libp2pCore> {
  const streamOptions = { maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX, maxReadBufferLength: STREAM_WINDOW_BYTES_MAX }
  const raw = await args.createLibp2p({
    privateKey: await generateKeyPair('Ed25519'),
    userAgent: 'bench',
    listen: args.listen,
    announce: [],
    transports: args.transports,
    encrypter: noise(),
    muxer: yamux({ streamOptions }),
    services: [],
  })
  await raw.start()
  return raw
}

/** Writes so many bytes to whoever opens a stream; returns its addresses. */
export async function serveRaw(raw: Libp2pCore, totalBytes: number): Promise<readonly string[]> {
  await raw.handle(RAW_PROTOCOL, (stream) => void write(stream, totalBytes))
  return raw.getMultiaddrs().map(String)
}

/**
 * Milliseconds from asking to the last byte, and until `store` has taken all of them, as many at once as came meanwhile. The
 * connection is there before.
 */
export async function readRaw(
  raw: Libp2pCore,
  address: string,
  totalBytes: number,
  store?: (pieces: readonly Uint8Array[]) => Promise<void>,
): Promise<number> {
  const connection = await raw.dial(multiaddr(address))
  const startMs = performance.now()
  const stream = await connection.newStream(RAW_PROTOCOL)
  let readBytes = 0
  const pieces: Uint8Array[] = []
  let wake = (): void => {}
  stream.addEventListener('message', ({ data }) => {
    readBytes += data.byteLength
    if (store !== undefined) pieces.push(data.subarray())
    wake()
  })
  for (;;) {
    if (pieces.length > 0) await store?.(pieces.splice(0))
    else if (readBytes < totalBytes) await new Promise<void>((resolve) => (wake = resolve))
    else break
  }
  const tookMs = performance.now() - startMs
  await connection.close()
  return tookMs
}

async function write(stream: Stream, totalBytes: number): Promise<void> {
  const piece = new Uint8Array(PIECE_BYTES)
  for (let left = totalBytes; left > 0; left -= PIECE_BYTES) {
    if (!stream.send(left < PIECE_BYTES ? piece.subarray(0, left) : piece)) await stream.onDrain()
  }
  await stream.close()
}
