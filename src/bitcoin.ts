/** Bitcoin for `createLightNode`: the sub-path `rushlight/bitcoin`. */
import type { Chain, Checkpoint } from './core/chain.ts'
import { ContentError } from './core/content.ts'
import type {
  ContentErrorCode,
  TransactionOutput,
  TransactionProof,
  TransactionSummary,
  VerifiedTransaction,
} from './core/content.ts'
import type { Root } from './core/ids.ts'
import { createBitcoinChain } from './chain/bitcoin/bitcoin-chain.ts'
import { readCheckpoints } from './chain/bitcoin/checkpoint-table.ts'
import type { CheckpointTable } from './chain/bitcoin/checkpoint-table.ts'
import { HEADER_SIZE_BYTES, readHeaderFields, readRoot, ROOT_SIZE_BYTES } from './chain/bitcoin/header.ts'
import type { HeaderFields } from './chain/bitcoin/header.ts'
import { networkParameters } from './chain/bitcoin/networks.ts'
import type { BitcoinNetwork } from './chain/bitcoin/networks.ts'
import { decodeTransactionProof, encodeTransactionProof } from './chain/bitcoin/proof-bytes.ts'
import { verifyTransaction } from './chain/bitcoin/transaction-proof.ts'
import { hashHeaders } from './hash/choose-hash-headers.ts'

export { ContentError, decodeTransactionProof, encodeTransactionProof, verifyTransaction }
export type {
  BitcoinNetwork,
  Chain,
  Checkpoint,
  ContentErrorCode,
  HeaderFields,
  Root,
  TransactionOutput,
  TransactionProof,
  TransactionSummary,
  VerifiedTransaction,
}

/** With less work than `minimumChainWork` (0n by default) the chain is never reported as synced, nor kept beyond 20,000 headers above the last checkpoint that it passes through. */
export interface BitcoinOptions {
  readonly minimumChainWork?: bigint
}

/** The rules of one network. Its checkpoints are loaded when a light node starts with them. */
export interface BitcoinChain extends Chain {
  loadCheckpoints(): Promise<readonly Checkpoint[]>
}

/** The rules of one of Bitcoin's networks. Throws `RangeError` naming what is known when an argument is none of it. */
export function bitcoin(network: BitcoinNetwork, options: BitcoinOptions = {}): BitcoinChain {
  const { minimumChainWork = 0n } = options
  if (typeof minimumChainWork !== 'bigint' || minimumChainWork < 0n) {
    throw new RangeError(`expected minimumChainWork as a bigint from 0n, got ${String(minimumChainWork)}`)
  }
  return { ...createBitcoinChain({ network, ...options }), loadCheckpoints: () => loadCheckpoints(network) }
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

/**
 * Roots built into the library, lowest first; none for regtest. Each network's are loaded when they are asked for.
 * Throws `RangeError` for an unknown network.
 */
export async function loadCheckpoints(network: BitcoinNetwork): Promise<readonly Checkpoint[]> {
  const table = await loadTable(networkParameters(network).name)
  if (table === undefined) return []
  return readCheckpoints(
    table,
    Uint8Array.from(atob(table.rootColumns), (character) => character.charCodeAt(0)),
  )
}

async function loadTable(network: BitcoinNetwork): Promise<CheckpointTable | undefined> {
  switch (network) {
    case 'mainnet':
      return (await import('./chain/bitcoin/checkpoints/mainnet.ts')).CHECKPOINTS
    case 'testnet3':
      return (await import('./chain/bitcoin/checkpoints/testnet3.ts')).CHECKPOINTS
    case 'testnet4':
      return (await import('./chain/bitcoin/checkpoints/testnet4.ts')).CHECKPOINTS
    case 'signet':
      return (await import('./chain/bitcoin/checkpoints/signet.ts')).CHECKPOINTS
    case 'regtest':
      return undefined
  }
}
