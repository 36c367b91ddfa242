/** What tells Bitcoin's networks apart, as far as headers go. */
import { toRoot } from '../../core/ids.ts'
import type { Root } from '../../core/ids.ts'
import { writeHeader } from './header.ts'

export type BitcoinNetwork = 'mainnet' | 'testnet3' | 'testnet4' | 'signet' | 'regtest'

/** Bitcoin Core kernel/chainparams.cpp: nPowTargetTimespan (two weeks) / nPowTargetSpacing (ten minutes), every network here. */
export const RETARGET_PERIOD_HEADERS = 2_016
export const RETARGET_TIMESPAN_SECONDS: number = 14 * 24 * 60 * 60

export interface NetworkParameters {
  readonly name: BitcoinNetwork
  readonly genesisHeader: Uint8Array
  readonly genesis: Root
  /** The easiest target, in compact form; the period's target never goes above it. */
  readonly limitBits: number
  /**
   * How a header's bits follow from the ones before. `every-period`: retarget every 2,016 headers. `twenty-minutes`: the
   * same, and a header more than 20 minutes after its parent may have the easiest target. `bip94`: the same, with testnet4's
   * repairs. `never`: always the easiest target.
   */
  readonly retargeting: 'every-period' | 'twenty-minutes' | 'bip94' | 'never'
  /** From these heights on a header's version must be at least 2, 3, 4. */
  readonly versionFloors: readonly [bip34Height: number, bip66Height: number, bip65Height: number]
  /** From this height on what a coinbase says of its block's witnesses must hold (BIP 141; SegwitHeight). */
  readonly segwitHeight: number
  /** A head older than this is stale. */
  readonly staleAfterMs: number | undefined
  /** Headers are not all of the network's rules: signet's signatures stand in blocks (BIP 325). */
  readonly trustWhenVerified: 'genesis' | 'pow-only'
}

const ZERO_ROOT = toRoot('0'.repeat(64))
/** The coinbase of the first block, the same on all networks but testnet4. Bitcoin Core kernel/chainparams.cpp. */
const GENESIS_MERKLE_ROOT = toRoot('4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b')

const MINUTE_MS = 60_000

/** Nine blocks' time: one mainnet day in a few sees a gap of an hour and a half. DESIGN, "What a developer writes". */
const STALE_AFTER_MS: number = 90 * MINUTE_MS
/** Test networks lose their miners for hours without anything being wrong. */
const TEST_STALE_AFTER_MS: number = 3 * 60 * MINUTE_MS

/** Bitcoin Core kernel/chainparams.cpp, CMainParams. */
const MAINNET: NetworkParameters = {
  name: 'mainnet',
  genesisHeader: genesisHeader({ time: 1231006505, nonce: 2083236893, bits: 0x1d00ffff }),
  genesis: toRoot('000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f'),
  limitBits: 0x1d00ffff,
  retargeting: 'every-period',
  versionFloors: [227_931, 363_725, 388_381],
  segwitHeight: 481_824,
  staleAfterMs: STALE_AFTER_MS,
  trustWhenVerified: 'genesis',
}

/** Bitcoin Core kernel/chainparams.cpp, CTestNetParams. */
const TESTNET3: NetworkParameters = {
  name: 'testnet3',
  genesisHeader: genesisHeader({ time: 1296688602, nonce: 414098458, bits: 0x1d00ffff }),
  genesis: toRoot('000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943'),
  limitBits: 0x1d00ffff,
  retargeting: 'twenty-minutes',
  versionFloors: [21_111, 330_776, 581_885],
  segwitHeight: 834_624,
  staleAfterMs: TEST_STALE_AFTER_MS,
  trustWhenVerified: 'genesis',
}

/** Bitcoin Core kernel/chainparams.cpp, CTestNet4Params; BIP 94. */
const TESTNET4: NetworkParameters = {
  name: 'testnet4',
  genesisHeader: genesisHeader({
    time: 1714777860,
    nonce: 393743547,
    bits: 0x1d00ffff,
    merkleRoot: toRoot('7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e'),
  }),
  genesis: toRoot('00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043'),
  limitBits: 0x1d00ffff,
  retargeting: 'bip94',
  versionFloors: [1, 1, 1],
  segwitHeight: 1,
  staleAfterMs: TEST_STALE_AFTER_MS,
  trustWhenVerified: 'genesis',
}

/** Bitcoin Core kernel/chainparams.cpp, SigNetParams (the default signet); BIP 325. */
const SIGNET: NetworkParameters = {
  name: 'signet',
  genesisHeader: genesisHeader({ time: 1598918400, nonce: 52613770, bits: 0x1e0377ae }),
  genesis: toRoot('00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6'),
  limitBits: 0x1e0377ae,
  retargeting: 'every-period',
  versionFloors: [1, 1, 1],
  segwitHeight: 1,
  staleAfterMs: TEST_STALE_AFTER_MS,
  trustWhenVerified: 'pow-only',
}

/**
 * Bitcoin Core kernel/chainparams.cpp, CRegTestParams. With fPowNoRetargeting and fPowAllowMinDifficultyBlocks both set,
 * every path of GetNextWorkRequired gives genesis' bits, which are the easiest: hence `never`.
 */
const REGTEST: NetworkParameters = {
  name: 'regtest',
  genesisHeader: genesisHeader({ time: 1296688602, nonce: 2, bits: 0x207fffff }),
  genesis: toRoot('0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206'),
  limitBits: 0x207fffff,
  retargeting: 'never',
  versionFloors: [1, 1, 1],
  segwitHeight: 0,
  staleAfterMs: undefined,
  trustWhenVerified: 'genesis',
}

export const NETWORKS: Readonly<Record<BitcoinNetwork, NetworkParameters>> = {
  mainnet: MAINNET,
  testnet3: TESTNET3,
  testnet4: TESTNET4,
  signet: SIGNET,
  regtest: REGTEST,
}

/** The names of all of them. */
export const BITCOIN_NETWORKS: readonly BitcoinNetwork[] = ['mainnet', 'testnet3', 'testnet4', 'signet', 'regtest']

export function isBitcoinNetwork(name: string): name is BitcoinNetwork {
  return Object.hasOwn(NETWORKS, name)
}

/** Throws `RangeError` with the known names when this is none of them. */
export function networkParameters(name: string): NetworkParameters {
  if (isBitcoinNetwork(name)) return NETWORKS[name]
  throw new RangeError(`expected a Bitcoin network (${Object.keys(NETWORKS).join(', ')}), got ${JSON.stringify(name)}`)
}

function genesisHeader(fields: {
  readonly time: number
  readonly nonce: number
  readonly bits: number
  readonly merkleRoot?: Root
}): Uint8Array {
  return writeHeader({ version: 1, parent: ZERO_ROOT, merkleRoot: GENESIS_MERKLE_ROOT, ...fields })
}
