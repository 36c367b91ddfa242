import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { dataPath, testWithData } from '../data-folder.ts'
import { Program, run, temporaryFolder } from './cli-program.ts'

const MAINNET_TIP = '000000004f74d42205b9d7ae1cb5c1591e723894a71358fce73b7e0919628161'
const MAINNET_WORK = '000000000000000000000000000000000000000000000000000027fd27fd27fd'
const ALT_TIP = '000000000c806553811fd3e6c40bc9c279db53643da7d3b401a9882c074c24b2'

function headers(name: string): string {
  return dataPath('bitcoin', 'headers', name)
}

describe('import, export', () => {
  testWithData('what is imported is exported byte for byte, and imported once', async () => {
    const folder = temporaryFolder()
    const data = ['--data', join(folder, 'data')]
    const file = headers('mainnet-0-10237.bin')
    const first = await run(['import', file, ...data])
    expect(first).toMatchObject({ exitCode: 0, stderr: '' })
    expect(first.stdout).toMatch(new RegExp(`^imported 10237 headers, head 10236 ${MAINNET_TIP}, \\d+ headers/s\n$`))

    const second = await run(['import', file, ...data, '--json'])
    const result = JSON.parse(second.stdout) as Record<string, unknown>
    expect(result).toMatchObject({ chain: 'bitcoin:mainnet', imported: 0, skipped: 10_237, headerCount: 10_237 })
    expect(result['head']).toEqual({ height: 10_236, root: MAINNET_TIP, time: 1_239_186_796, work: MAINNET_WORK })
    expect(result['headersPerSecond']).toBeTypeOf('number')

    const out = join(folder, 'out.bin')
    writeFileSync(out, 'older')
    expect(await run(['export', out, ...data])).toMatchObject({ exitCode: 0, stderr: '' })
    expect(readFileSync(out).equals(readFileSync(file))).toBe(true)
    expect(readdirSync(folder).sort()).toEqual(['data', 'out.bin'])
  })

  testWithData('a file that starts above genesis goes on where the store ends', async () => {
    const folder = temporaryFolder()
    const data = ['--data', join(folder, 'data')]
    const whole = readFileSync(headers('mainnet-0-10237.bin'))
    writeFileSync(join(folder, 'low'), whole.subarray(0, 80 * 5_000))
    writeFileSync(join(folder, 'high'), whole.subarray(80 * 5_000))
    const early = await run(['import', join(folder, 'high'), ...data])
    expect(early).toMatchObject({ exitCode: 1, stdout: '' })
    expect(early.stderr).toMatch(/^rushlight: [^\n]*expected it to follow a stored header[^\n]*\n$/)
    expect(await run(['import', join(folder, 'low'), ...data])).toMatchObject({ exitCode: 0 })
    expect((await run(['import', join(folder, 'high'), ...data])).stdout).toContain(
      `imported 5237 headers, head 10236 ${MAINNET_TIP}`,
    )
  })

  testWithData('the chain with more work wins, whichever comes first', async () => {
    const folder = temporaryFolder()
    const data = ['--data', join(folder, 'data')]
    expect((await run(['import', headers('mainnetalt-0-2017.bin'), ...data])).stdout).toContain(`head 2016 ${ALT_TIP}`)
    const better = await run(['import', headers('mainnet-0-10237.bin'), ...data, '--json'])
    expect(JSON.parse(better.stdout)).toMatchObject({
      imported: 10_236,
      skipped: 1,
      reverted: 2_016,
      keptStored: false,
    })
    const worse = await run(['import', headers('mainnetalt-0-2017.bin'), ...data])
    expect(worse).toMatchObject({ exitCode: 0 })
    expect(worse.stdout).toContain('imported 0 headers, kept the stored chain, which has more work, head 10236')
  })

  test('nothing stored is nothing to export', async () => {
    const folder = temporaryFolder()
    const out = join(folder, 'out.bin')
    const { exitCode, stderr } = await run(['export', out, '--data', join(folder, 'data')])
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^rushlight: expected stored headers of bitcoin:mainnet in [^\n]*, found none\n$/)
    expect(readdirSync(folder)).toEqual([])
  })

  testWithData('an export that cannot be written leaves nothing behind', async () => {
    const folder = temporaryFolder()
    const data = ['--data', join(folder, 'data')]
    await run(['import', headers('testnet4-0-101.bin'), '--chain', 'bitcoin:testnet4', ...data])
    mkdirSync(join(folder, 'taken'))
    for (const out of [join(folder, 'taken'), join(folder, 'missing', 'out.bin')]) {
      const { exitCode, stderr } = await run(['export', out, '--chain', 'bitcoin:testnet4', ...data])
      expect(exitCode).toBe(2)
      expect(stderr).toMatch(/^rushlight: [^\n]* cannot be written: [^\n]*\n$/)
    }
    expect(readdirSync(folder).sort()).toEqual(['data', 'taken'])
  })

  testWithData('a reader that goes away in the middle ends an export quietly', async () => {
    const data = ['--data', join(temporaryFolder(), 'data')]
    await run(['import', headers('mainnet-0-10237.bin'), ...data])
    const program = new Program(['export', '-', ...data])
    program.closeOutput()
    const { exitCode, stderr } = await program.ended
    expect(exitCode).toBe(0)
    expect(stderr).not.toContain('EPIPE')
  })
})

