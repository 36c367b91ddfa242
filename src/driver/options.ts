import type { LightNodeOptions, StoreOption, TransportName } from './api.ts'
import { LightNodeError } from './api.ts'

const OPTION_NAMES: ReadonlySet<string> = new Set<keyof LightNodeOptions>([
  'chain',
  'peers',
  'bitcoinPeers',
  'store',
  'blockStoreBytesMax',
  'transports',
  'rtcConfiguration',
  'maxPeers',
  'discoverPeers',
  'logger',
  'record',
  'debug',
  'listen',
  'announce',
])

/** Throws `LightNodeError` with one line that names the option, what was expected and what came. */
export function checkOptions(args: {
  readonly options: LightNodeOptions
  readonly transports: readonly TransportName[]
  readonly addressProblem: (address: string) => string | undefined
}): void {
  const { options, transports, addressProblem } = args
  if (typeof options !== 'object' || options === null) fail('options', 'an object with chain and peers', options)
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.has(name)) fail(name, `one of ${[...OPTION_NAMES].join(', ')}`, name)
  }
  const { chain, peers, maxPeers, logger } = options
  const isChain = typeof chain === 'object' && chain !== null && typeof chain.createTree === 'function'
  if (!isChain) fail('chain', "a chain, as bitcoin('mainnet') from rushlight/bitcoin", chain)
  if (!Array.isArray(peers)) fail('peers', 'a list of multiaddrs and gateway URLs (it may be empty)', peers)
  for (const address of peers) {
    const problem = typeof address === 'string' ? addressProblem(address) : undefined
    if (typeof address !== 'string') fail('peers', 'addresses as text', address)
    if (problem !== undefined) throw new LightNodeError('invalid-address', `option peers: ${problem}`)
  }
  if (maxPeers !== undefined && !(Number.isSafeInteger(maxPeers) && maxPeers > 0)) {
    fail('maxPeers', 'a whole number from 1', maxPeers)
  }
  const { blockStoreBytesMax } = options
  if (blockStoreBytesMax !== undefined && !(Number.isSafeInteger(blockStoreBytesMax) && blockStoreBytesMax >= 0)) {
    fail('blockStoreBytesMax', 'a whole number of bytes', blockStoreBytesMax)
  }
  if (logger !== undefined && typeof logger !== 'function') fail('logger', 'a function (event, fields)', logger)
  for (const name of ['debug', 'discoverPeers'] as const) {
    const { [name]: flag } = options
    if (flag !== undefined && typeof flag !== 'boolean') fail(name, 'true or false', flag)
  }
  const { transports: chosen = [] } = options
  const known = `a list, some of ${transports.join(', ')} on this platform`
  if (!Array.isArray(chosen)) fail('transports', known, chosen)
  for (const name of options.transports ?? []) if (!transports.includes(name)) fail('transports', known, name)
  for (const name of ['listen', 'announce'] as const) {
    const { [name]: addresses = [] } = options
    if (!Array.isArray(addresses)) fail(name, 'a list of multiaddrs', addresses)
    for (const address of addresses) if (typeof address !== 'string') fail(name, 'addresses as text', address)
  }
}

/** The empty name is none: it would mean the current folder. */
export function isDirectory(store: StoreOption | undefined): store is { readonly directory: string } {
  return typeof store === 'object' && store !== null && typeof store.directory === 'string' && store.directory !== ''
}

/** Throws `LightNodeError('invalid-option')`. */
export function fail(name: string, expected: string, got: unknown): never {
  throw new LightNodeError('invalid-option', `option ${name}: expected ${expected}, got ${show(got)}`)
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  return typeof value === 'object' && value !== null ? 'another object' : String(value)
}
