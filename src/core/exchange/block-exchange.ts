import type { HeaderTree } from '../chain.ts'
import type { ChainContent } from '../content.ts'
import type { ExchangeView } from '../core.ts'
import type { Effect } from '../effect.ts'
import type { Cid } from '../ids.ts'
import type { Instant } from '../instant.ts'
import type { ExchangeEvent } from './exchange-event.ts'
import type { CidPrefix } from './exchange-message.ts'

export interface BlockExchangeOptions {
  readonly tree: HeaderTree
  readonly content: ChainContent | undefined
  readonly cidOf: (prefix: CidPrefix, bytes: Uint8Array) => Cid | undefined
  readonly effects: Effect[]
}

/** Asks for blocks and serves them: both sides of bitswap, for all peers, without a stream in sight. */
export class BlockExchange {
  readonly #options: BlockExchangeOptions

  constructor(options: BlockExchangeOptions) {
    this.#options = options
  }

  handle(event: ExchangeEvent, now: Instant): void {
    void [event, now, this.#options]
  }

  nextTimeout(): number | undefined {
    return undefined
  }

  view(): ExchangeView {
    const counts = { blocksReceived: 0, bytesReceived: 0, duplicateBlocks: 0, unwantedBlocks: 0 }
    return { ...counts, blocksSent: 0, bytesSent: 0, wantCount: 0, peers: new Map() }
  }
}
