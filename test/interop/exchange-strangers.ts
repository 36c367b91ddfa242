/** Bitswap peers that are plain libp2p, honest or silent in one of three ways. */
import type { Stream, StreamMuxerFactory } from '@libp2p/interface'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { BITSWAP_PROTOCOL } from '../../src/host/exchange-outbound.ts'

export const SILENCES = ['never answers the negotiation', 'never reads', 'never closes'] as const
export type Silence = (typeof SILENCES)[number]

/** Streams of a peer that never answers are early for ever. */
const EARLY_STREAMS_MAX = 10_000

export class Stranger {
  readonly libp2p: Libp2p
  readonly streams: Stream[] = []
  /** Read on bitswap streams. */
  bytesIn = 0

  private constructor(libp2p: Libp2p) {
    this.libp2p = libp2p
  }

  static async start(silence?: Silence): Promise<Stranger> {
    const libp2p = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [silence === 'never answers the negotiation' ? deafYamux : yamux()],
      services: { identify: identify() },
      connectionMonitor: { enabled: false },
      connectionManager: { inboundConnectionThreshold: 1_000, maxIncomingPendingConnections: 1_000 },
    })
    const stranger = new Stranger(libp2p)
    await libp2p.handle(BITSWAP_PROTOCOL, (stream) => stranger.#accept(stream, silence))
    return stranger
  }

  get address(): string {
    return this.libp2p.getMultiaddrs()[0]?.toString() ?? ''
  }

  /** Opens a stream of its own to the one it is connected to, and says this. */
  async say(bytes: Uint8Array): Promise<void> {
    // The other side may know of the connection first.
    while (this.libp2p.getConnections().length === 0) await new Promise((resolve) => setImmediate(resolve))
    const stream = await this.libp2p.getConnections()[0]?.newStream(BITSWAP_PROTOCOL)
    stream?.send(bytes)
  }

  #accept(stream: Stream, silence: Silence | undefined): void {
    this.streams.push(stream)
    if (silence === 'never reads') return stream.pause()
    stream.addEventListener('message', ({ data }) => (this.bytesIn += data.byteLength))
    if (silence === undefined) stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => {}))
  }
}

/** Streams open and nobody is told: what is asked on them stays unanswered. */
function deafYamux(): StreamMuxerFactory {
  const factory = yamux({ maxEarlyStreams: EARLY_STREAMS_MAX })()
  const create = factory.createStreamMuxer.bind(factory)
  return Object.assign(factory, {
    createStreamMuxer: (...args: Parameters<typeof create>) => {
      const muxer = create(...args)
      const listen = muxer.addEventListener.bind(muxer)
      return Object.assign(muxer, {
        addEventListener: (...listener: Parameters<typeof listen>) => {
          if (listener[0] !== 'stream') listen(...listener)
        },
      })
    },
  })
}
