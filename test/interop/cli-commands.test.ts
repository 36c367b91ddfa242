import { join } from 'node:path'
import { expect, test } from 'vitest'
import { http, Program, run, temporaryFolder } from './cli-program.ts'

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

test('a call that is not understood is refused in one line with exit code 2', async () => {
  const { exitCode, stdout, stderr } = await run(['start', '--prot', '1'])
  expect([exitCode, stdout]).toEqual([2, ''])
  expect(stderr).toBe("rushlight: unknown flag '--prot' (rushlight start --help shows what it takes)\n")
})

test('mainnet with nobody to ask and nothing stored says what it needs', async () => {
  const { exitCode, stderr } = await run([
    'start',
    '--no-bitcoin',
    '--data',
    `${temporaryFolder()}/data`,
    '--port',
    '0',
  ])
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

test('status says that a gateway may be there and tell nothing', async () => {
  const data = join(temporaryFolder(), 'data')
  const port = await new Program(['start', '--dev', '--data', data, '--port', '0', '--no-status']).port()
  const { exitCode, stdout, stderr } = await run(['status', '--url', `http://127.0.0.1:${port}`])
  expect([exitCode, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^rushlight: no gateway at [^\n]*404[^\n]*--no-status[^\n]*\n$/)
})
