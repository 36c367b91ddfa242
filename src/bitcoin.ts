/** Bitcoin for `createLightNode`: the sub-path `rushlight/bitcoin`. */
import type { Chain } from './core/chain.ts'
import type { Root } from './core/ids.ts'
import { createBitcoinChain } from './chain/bitcoin/bitcoin-chain.ts'
import { hashHeaders } from './chain/bitcoin/double-sha256.ts'
import { HEADER_SIZE_BYTES, readHeaderFields, readRoot, ROOT_SIZE_BYTES } from './chain/bitcoin/header.ts'
import type { HeaderFields } from './chain/bitcoin/header.ts'
import type { BitcoinNetwork } from './chain/bitcoin/networks.ts'

export type { Chain, BitcoinNetwork, HeaderFields, Root }

/** With less work than `minimumChainWork` (0n by default) the chain is never reported as synced. */
export interface BitcoinOptions {
  readonly minimumChainWork?: bigint
}

/** The rules of one of Bitcoin's networks. Throws `RangeError` naming the known networks when this is none of them. */
export function bitcoin(network: BitcoinNetwork, options: BitcoinOptions = {}): Chain {
  return createBitcoinChain({ network, ...options })
}

/** A header's fields with its own root. */
export interface DecodedHeader extends HeaderFields {
  readonly root: Root
}

/** Reads the 80 bytes of one header; it is not verified. Throws `RangeError` for another length. */
export function decodeHeader(bytes: Uint8Array): DecodedHeader {
  if (bytes.length !== HEADER_SIZE_BYTES) {
    throw new RangeError(`expected ${HEADER_SIZE_BYTES} header bytes, got ${bytes.length}`)
  }
  const root = new Uint8Array(ROOT_SIZE_BYTES)
  hashHeaders(bytes, 0, 1, root)
  return { ...readHeaderFields(bytes, 0), root: readRoot(root, 0) }
}
