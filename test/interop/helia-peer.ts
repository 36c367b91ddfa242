/** Helia as it is on npm, offline: TCP or WebSockets on loopback, no bootstrap, no routing, no gateway; a peer that knows only bitswap. */
import { createHash } from 'node:crypto'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createHelia } from 'helia'
import { CID } from 'multiformats/cid'
import { from } from 'multiformats/hashes/hasher'
import type { Cid } from '../../src/core/ids.ts'
import { HASH_DBL_SHA2_256 } from '../../src/wire/cid.ts'

const doubleSha256 = from({
  name: 'dbl-sha2-256',
  code: HASH_DBL_SHA2_256,
  encode: (bytes) => sha256(sha256(bytes)),
})

export class HeliaPeer {
  readonly #helia: Awaited<ReturnType<typeof createHelia>>

  private constructor(helia: Awaited<ReturnType<typeof createHelia>>) {
    this.#helia = helia
  }

  static async start(listen = '/ip4/127.0.0.1/tcp/0'): Promise<HeliaPeer> {
    const helia = createHelia({
      hashers: [doubleSha256],
      http: { delegatedRouters: [], recursiveGateways: [] },
      libp2p: {
        addresses: { listen: [listen] },
        transports: [tcp(), webSockets()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        peerDiscovery: [],
        services: { identify: identify() },
      },
    })
    await helia.start()
    return new HeliaPeer(helia)
  }

  get address(): string {
    return this.#helia.libp2p.getMultiaddrs()[0]?.toString() ?? ''
  }

  get peerId(): string {
    return this.#helia.libp2p.peerId.toString()
  }

  async connect(address: string): Promise<void> {
    await this.#helia.libp2p.dial(multiaddr(address))
  }

  async put(cid: Cid, bytes: Uint8Array): Promise<void> {
    await this.#helia.blockstore.put(CID.parse(cid), bytes)
  }

  /** From its own store, or from whom it is connected to. */
  async get(cid: Cid, signal: AbortSignal): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for await (const part of this.#helia.blockstore.get(CID.parse(cid), { signal })) parts.push(part)
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Uint8Array.from(Buffer.concat(parts))
  }

  /** The same peer, with what it stored and with nobody connected. */
  async restart(): Promise<void> {
    await this.#helia.stop()
    await this.#helia.start()
  }

  async stop(): Promise<void> {
    await this.#helia.stop()
  }
}

function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(bytes).digest())
}
