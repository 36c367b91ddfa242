/** A bitswap message that says nothing: what a test has to say goes on top. */
import type { OutgoingExchange } from '../src/core/exchange/exchange-message.ts'

export const EMPTY_EXCHANGE: OutgoingExchange = {
  wants: [],
  cancels: [],
  isFullWantlist: false,
  blocks: [],
  haves: [],
  dontHaves: [],
  pendingBytes: 0,
}
