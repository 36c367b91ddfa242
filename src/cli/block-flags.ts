import type { ParseArgsOptionsConfig } from 'node:util'
import type { Chain } from '../nodejs.ts'
import { CHAIN_DEFAULT, parseChain, parseDirectory } from './chain-option.ts'
import { parseSeconds, parseWhole, type Flags } from './command.ts'
import { parsePeer } from './peer-option.ts'

const MEBIBYTE = 1024 * 1024
const TIMEOUT_SECONDS_DEFAULT = 60
const DAY_SECONDS = 86_400

/** Where blocks are kept: the flags of every command that opens a data folder for them. */
export const BLOCK_STORE_FLAGS: ParseArgsOptionsConfig = {
  chain: { type: 'string' },
  data: { type: 'string' },
  'block-store': { type: 'string' },
  json: { type: 'boolean' },
}
/** Where else a block may come from. */
export const FETCH_FLAGS: ParseArgsOptionsConfig = {
  ...BLOCK_STORE_FLAGS,
  peer: { type: 'string', multiple: true },
  timeout: { type: 'string' },
  out: { type: 'string' },
}

export const CHAIN_AND_DATA_HELP = `  --chain CHAIN      bitcoin:mainnet (the default), bitcoin:testnet3, bitcoin:testnet4, bitcoin:signet, bitcoin:regtest
  --data DIR         data folder; default $XDG_DATA_HOME/rushlight/<chain>, else ~/.local/share/rushlight/<chain>`
export const BLOCK_STORE_HELP = `  --block-store MIB  most room for blocks in the data folder; default 1024; give what the gateway is given`
export const FETCH_HELP: string = `  --peer ADDRESS     whom to ask for what is not in the data folder: a multiaddr or a gateway's URL; may be repeated
  --timeout SECONDS  how long to ask; default ${TIMEOUT_SECONDS_DEFAULT}
${CHAIN_AND_DATA_HELP}
${BLOCK_STORE_HELP}`

export interface BlockFlags {
  readonly chain: Chain
  readonly directory: string
  readonly blockStoreBytesMax: number | undefined
  readonly peers: readonly string[]
  readonly timeoutMs: number
}

/** Throws `CommandError` 2. */
export function parseBlockFlags(flags: Flags): BlockFlags {
  const chain = parseChain(flags.text('chain') ?? CHAIN_DEFAULT)
  const timeout = flags.text('timeout') ?? String(TIMEOUT_SECONDS_DEFAULT)
  return {
    chain,
    directory: parseDirectory(flags, chain),
    blockStoreBytesMax: parseBlockStore(flags),
    peers: flags.texts('peer').map(parsePeer),
    timeoutMs: 1_000 * parseSeconds({ flag: 'timeout', text: timeout, max: DAY_SECONDS }),
  }
}

/** `--block-store`, in bytes; undefined for the default. Throws `CommandError` 2. */
export function parseBlockStore(flags: Flags): number | undefined {
  const text = flags.text('block-store')
  // 1 TiB and more is not meant.
  return text === undefined ? undefined : MEBIBYTE * parseWhole({ flag: 'block-store', text, min: 1, max: MEBIBYTE })
}