describe('verify', () => {
  testWithData.each([
    ['mainnet-0-10237.bin', 'bitcoin:mainnet', 0, 10_237],
    ['mainnet-40000-10000.bin', 'bitcoin:mainnet', 40_000, 10_000],
    ['mainnetalt-0-2017.bin', 'bitcoin:mainnet', 0, 2_017],
    ['testnet3-0-10000.bin', 'bitcoin:testnet3', 0, 10_000],
    ['testnet4-0-101.bin', 'bitcoin:testnet4', 0, 101],
  ])('%s is good', async (name, chain, startHeight, count) => {
    const flags = ['--chain', chain, '--start-height', String(startHeight)]
    const { exitCode, stdout, stderr } = await run(['verify', headers(name), ...flags, '--json'])
    expect([exitCode, stderr]).toEqual([0, ''])
    const result = JSON.parse(stdout) as Record<string, unknown>
    expect(result).toMatchObject({ chain, count, startHeight, lastHeight: startHeight + count - 1 })
    expect(result['lastRoot']).toMatch(/^0{8}[0-9a-f]{56}$/)
    expect(result['headersPerSecond']).toBeTypeOf('number')
  })

  testWithData('the first bad header is told by index, height and rule, as a line and as JSON', async () => {
    const file = join(temporaryFolder(), 'bad.bin')
    const bytes = readFileSync(headers('mainnet-40000-10000.bin'))
    bytes.writeUInt8(bytes.readUInt8(80 * 1_234 + 40) ^ 1, 80 * 1_234 + 40)
    writeFileSync(file, bytes)
    const { exitCode, stdout, stderr } = await run(['verify', file, '--start-height', '40000', '--json'])
    expect(exitCode).toBe(1)
    const { chain, error } = JSON.parse(stdout) as { chain: string; error: Record<string, unknown> }
    expect(chain).toBe('bitcoin:mainnet')
    expect(error).toMatchObject({ index: 1_234, height: 41_234, rule: 'proof-of-work' })
    expect(error['message']).toMatch(/expected .* got /)
    expect(stderr).toMatch(/^rushlight: [^\n]*header 1234 \(height 41234\) breaks the rule proof-of-work: [^\n]*\n$/)
  })

  test('a file that is none has no header to blame', async () => {
    const missing = join(temporaryFolder(), 'missing')
    const { exitCode, stdout } = await run(['verify', missing, '--json'])
    expect(exitCode).toBe(1)
    const message = `${missing}: expected a file of 80-byte headers, found no such file`
    const error = { index: null, height: null, rule: 'file', message }
    expect(JSON.parse(stdout)).toEqual({ chain: 'bitcoin:mainnet', error })
  })

  testWithData('a range that is not from genesis asks for its start height', async () => {
    const { exitCode, stderr } = await run(['verify', headers('mainnet-40000-10000.bin')])
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^rushlight: [^\n]*expected the genesis of bitcoin:mainnet[^\n]*--start-height[^\n]*\n$/)
  })
})

