import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dataPath, testWithData } from '../data-folder.ts'
import { largeBlock, smallBlocks } from '../real-blocks.ts'
import { syntheticBlock } from '../synthetic-block.ts'
import { Program, run, temporaryFolder } from './cli-program.ts'

const ROOT_170 = '00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee'
/** The first payment there was. */
const PAYMENT = 'f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16'
const LARGE = 'mainnet-831328-4e4558d6'
const LARGE_ROOT = '00000000000000000002460ebd4c84e75627a5c4c07e5b1d6b91325c4e4558d6'

interface Site {
  readonly folder: string
  readonly data: readonly string[]
  readonly file170: string
}

/** A data folder with 10,237 headers of mainnet, and block 170 as a file. */
async function prepare(): Promise<Site> {
  const folder = temporaryFolder()
  const data = ['--data', join(folder, 'data')]
  await run(['import', dataPath('bitcoin', 'headers', 'mainnet-0-10237.bin'), ...data])
  const file170 = join(folder, '170.bin')
  writeFileSync(file170, smallBlocks()[169] ?? new Uint8Array())
  return { folder, data, file170 }
}

describe('in the data folder', () => {
  testWithData('a block that was imported is shown, and written byte for byte', async () => {
    const { folder, data, file170 } = await prepare()
    const large = join(folder, 'large.bin')
    writeFileSync(large, largeBlock(LARGE))
    const imported = await run(['import-block', file170, large, ...data])
    expect(imported).toMatchObject({ exitCode: 0, stderr: '' })
    expect(imported.stdout.split('\n')).toEqual([
      `imported block ${ROOT_170}, height 170, 2 transactions, 490 bytes`,
      `imported block ${LARGE_ROOT}, height unknown as its header is not stored, 1,979 transactions, 1,970,169 bytes`,
      '',
    ])

    const shown = await run(['block', '170', ...data])
    expect(shown).toMatchObject({ exitCode: 0, stderr: '' })
    expect(shown.stdout).toMatch(new RegExp(`^root +${ROOT_170}$`, 'm'))
    expect(shown.stdout).toMatch(/^height +170, on the verified best chain$/m)
    expect(shown.stdout).toMatch(new RegExp(`^  1  ${PAYMENT}  275 bytes  50\\.00000000 BTC$`, 'm'))

    const out = join(folder, 'out.bin')
    const written = await run(['block', LARGE_ROOT, '--out', out, '--json', ...data])
    const answer = JSON.parse(written.stdout) as { transactions: unknown[] }
    expect(answer).toMatchObject({ root: LARGE_ROOT, height: null, isOnBestChain: false, sizeBytes: 1_970_169 })
    expect(answer.transactions).toHaveLength(1_979)
    expect(readFileSync(out).equals(readFileSync(large))).toBe(true)
  })

  testWithData('a block that is not there, and a height above the head, say whom else to ask', async () => {
    const { data } = await prepare()
    const absent = await run(['block', '5', ...data])
    expect([absent.exitCode, absent.stdout]).toEqual([2, ''])
    expect(absent.stderr).toMatch(/^rushlight: block 5 is not in [^\n]*; --peer names somebody to ask\n$/)
    const above = await run(['proof', '20000', '0', ...data])
    expect(above.exitCode).toBe(2)
    expect(above.stderr).toMatch(/^rushlight: no header of height 20000 in [^\n]*10236; --peer [^\n]*\n$/)
  })

  test('without a data folder and without a peer there is nobody to ask, and no folder is made', async () => {
    const directory = join(temporaryFolder(), 'data')
    const { exitCode, stderr } = await run(['block', '5', '--data', directory])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^rushlight: expected a data folder at [^\n]*, found none; --peer [^\n]*\n$/)
    expect(existsSync(directory)).toBe(false)
  })

  testWithData('a bad block names its file and the check it fails, and nothing of it is kept', async () => {
    const { folder, data, file170 } = await prepare()
    const bad = join(folder, 'bad.bin')
    const bytes = readFileSync(file170)
    // The last byte of the last transaction's last script: another transaction id.
    bytes.writeUInt8(bytes.readUInt8(485) ^ 1, 485)
    writeFileSync(bad, bytes)
    const { exitCode, stdout, stderr } = await run(['import-block', bad, file170, '--json', ...data])
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ blocks: [], error: { file: bad, step: 'merkle-root' } })
    expect(stderr).toMatch(/^rushlight: [^\n]*bad\.bin: no valid block, merkle-root: expected [^\n]* got [^\n]*\n$/)
    expect((await run(['block', '170', ...data])).exitCode).toBe(2)

    const fresh = join(folder, 'fresh')
    expect(await run(['import-block', bad, '--data', fresh])).toMatchObject({ exitCode: 1 })
    expect(existsSync(fresh)).toBe(false)
  })

  testWithData('a block without proof of work is none, whatever is in it', async () => {
    const folder = temporaryFolder()
    const [bad, fresh] = [join(folder, 'bad.bin'), join(folder, 'fresh')]
    const bytes = largeBlock('mainnet-363703-219e0a14')
    bytes[77] = (bytes[77] ?? 0) ^ 1
    writeFileSync(bad, bytes)
    const { exitCode, stdout, stderr } = await run(['import-block', bad, '--data', fresh])
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^rushlight: [^\n]*bad\.bin: no valid block, header-work: expected [^\n]* got [^\n]*\n$/)
    expect(existsSync(fresh)).toBe(false)
  })

  testWithData('a reader that goes away in the middle leaves no block undone', async () => {
    const { folder, data } = await prepare()
    const files = smallBlocks()
      .slice(0, 20)
      .map((bytes, index) => {
        const file = join(folder, `${index + 1}.bin`)
        writeFileSync(file, bytes)
        return file
      })
    const program = new Program(['import-block', ...files, ...data])
    program.closeOutput()
    expect(await program.ended).toMatchObject({ exitCode: 0, stderr: '' })
    expect((await run(['block', '20', ...data])).exitCode).toBe(0)
  })

  testWithData('a damaged file of blocks is set aside, and the command says so', async () => {
    const { folder, data, file170 } = await prepare()
    const path = join(folder, 'data', 'blocks.sqlite')
    writeFileSync(path, 'no file of blocks '.repeat(1_000))
    const { exitCode, stdout, stderr } = await run(['import-block', file170, ...data])
    expect([exitCode, stdout.split('\n').length]).toEqual([0, 2])
    expect(stderr).toMatch(/^\S+ block-dropped detail="[^\n]*blocks\.sqlite is damaged[^\n]*"\n$/)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('a file that cannot be a block is refused before anything is opened', async () => {
    const folder = temporaryFolder()
    const large = join(folder, 'large')
    writeFileSync(large, new Uint8Array(4_000_001))
    for (const [path, code, why] of [
      [join(folder, 'missing'), 2, 'found no such file'],
      [folder, 2, 'got a directory'],
      [large, 1, 'at most 4000000 bytes, got 4000001'],
    ] as const) {
      const { exitCode, stderr } = await run(['import-block', path, '--data', join(folder, 'data')])
      expect([exitCode, stderr]).toEqual([code, `rushlight: ${path}: expected a file of one block, ${why}\n`])
    }
    expect(existsSync(join(folder, 'data'))).toBe(false)
  })

  testWithData('pinned blocks that have no room are refused, with the flag that makes room', async () => {
    const { folder, data } = await prepare()
    const large = join(folder, 'large.bin')
    writeFileSync(large, largeBlock(LARGE))
    const { exitCode, stderr } = await run(['import-block', large, '--block-store', '1', ...data])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^rushlight: [^\n]*; --block-store allows more\n$/)
    expect((await run(['block', LARGE_ROOT, ...data])).exitCode).toBe(2)
    const none = await run(['import-block', large, '--block-store', '0', ...data])
    expect(none.exitCode).toBe(2)
    expect(none.stderr).toMatch(/^rushlight: --block-store: expected a whole number from 1 to [^\n]*\n$/)
  })
})

