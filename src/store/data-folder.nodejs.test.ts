import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultDataDirectory, openDataFolder } from './data-folder.nodejs.ts'
import { createFileStore } from './file.nodejs.ts'

let parent: string
let directory: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'rushlight-folder-'))
  directory = join(parent, 'a', 'b')
})
afterEach(() => rm(parent, { recursive: true }))

/** Another process that opens the folder, says so, and keeps it until it is killed. */
function startOwner(): ReturnType<typeof spawn> {
  const program = `
    const { openDataFolder } = await import(${JSON.stringify(join(import.meta.dirname, 'data-folder.nodejs.ts'))})
    await openDataFolder({ directory: ${JSON.stringify(directory)} })
    console.log('opened')
    setInterval(() => {}, 1_000_000)`
  return spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
}

describe('the lock of a data folder', () => {
  test('refuses another process and names it, until it is killed', async () => {
    const owner = startOwner()
    await once(owner.stdout ?? owner, 'data')
    const message = `${directory} is in use by process ${owner.pid}`
    await expect(openDataFolder({ directory })).rejects.toMatchObject({ code: 'locked', message })
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    const folder = await openDataFolder({ directory })
    await folder.close()
  })

  test('refuses a second owner in this process, other threads included', async () => {
    const folder = await openDataFolder({ directory })
    const refused = { code: 'locked', message: `${directory} is in use by process ${process.pid}` }
    await expect(openDataFolder({ directory })).rejects.toMatchObject(refused)
    const store = createFileStore({ chain: 'bitcoin:regtest', genesis: '00', headerSizeBytes: 80, directory })
    await expect(store.open()).rejects.toMatchObject(refused)
    const path = JSON.stringify(join(import.meta.dirname, 'data-folder.nodejs.ts'))
    const program = `import(${path}).then(({ openDataFolder }) => openDataFolder(${JSON.stringify({ directory })}))
      .catch(({ code }) => require('node:worker_threads').parentPort.postMessage(code))`
    const worker = new Worker(program, { eval: true })
    expect(await once(worker, 'message')).toEqual(['locked'])
    await folder.close()
    await store.open()
    await store.close()
  })

  test('is not held up by what a dead process left', async () => {
    await (await openDataFolder({ directory })).close()
    await writeFile(join(directory, 'lock.pid'), '1')
    const folder = await openDataFolder({ directory })
    expect(await readFile(join(directory, 'lock.pid'), 'utf8')).toBe(String(process.pid))
    await folder.close()
    expect(await readdir(directory)).toEqual(['lock'])
  })

  test('given back twice stays with who took it in between', async () => {
    const first = await openDataFolder({ directory })
    await first.close()
    const second = await openDataFolder({ directory })
    await first.close()
    await expect(openDataFolder({ directory })).rejects.toMatchObject({ code: 'locked' })
    await second.close()
  })

  test('that is no lock is refused in one line', async () => {
    await writeFile(join(parent, 'lock'), 'x'.repeat(200))
    const message = `cannot lock data folder ${parent}: file is not a database`
    await expect(openDataFolder({ directory: parent })).rejects.toMatchObject({ code: 'unavailable', message })
  })
})

describe('a data folder', () => {
  test('is made for its owner alone', async () => {
    const folder = await openDataFolder({ directory })
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect(folder.directory).toBe(directory)
    await folder.close()
  })

  test('is made with the folders above it, and left as it is where it is there', async () => {
    const below = join(directory, 'b', 'c')
    await (await openDataFolder({ directory: below })).close()
    await chmod(below, 0o755)
    await (await openDataFolder({ directory: below })).close()
    expect((await stat(below)).mode & 0o777).toBe(0o755)
    expect((await stat(join(directory, 'b'))).mode & 0o777).toBe(0o700)
  })

  test.runIf(process.platform === 'linux').each(['/proc/rushlight', '/proc/rushlight/data'])(
    '%s, where no folder can be made, is refused and not tried for ever',
    async (unusable) => {
      const message = expect.stringMatching(/^cannot use data folder \/proc\/rushlight.*ENOENT.*$/) as string
      await expect(openDataFolder({ directory: unusable })).rejects.toMatchObject({ code: 'unavailable', message })
    },
  )

  test('below a file is refused in one line', async () => {
    const file = join(parent, 'a')
    await writeFile(file, '')
    const message = `cannot use data folder ${directory}: expected a folder at ${file}, found something else`
    await expect(openDataFolder({ directory })).rejects.toMatchObject({ code: 'unavailable', message })
  })

  test('that may not be written is refused in one line', async () => {
    await chmod(parent, 0o500)
    // Nothing stops root but a file system that takes no files.
    const unwritable = process.getuid?.() === 0 ? '/sys/kernel' : parent
    const message = `cannot lock data folder ${unwritable}: no file can be written in it`
    await expect(openDataFolder({ directory: unwritable })).rejects.toMatchObject({ code: 'unavailable', message })
    await chmod(parent, 0o700)
  })
})

test('the files of the lock are their owner’s alone, also those that were not', async () => {
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'lock'), '', { mode: 0o644 })
  const folder = await openDataFolder({ directory })
  for (const name of ['lock', 'lock.pid']) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600)
  await folder.close()
})

describe('the key', () => {
  test('is made once, for its owner alone, and read ever after', async () => {
    const key = Uint8Array.of(1, 2, 3)
    const folder = await openDataFolder({ directory })
    expect(await folder.readOrCreateKey(() => Promise.resolve(key))).toEqual(key)
    expect((await stat(join(directory, 'key'))).mode & 0o777).toBe(0o600)
    await chmod(join(directory, 'key'), 0o644)
    expect(await folder.readOrCreateKey(() => Promise.reject(new Error('made twice')))).toEqual(key)
    expect((await stat(join(directory, 'key'))).mode & 0o777).toBe(0o600)
    await folder.close()
    expect((await readdir(directory)).sort()).toEqual(['key', 'lock'])
  })

  test('cut short by a crash while it was made is made anew', async () => {
    const folder = await openDataFolder({ directory })
    await writeFile(join(directory, 'key.new'), 'half')
    const key = Uint8Array.of(9)
    expect(await folder.readOrCreateKey(() => Promise.resolve(key))).toEqual(key)
    await folder.close()
  })

  test('that is empty is not replaced silently', async () => {
    const folder = await openDataFolder({ directory })
    await writeFile(join(directory, 'key'), '')
    const create = (): Promise<Uint8Array> => Promise.resolve(Uint8Array.of(1))
    await expect(folder.readOrCreateKey(create)).rejects.toMatchObject({ code: 'unavailable' })
    await folder.close()
  })
})

test('the default folder is below XDG_DATA_HOME where that is an absolute path', () => {
  const below = join('rushlight', 'bitcoin-mainnet')
  expect(defaultDataDirectory('bitcoin:mainnet', { XDG_DATA_HOME: '/data' })).toBe(join('/data', below))
  for (const env of [{}, { XDG_DATA_HOME: '' }, { XDG_DATA_HOME: 'relative' }]) {
    expect(defaultDataDirectory('bitcoin:mainnet', env)).toBe(join(homedir(), '.local', 'share', below))
  }
})
