import { expect, test } from 'vitest'
import { http, Program, run, temporaryFolder } from './cli-program.ts'

test.each(['start', 'status', 'import', 'export', 'verify'])(
  '%s --help tells usage, exit codes and an example',
  async (command) => {
    const { exitCode, stdout, stderr } = await run([command, '--help'])
    expect([exitCode, stderr]).toEqual([0, ''])
    for (const part of ['Usage', `rushlight ${command}`, 'Flags', 'Example', 'Exit codes'])
      expect(stdout).toContain(part)
  },
)

test('--help lists the commands, --version is one line', async () => {
  const [help, version] = await Promise.all([run(['--help']), run(['--version'])])
  for (const command of ['start', 'status', 'import', 'export', 'verify'])
    expect(help.stdout).toContain(`  ${command} `)
  expect(version).toMatchObject({ exitCode: 0, stderr: '' })
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/)
})

test('an old Node.js is told which one is needed before anything is loaded', async () => {
  const pretend = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })'
  const nodeFlags = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`]
  expect(await run(['--version'], { nodeFlags })).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: 'rushlight needs Node.js 22.12 or newer, found 20.20.2\n',
  })
})

test.each<[string, readonly string[], string]>([
  ['no command', [], 'expected a command'],
  ['an unknown command', ['sart'], '"sart"'],
  ['an unknown flag', ['start', '--prot', '1'], "unknown flag '--prot'"],
  ['a flag without its value', ['verify', 'file', '--chain'], '--chain needs a value'],
  ['an unknown chain', ['start', '--chain', 'bitcoin:mainet'], '"bitcoin:mainet"'],
  ['a chain without its family', ['verify', 'file', '--chain', 'mainnet'], 'bitcoin:mainnet, bitcoin:testnet3'],
  ['no file', ['import'], 'expected FILE'],
  ['two files', ['verify', 'one', 'two'], 'unexpected argument "two"'],
  ['a port out of range', ['start', '--port', '65536'], '"65536"'],
  ['a peer that is no address', ['start', '--peer', 'example.org'], '"example.org"'],
  ['a Bitcoin peer', ['start', '--bitcoin-peer', '127.0.0.1:8333'], '--bitcoin-peer'],
  ['a proxy that is no address range', ['start', '--trusted-proxy', 'everybody'], '"everybody"'],
  ['a practice flag without --dev', ['start', '--reorg-every', '5'], '--reorg-every: expected --dev'],
  ['a practice chain on mainnet', ['start', '--dev', '--chain', 'bitcoin:mainnet'], '--dev: expected'],
  ['no time between blocks', ['start', '--dev', '--block-interval', '0'], '"0"'],
  ['a start height below 0', ['verify', 'file', '--start-height=-1'], '"-1"'],
  ['a gateway that is no URL', ['status', '--url', 'localhost:8645'], '"localhost:8645"'],
])('%s is refused in one line with exit code 2', async (_, args, line) => {
  const { exitCode, stdout, stderr } = await run(args)
  expect([exitCode, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^rushlight: [^\n]*\n$/)
  expect(stderr).toContain(line)
})

test('mainnet with nobody to ask and nothing stored says what it needs', async () => {
  const { exitCode, stderr } = await run(['start', '--data', `${temporaryFolder()}/data`, '--port', '0'])
  expect(exitCode).toBe(2)
  expect(stderr).toMatch(/^rushlight: [^\n]*--peer[^\n]*rushlight import[^\n]*--dev[^\n]*\n$/)
})

test('status shows a running gateway, as a table or as its JSON', async () => {
  const gateway = new Program(['start', '--dev', '--data', `${temporaryFolder()}/data`, '--port', '0'])
  const port = await gateway.port()
  const url = `http://127.0.0.1:${port}`
  const [table, json, own] = await Promise.all([
    run(['status', '--url', url]),
    run(['status', '--url', `${url}/`, '--json']),
    http(port, '/api/status'),
  ])
  expect(table).toMatchObject({ exitCode: 0, stderr: '' })
  expect(table.stdout).toMatch(/^chain +bitcoin:regtest$/m)
  expect(table.stdout).toMatch(/^peers +0$/m)
  expect(json).toMatchObject({ exitCode: 0, stderr: '' })
  expect(Object.keys(JSON.parse(json.stdout) as object)).toEqual(Object.keys(JSON.parse(own.body) as object))
})

test('status says in one line that no gateway is there', async () => {
  // Port 9 of loopback: nobody has served "discard" in this century.
  const { exitCode, stdout, stderr } = await run(['status', '--url', 'http://127.0.0.1:9'])
  expect([exitCode, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^rushlight: no gateway at http:\/\/127\.0\.0\.1:9: [^\n]+\n$/)
})
