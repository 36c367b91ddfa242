import type { PrivateKey } from '@libp2p/interface'
import type { OwnRecordChanged } from '../core/event.ts'
import type { Road } from '../core/message.ts'
import { sealPeerRecord } from './peer-records.ts'

/** Tells where others reach us, signed, and what we can dial: at first, and whenever our addresses change. */
export class OwnRecord {
  readonly #privateKey: PrivateKey
  readonly #roads: readonly Road[]
  readonly #post: (event: OwnRecordChanged) => void
  #told: string | undefined
  #sequence = 0

  constructor(args: {
    readonly privateKey: PrivateKey
    readonly roads: readonly Road[]
    readonly post: (event: OwnRecordChanged) => void
  }) {
    this.#privateKey = args.privateKey
    this.#roads = args.roads
    this.#post = args.post
  }

  async update(addresses: readonly string[]): Promise<void> {
    const told = addresses.join()
    if (told === this.#told) return
    this.#told = told
    // It has to grow over restarts too, and the clock may jump.
    this.#sequence = Math.max(this.#sequence + 1, Date.now())
    const record = await sealPeerRecord({ privateKey: this.#privateKey, addresses, sequence: this.#sequence })
    if (told === this.#told) this.#post({ type: 'own-record-changed', record, roads: this.#roads })
  }
}
