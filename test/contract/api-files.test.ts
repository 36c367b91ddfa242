/** The API with its store in files: what goes wrong with a data folder has a code, and one line that says what. */
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import { createLightNode, LightNodeError } from '../../src/nodejs.ts'
import type { LightNode, LightNodeOptions } from '../../src/nodejs.ts'
import { openGateway } from './gateway-desk.ts'

const CHAIN = bitcoin('regtest')

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rushlight-api-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

async function create(directory: string, options: Partial<LightNodeOptions> = {}): Promise<LightNode> {
  const lightNode = await createLightNode({ chain: CHAIN, peers: [], store: { directory }, ...options })
  onTestFinished(() => lightNode.stop())
  return lightNode
}

async function failureOf(promise: Promise<unknown>): Promise<LightNodeError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof LightNodeError) return error
    throw error
  }
  throw new Error('expected a failure')
}

test('a folder is made where it is missing, with a key that only its owner reads, kept from run to run', async () => {
  const directory = join(await makeFolder(), 'deep', 'down')
  const first = await create(directory)
  const key = await stat(join(directory, 'key'))
  expect(key.mode & 0o777).toBe(0o600)
  await first.stop()
  const second = await create(directory)
  expect(second.peerId).toBe(first.peerId)
})

test('a folder in use is refused, and left as it is', async () => {
  const directory = await makeFolder()
  const first = await create(directory)
  const failure = await failureOf(create(directory))
  expect(failure.code).toBe('store-locked')
  expect(failure.message).toContain(directory)
  expect(failure.message).not.toContain('\n')
  expect(failure.cause).toBeInstanceOf(Error)
  await first.stop()
  const second = await create(directory)
  expect(second.peerId).toBe(first.peerId)
})

test('a folder that cannot be one', async () => {
  const path = join(await makeFolder(), 'file')
  await writeFile(path, 'not a folder')
  const failure = await failureOf(create(path))
  expect(failure).toMatchObject({ code: 'store-unavailable' })
  expect(failure.message).toContain(path)
})

test('a folder that may not be written', async () => {
  const directory = join(await makeFolder(), 'locked')
  await mkdir(directory)
  await chmod(directory, 0o500)
  // Nothing stops root but a file system that takes no files.
  const unwritable = process.getuid?.() === 0 ? '/sys/kernel' : directory
  expect(await failureOf(create(unwritable))).toMatchObject({ code: 'store-unavailable' })
})

test('a folder of another chain is refused and not touched; what was refused holds no lock', async () => {
  const directory = await makeFolder()
  const gateway = await openGateway()
  const first = await create(directory, { peers: [gateway.url] })
  await first.ready()
  await first.stop()
  const failure = await failureOf(create(directory, { chain: bitcoin('testnet4') }))
  expect(failure.code).toBe('wrong-chain')
  expect(failure.message).toMatch(/bitcoin:regtest/)
  expect(failure.message).toMatch(/bitcoin:testnet4/)
  const again = await create(directory)
  expect(again.head).toMatchObject({ ...gateway.head, trust: 'stored' })
})

test('an address to listen on that is none, and one in use, leave nothing behind', async () => {
  const directory = await makeFolder()
  expect(await failureOf(create(directory, { listen: ['127.0.0.1:1'] }))).toMatchObject({ code: 'invalid-address' })
  const other = await create(await makeFolder(), { listen: ['/ip4/127.0.0.1/tcp/0'] })
  const [inUse = ''] = other.addresses
  const listen = [inUse.replace(/\/p2p\/.*/, '')]
  const failure = await failureOf(create(directory, { listen }))
  expect(failure).toMatchObject({ code: 'invalid-option', message: expect.stringMatching(/port is in use/) })
  await create(directory)
  expect(await readdir(directory)).toContain('headers.log')
})
