import { expect, test } from 'vitest'
import type { Flags } from './command.ts'
import { parseStartOptions } from './start-options.ts'

function parse(flags: Readonly<Record<string, readonly string[]>>): ReturnType<typeof parseStartOptions> {
  const all: Flags = {
    text: (name) => flags[name]?.at(-1),
    texts: (name) => flags[name] ?? [],
    isSet: (name) => flags[name]?.length === 0,
  }
  return parseStartOptions(all)
}

test.each([
  [{}, 'any'],
  [{ chain: ['bitcoin:signet'] }, 'any'],
  [{ chain: ['bitcoin:testnet3'] }, 'any'],
  [{ chain: ['bitcoin:testnet4'] }, 'any'],
  [{ chain: ['bitcoin:regtest'] }, undefined],
  [{ dev: [] }, undefined],
  [{ 'no-bitcoin': [] }, undefined],
  [{ peer: ['https://gateway.example'] }, undefined],
  [{ 'bitcoin-peer': ['127.0.0.1', 'node.example:8333'] }, ['127.0.0.1', 'node.example:8333']],
  [{ peer: ['https://gateway.example'], 'bitcoin-peer': ['127.0.0.1'] }, ['127.0.0.1']],
  [{ chain: ['bitcoin:regtest'], 'bitcoin-peer': ['127.0.0.1'] }, ['127.0.0.1']],
] as const)('with the flags %j the Bitcoin peers are %j', (flags, bitcoinPeers) => {
  expect(parse(flags).bitcoinPeers).toEqual(bitcoinPeers)
})
