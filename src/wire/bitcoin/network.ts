/** What tells Bitcoin's networks apart on the wire. */

export interface BitcoinWireNetwork {
  /** The chain's id in handshakes: `bitcoin:regtest`. */
  readonly chain: string
  /** The four bytes that every message begins with, in hex. */
  readonly magic: string
  readonly defaultPort: number
  /** Names that resolve to addresses of peers; none where the network is private. */
  readonly dnsSeeds: readonly string[]
}

/** Bitcoin Core 29 kernel/chainparams.cpp: pchMessageStart, nDefaultPort, vSeeds. */
export const BITCOIN_WIRE_NETWORKS: readonly BitcoinWireNetwork[] = [
  {
    chain: 'bitcoin:mainnet',
    magic: 'f9beb4d9',
    defaultPort: 8333,
    dnsSeeds: [
      'seed.bitcoin.sipa.be',
      'dnsseed.bluematt.me',
      'seed.bitcoin.jonasschnelli.ch',
      'seed.btc.petertodd.net',
      'seed.bitcoin.sprovoost.nl',
      'dnsseed.emzy.de',
      'seed.bitcoin.wiz.biz',
      'seed.mainnet.achownodes.xyz',
    ],
  },
  {
    chain: 'bitcoin:testnet3',
    magic: '0b110907',
    defaultPort: 18333,
    dnsSeeds: [
      'testnet-seed.bitcoin.jonasschnelli.ch',
      'seed.tbtc.petertodd.net',
      'seed.testnet.bitcoin.sprovoost.nl',
      'testnet-seed.bluematt.me',
      'seed.testnet.achownodes.xyz',
    ],
  },
  {
    chain: 'bitcoin:testnet4',
    magic: '1c163f28',
    defaultPort: 48333,
    dnsSeeds: ['seed.testnet4.bitcoin.sprovoost.nl', 'seed.testnet4.wiz.biz'],
  },
  {
    chain: 'bitcoin:signet',
    magic: '0a03cf40',
    defaultPort: 38333,
    dnsSeeds: ['seed.signet.bitcoin.sprovoost.nl', 'seed.signet.achownodes.xyz'],
  },
  { chain: 'bitcoin:regtest', magic: 'fabfb5da', defaultPort: 18444, dnsSeeds: [] },
]

/** Throws `RangeError` with the known chains when this is none of them. */
export function bitcoinWireNetwork(chain: string): BitcoinWireNetwork {
  const network = BITCOIN_WIRE_NETWORKS.find((candidate) => candidate.chain === chain)
  if (network !== undefined) return network
  const known = BITCOIN_WIRE_NETWORKS.map((candidate) => candidate.chain).join(', ')
  throw new RangeError(`expected a chain with a Bitcoin network (${known}), got ${JSON.stringify(chain)}`)
}
