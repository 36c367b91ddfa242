import { expect, test } from 'vitest'
import { execute } from './program.ts'

async function call(args: readonly string[]): Promise<{ exitCode: number; results: string[]; logs: string[] }> {
  const results: string[] = []
  const logs: string[] = []
  const exitCode = await execute(args, {
    result: (line) => void results.push(line),
    log: (line) => void logs.push(line),
    progress: () => {},
    isInteractive: false,
    hasColour: false,
  })
  return { exitCode, results, logs }
}

test.each(['start', 'status', 'import', 'export', 'verify', 'import-block', 'block', 'proof', 'verify-proof'])(
  '%s --help tells usage, exit codes and an example',
  async (command) => {
    const { exitCode, results, logs } = await call([command, '--help'])
    expect([exitCode, logs]).toEqual([0, []])
    for (const part of ['Usage', `rushlight ${command}`, 'Flags', 'Example', 'Exit codes'])
      expect(results.join('\n')).toContain(part)
  },
)

test.each<[string, readonly string[], string]>([
  ['no command', [], 'expected a command'],
  ['an unknown command', ['sart'], '"sart"'],
  ['an unknown flag', ['start', '--prot', '1'], "unknown flag '--prot'"],
  ['a flag without its value', ['verify', 'file', '--chain'], '--chain needs a value'],
  ['an unknown chain', ['start', '--chain', 'bitcoin:mainet'], '"bitcoin:mainet"'],
  ['a chain without its family', ['verify', 'file', '--chain', 'mainnet'], 'bitcoin:mainnet, bitcoin:testnet3'],
  ['no file', ['import'], 'expected FILE'],
  ['a data folder without a name', ['start', '--dev', '--data='], '--data: expected a folder'],
  ['two files', ['verify', 'one', 'two'], 'unexpected argument "two"'],
  ['a port out of range', ['start', '--port', '65536'], '"65536"'],
  ['a peer that is no address', ['start', '--peer', 'example.org'], '"example.org"'],
  ['a Bitcoin peer that is no address', ['start', '--bitcoin-peer', 'node.example:0'], '--bitcoin-peer: expected HOST'],
  ['a proxy that is no address range', ['start', '--trusted-proxy', 'everybody'], '"everybody"'],
  ['a practice flag without --dev', ['start', '--reorg-every', '5'], '--reorg-every: expected --dev'],
  ['a practice chain on mainnet', ['start', '--dev', '--chain', 'bitcoin:mainnet'], '--dev: expected'],
  ['no time between blocks', ['start', '--dev', '--block-interval', '0'], '"0"'],
  ['a start height below 0', ['verify', 'file', '--start-height=-1'], '"-1"'],
  ['no block file', ['import-block'], 'expected FILE'],
  ['a block that is no root', ['block', '0xabc'], '"0xabc"'],
  ['a transaction that is no txid', ['proof', '5', 'ABC'], '"ABC"'],
  ['a block store of a fraction', ['start', '--block-store', '0.5'], '--block-store: expected a whole number'],
  ['room for no peer', ['start', '--max-peers', '0'], '--max-peers: expected a whole number'],
  ['no time to ask', ['block', '5', '--timeout', '0'], '--timeout: expected seconds'],
  ['a peer to ask that is no address', ['proof', '5', '0', '--peer', 'example.org'], '--peer: '],
  ['a gateway that is no URL', ['status', '--url', 'localhost:8645'], '"localhost:8645"'],
])('%s is refused in one line with exit code 2', async (_, args, line) => {
  const { exitCode, results, logs } = await call(args)
  expect([exitCode, results]).toEqual([2, []])
  expect(logs).toHaveLength(1)
  expect(logs[0]).toMatch(/^rushlight: [^\n]*$/)
  expect(logs[0]).toContain(line)
})