describe('proofs', () => {
  testWithData('a proof is checked as bytes and as JSON, with and without a data folder', async () => {
    const { folder, data, file170 } = await prepare()
    await run(['import-block', file170, ...data])
    const summary = await run(['proof', '170', PAYMENT, ...data])
    expect(summary.stdout).toContain('index 1')
    const files = [join(folder, 'proof'), join(folder, 'proof.json')] as const
    await run(['proof', '170', '1', '--out', files[0], ...data])
    writeFileSync(files[1], (await run(['proof', ROOT_170, PAYMENT, '--json', ...data])).stdout)
    for (const file of files) {
      const verified = await run(['verify-proof', file, '--json', ...data])
      expect(verified).toMatchObject({ exitCode: 0, stderr: '' })
      expect(JSON.parse(verified.stdout)).toMatchObject({
        txid: PAYMENT,
        index: 1,
        blockRoot: ROOT_170,
        height: 170,
        isOnBestChain: true,
      })
    }
    const alone = await run(['verify-proof', files[0], '--data', join(folder, 'nowhere')])
    expect(alone.exitCode).toBe(0)
    expect(alone.stdout).toMatch(/^the proof holds$/m)
    expect(alone.stdout).toMatch(/^height +unknown: no headers in /m)
    expect(alone.stdout).toMatch(/^not shown +that the block is on the best chain; /m)
  })

  testWithData('a corrupt proof fails with exit code 1 and the check that it fails', async () => {
    const { folder, data, file170 } = await prepare()
    await run(['import-block', file170, ...data])
    const proof = JSON.parse((await run(['proof', '170', '1', '--json', ...data])).stdout) as object
    const corruptions: readonly (readonly [string, string])[] = [
      [JSON.stringify({ ...proof, index: 0 }), 'coinbase'],
      [JSON.stringify({ ...proof, siblings: ['00'.repeat(32)] }), 'merkle-path'],
      [JSON.stringify({ ...proof, header: '00' }), 'malformed'],
      ['{}', 'malformed'],
      ['nothing of a proof', 'malformed'],
    ]
    const checks = corruptions.map(async ([text, step], index) => {
      const file = join(folder, `corrupt-${index}`)
      writeFileSync(file, text)
      const { exitCode, stdout, stderr } = await run(['verify-proof', file, '--json', ...data])
      expect(exitCode).toBe(1)
      expect(JSON.parse(stdout)).toMatchObject({ error: { step } })
      expect(stderr).toMatch(new RegExp(`^rushlight: [^\n]*: no valid proof, ${step}: [^\n]*\n$`))
    })
    await Promise.all(checks)
  })
})

