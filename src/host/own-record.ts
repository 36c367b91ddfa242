import type { PrivateKey } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { OwnRecordChanged } from '../core/event.ts'
import type { PeerRecord, Road } from '../core/message.ts'
import type { Libp2pCore } from './libp2p-core.ts'
import { sealPeerRecord } from './peer-records.ts'

// Only their form matters: which transport would take them.
const PEER = '12D3KooWEW4VXGhWqv2AzCCDiGSviSJiurWVUEsN951sjCz1e4VF'
const CERTHASH = 'certhash/uEiAkH5a4DPGKUuOBjYw0CgwjLa2R_RF71v86aVxlqdKNOQ'
const SAMPLES: Readonly<Record<Road, string>> = {
  tcp: '/ip4/127.0.0.1/tcp/1',
  ws: '/ip4/127.0.0.1/tcp/1/ws',
  wss: '/ip4/127.0.0.1/tcp/1/tls/ws',
  webtransport: `/ip4/127.0.0.1/udp/1/quic-v1/webtransport/${CERTHASH}`,
  'webrtc-direct': `/ip4/127.0.0.1/udp/1/webrtc-direct/${CERTHASH}`,
  webrtc: `/ip4/127.0.0.1/tcp/1/ws/p2p/${PEER}/p2p-circuit/webrtc`,
}

/** Tells where others reach us, signed, and what we can dial: at first, and whenever our addresses change. */
export class OwnRecord {
  readonly #libp2p: Libp2pCore
  readonly #key: PrivateKey
  readonly #post: (event: OwnRecordChanged) => void
  readonly #roads: Promise<readonly Road[]>
  #told: string | undefined
  #sequence = 0

  constructor(args: {
    readonly libp2p: Libp2pCore
    readonly key: PrivateKey
    readonly post: (event: OwnRecordChanged) => void
  }) {
    this.#libp2p = args.libp2p
    this.#key = args.key
    this.#post = args.post
    this.#roads = this.#findRoads()
  }

  update(addresses: readonly string[]): void {
    const told = addresses.join()
    if (told === this.#told) return
    const isFirst = this.#told === undefined
    this.#told = told
    // Who was never to be reached has nothing to take back.
    void this.#tell(isFirst && addresses.length === 0 ? undefined : addresses, told)
  }

  async #tell(addresses: readonly string[] | undefined, told: string): Promise<void> {
    // It has to grow over restarts too; the clock may jump.
    this.#sequence = Math.max(this.#sequence + 1, Date.now())
    const [roads, record] = await Promise.all([this.#roads, this.#seal(addresses)])
    if (told === this.#told && this.#libp2p.status === 'started')
      this.#post({ type: 'own-record-changed', record, roads })
  }

  async #seal(addresses: readonly string[] | undefined): Promise<PeerRecord | undefined> {
    if (addresses === undefined) return undefined
    return sealPeerRecord({ privateKey: this.#key, addresses, sequence: this.#sequence })
  }

  async #findRoads(): Promise<readonly Road[]> {
    const roads = Object.keys(SAMPLES) as Road[]
    const { location } = globalThis as { readonly location?: { readonly protocol: string } }
    const isDialable = await Promise.all(
      roads.map(async (road) => {
        // Mixed content: a page that came over https may not.
        if (road === 'ws' && location?.protocol === 'https:') return false
        return (await this.#libp2p.isDialable?.(multiaddr(`${SAMPLES[road]}/p2p/${PEER}`))) ?? true
      }),
    )
    return roads.filter((_, index) => isDialable[index])
  }
}
