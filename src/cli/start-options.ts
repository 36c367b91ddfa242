import { isIP } from 'node:net'
import {
  addressProblem,
  bitcoinPeersProblem,
  hasDnsSeeds,
  MAX_PEERS,
  parseBitcoinListen,
  type BitcoinEndpoint,
  type BitcoinPeers,
  type Chain,
} from '../nodejs.ts'
import { CHAIN_DEFAULT, parseChain, parseDirectory } from './chain-option.ts'
import { parseBlockStore } from './block-flags.ts'
import { parseSeconds, parseWhole, type Flags } from './command.ts'
import { CommandError } from './command-error.ts'
import { TrustedProxies } from './http-origin.ts'
import { parsePeer } from './peer-option.ts'
import { PRACTICE_DIRECTORY_DEFAULT } from './practice-folder.ts'
import { parseRoadFlags, type RoadFlags } from './road-flags.ts'

export const PORT_DEFAULT = 8645
export const HOST_DEFAULT = '127.0.0.1'
const PRACTICE_CHAIN = 'bitcoin:regtest'
const BLOCK_INTERVAL_SECONDS_DEFAULT = 5

/** `rushlight start`'s flags, understood. */
export interface StartOptions {
  readonly chain: Chain
  readonly directory: string
  readonly port: number
  readonly host: string
  readonly roads: RoadFlags
  readonly peers: readonly string[]
  /** Undefined where Bitcoin's own network is left alone. */
  readonly bitcoinPeers: BitcoinPeers | undefined
  /** Where nodes of Bitcoin's own network can dial us; undefined for nowhere. */
  readonly bitcoinListen: BitcoinEndpoint | undefined
  readonly announce: readonly string[]
  readonly trustedProxies: TrustedProxies
  /** Most bytes of blocks kept; undefined for the default. */
  readonly blockStoreBytesMax: number | undefined
  readonly maxPeers: number
  readonly hasStatus: boolean
  /** Where a recording of the run goes; undefined for none. */
  readonly recordFile: string | undefined
  /** Every step of the core is checked. */
  readonly isDebug: boolean
  /** undefined unless `--dev`. */
  readonly practice: Practice | undefined
}

export interface Practice {
  readonly reset: boolean
  readonly intervalMs: number
  readonly reorgEvery: number | undefined
}

/** Throws `CommandError` 2. */
export function parseStartOptions(flags: Flags): StartOptions {
  const practice = parsePractice(flags)
  const chainId = flags.text('chain') ?? (practice === undefined ? CHAIN_DEFAULT : PRACTICE_CHAIN)
  const chain = parseChain(chainId)
  if (practice !== undefined && chain.id !== PRACTICE_CHAIN) {
    throw new CommandError(2, `--dev: expected --chain ${PRACTICE_CHAIN} or none, got ${chain.id}`)
  }
  const isPracticeDefault = practice !== undefined && flags.text('data') === undefined
  return {
    chain,
    directory: isPracticeDefault ? PRACTICE_DIRECTORY_DEFAULT : parseDirectory(flags, chain),
    port: parseWhole({ flag: 'port', text: flags.text('port') ?? String(PORT_DEFAULT), min: 0, max: 65_535 }),
    host: parseHost(flags.text('host') ?? HOST_DEFAULT),
    roads: parseRoadFlags(flags),
    peers: flags.texts('peer').map(parsePeer),
    bitcoinPeers: parseBitcoinPeers(flags, chain),
    bitcoinListen: parseListen(flags, chain),
    announce: flags.texts('announce').map(parseAnnounce),
    trustedProxies: new TrustedProxies(flags.texts('trusted-proxy')),
    blockStoreBytesMax: parseBlockStore(flags),
    maxPeers: parseWhole({
      flag: 'max-peers',
      text: flags.text('max-peers') ?? String(MAX_PEERS),
      min: 1,
      max: 65_535,
    }),
    hasStatus: !flags.isSet('no-status'),
    recordFile: flags.text('record'),
    isDebug: flags.isSet('debug'),
    practice,
  }
}

/** Those that are named; none with `--no-bitcoin` or where another peer is named; else those that DNS seeds name, if there are any. */
function parseBitcoinPeers(flags: Flags, chain: Chain): BitcoinPeers | undefined {
  const named = flags.texts('bitcoin-peer')
  if (named.length === 0) {
    const isLeftAlone = flags.isSet('no-bitcoin') || flags.isSet('dev') || flags.texts('peer').length > 0
    return isLeftAlone || !hasDnsSeeds(chain.id) ? undefined : 'any'
  }
  refuseBeside(flags, 'bitcoin-peer')
  for (const text of named) {
    if (bitcoinPeersProblem(chain.id, [text]) === undefined) continue
    throw new CommandError(2, `--bitcoin-peer: expected HOST:PORT or HOST, got ${JSON.stringify(text)}`)
  }
  return named
}

function parseListen(flags: Flags, chain: Chain): BitcoinEndpoint | undefined {
  const text = flags.text('bitcoin-listen')
  if (text === undefined) return undefined
  refuseBeside(flags, 'bitcoin-listen')
  const endpoint = parseBitcoinListen(chain.id, text)
  if (endpoint !== undefined) return endpoint
  const expected = 'expected an IP address of this machine, with a port or without, such as 127.0.0.1:8333'
  throw new CommandError(2, `--bitcoin-listen: ${expected}, got ${JSON.stringify(text)}`)
}

function refuseBeside(flags: Flags, flag: string): void {
  for (const other of ['no-bitcoin', 'dev']) {
    if (flags.isSet(other)) throw new CommandError(2, `--${flag}: expected it without --${other}, got both`)
  }
}

function parsePractice(flags: Flags): Practice | undefined {
  const interval = flags.text('block-interval')
  const reorgEvery = flags.text('reorg-every')
  if (flags.isSet('dev')) {
    const seconds =
      interval === undefined
        ? BLOCK_INTERVAL_SECONDS_DEFAULT
        : parseSeconds({ flag: 'block-interval', text: interval, max: 86_400 })
    return {
      reset: flags.isSet('reset'),
      intervalMs: 1_000 * seconds,
      reorgEvery:
        reorgEvery === undefined
          ? undefined
          : parseWhole({ flag: 'reorg-every', text: reorgEvery, min: 1, max: 1_000_000 }),
    }
  }
  const lonely = ['reset', 'block-interval', 'reorg-every'].find((name) => flags.isSet(name) || flags.text(name))
  if (lonely !== undefined) throw new CommandError(2, `--${lonely}: expected --dev with it`)
  return undefined
}

function parseHost(text: string): string {
  if (text === 'localhost') return HOST_DEFAULT
  const host = text.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) !== 0) return host
  throw new CommandError(2, `--host: expected an IP address such as 127.0.0.1 or 0.0.0.0, got ${JSON.stringify(text)}`)
}

function parseAnnounce(text: string): string {
  if (text.startsWith('/') && addressProblem(text) === undefined) return text
  throw new CommandError(2, `--announce: expected a multiaddr, got ${JSON.stringify(text)}`)
}