test('a proof with less work than its chain ever asks for fails there, and holds on its own', async () => {
  const folder = temporaryFolder()
  const data = ['--chain', 'bitcoin:regtest', '--data', join(folder, 'data')]
  const block = join(folder, 'block')
  writeFileSync(block, syntheticBlock([]))
  const [, root = ''] = /block ([0-9a-f]{64})/.exec((await run(['import-block', block, ...data])).stdout) ?? []
  const proof = join(folder, 'proof')
  expect((await run(['proof', root, '0', '--out', proof, ...data])).exitCode).toBe(0)
  const own = await run(['verify-proof', proof, ...data])
  expect(own.exitCode).toBe(0)
  const other = await run(['verify-proof', proof, '--chain', 'bitcoin:mainnet', '--data', join(folder, 'none')])
  expect([other.exitCode, other.stdout]).toEqual([1, ''])
  expect(other.stderr).toMatch(/^rushlight: [^\n]*: no valid proof, header-work: expected [^\n]* got 207fffff\n$/)
})

describe('from a gateway', () => {
  testWithData('a block comes byte for byte, by height and by root, and a folder in use is done without', async () => {
    const { folder, data, file170 } = await prepare()
    const large = join(folder, 'large.bin')
    writeFileSync(large, largeBlock(LARGE))
    await run(['import-block', file170, large, ...data])
    const gateway = new Program(['start', '--no-bitcoin', ...data, '--port', '0'])
    const peer = ['--peer', `http://127.0.0.1:${await gateway.port()}`]

    const locked = await run(['import-block', file170, ...data])
    expect(locked.exitCode).toBe(2)
    expect(locked.stderr).toMatch(/^rushlight: [^\n]*in use[^\n]*\n$/)

    const out = join(folder, 'out.bin')
    const other = ['--data', join(folder, 'other')]
    const fetched = await run(['block', LARGE_ROOT, '--out', out, ...other, ...peer])
    expect(fetched).toMatchObject({ exitCode: 0, stderr: '' })
    expect(readFileSync(out).equals(readFileSync(large))).toBe(true)
    expect(existsSync(join(folder, 'other'))).toBe(false)

    const besides = await run(['proof', '170', '1', ...data, ...peer])
    expect(besides.exitCode).toBe(0)
    expect(besides.stderr).toMatch(/^rushlight: [^\n]*in use[^\n]*; asking the peers alone\n$/)
    expect(besides.stdout).toContain('170, on the verified best chain')
  })

  testWithData('a block that nobody has says how many said so', async () => {
    const { folder, data } = await prepare()
    const gateway = new Program(['start', '--no-bitcoin', ...data, '--port', '0'])
    const peer = ['--peer', `http://127.0.0.1:${await gateway.port()}`]
    const nobody = await run(['block', LARGE_ROOT, '--timeout', '2', '--data', join(folder, 'other'), ...peer])
    expect([nobody.exitCode, nobody.stdout]).toEqual([2, ''])
    expect(nobody.stderr).toMatch(/^rushlight: [^\n]*1 of 1 peers[^\n]*\n$/)
  })

  test('a gateway that is not there is one line', async () => {
    const none = join(temporaryFolder(), 'none')
    const { exitCode, stderr } = await run([
      'block',
      LARGE_ROOT,
      '--timeout',
      '1',
      '--data',
      none,
      '--peer',
      'http://127.0.0.1:9',
    ])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^rushlight: nobody at http:\/\/127\.0\.0\.1:9 in 1 s: [^\n]*\n$/)
  })
})