describe('bad files', () => {
  const commands = ['import', 'verify']

  function flags(command: string): readonly string[] {
    return command === 'import' ? ['--data', join(temporaryFolder(), 'data')] : []
  }

  test.each(commands)('%s: missing, empty, a folder, 79 and 81 bytes', async (command) => {
    const folder = temporaryFolder()
    const cases: [string, string][] = [
      ['missing', 'expected a file of 80-byte headers, found no such file'],
      ['folder', 'expected a file of 80-byte headers, got a directory'],
      ['empty', 'expected 80-byte headers, got an empty file'],
      ['short', 'expected a multiple of 80 bytes, got 79'],
      ['long', 'expected a multiple of 80 bytes, got 81'],
    ]
    mkdirSync(join(folder, 'folder'))
    writeFileSync(join(folder, 'empty'), '')
    writeFileSync(join(folder, 'short'), new Uint8Array(79))
    writeFileSync(join(folder, 'long'), new Uint8Array(81))
    for (const [name, line] of cases) {
      const { exitCode, stdout, stderr } = await run([command, join(folder, name), ...flags(command)])
      expect([exitCode, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/^rushlight: [^\n]*\n$/)
      expect(stderr).toContain(`${join(folder, name)}: ${line}`)
    }
  })

  testWithData.each(commands)('%s names the chain that a file is of', async (command) => {
    const { exitCode, stdout, stderr } = await run([command, headers('testnet3-0-10000.bin'), ...flags(command)])
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(
      /^rushlight: [^\n]*expected the genesis of bitcoin:mainnet [^\n]*got the genesis of bitcoin:testnet3 [^\n]*\n$/,
    )
  })

  test('one bad header, and a folder that was not there is not there', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'bad')
    const genesis = bitcoin('regtest').createTree().range({ fromHeight: 0, count: 1 })
    const headers = mineHeaders({ parent: genesis, count: 3, firstTime: 1_500_000_000, stepSeconds: 600 })
    // The last one follows nothing, so it is found only after those before it were taken in.
    headers.fill(0, 2 * 80 + 4, 2 * 80 + 36)
    writeFileSync(path, Buffer.concat([genesis, headers]))
    const { exitCode } = await run(['import', path, '--chain', 'bitcoin:regtest', '--data', join(folder, 'new')])
    expect([exitCode, readdirSync(folder)]).toEqual([1, ['bad']])
  })

  testWithData('one bad header, and the store is as it was', async () => {
    const folder = temporaryFolder()
    const data = join(folder, 'data')
    const bytes = readFileSync(headers('mainnet-0-10237.bin'))
    writeFileSync(join(folder, 'good'), bytes.subarray(0, 80 * 3_000))
    bytes.writeUInt8(bytes.readUInt8(80 * 9_000 + 40) ^ 1, 80 * 9_000 + 40)
    writeFileSync(join(folder, 'bad'), bytes)
    await run(['import', join(folder, 'good'), '--data', data])
    const { exitCode, stdout, stderr } = await run(['import', join(folder, 'bad'), '--data', data])
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^rushlight: [^\n]*header 9000 \(height 9000\) breaks the rule proof-of-work: [^\n]*\n$/)
    await run(['export', join(folder, 'out'), '--data', data])
    expect(readFileSync(join(folder, 'out')).length).toBe(80 * 3_000)
  })

  testWithData('a data folder of another chain, or one that cannot be one, is the call’s fault', async () => {
    const folder = temporaryFolder()
    const data = join(folder, 'data')
    await run(['import', headers('testnet4-0-101.bin'), '--chain', 'bitcoin:testnet4', '--data', data])
    writeFileSync(join(folder, 'file'), 'x')
    for (const directory of [data, join(folder, 'file'), join(folder, 'file', 'below')]) {
      const { exitCode, stderr } = await run(['import', headers('mainnet-0-10237.bin'), '--data', directory])
      expect(exitCode).toBe(2)
      expect(stderr).toMatch(/^rushlight: [^\n]*\n$/)
    }
  })
})
