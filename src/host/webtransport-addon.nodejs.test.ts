import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** Loads it several times at once, in this thread and in others, and says how often it got it. */
const LOADING = `
  import { Worker, isMainThread, parentPort } from 'node:worker_threads'
  const load = async () => {
    const { loadWebTransportAddon } = await import(process.env.ADDON_MODULE)
    const addons = await Promise.all(Array.from({ length: 4 }, () => loadWebTransportAddon()))
    return addons.filter((addon) => typeof addon.NapiServer.bind === 'function').length
  }
  if (isMainThread) {
    const threads = Array.from({ length: 3 }, () => new Promise((resolve, reject) => {
      new Worker(new URL(import.meta.url)).on('message', resolve).on('error', reject)
    }))
    console.log((await Promise.all([load(), ...threads])).join(' '))
  } else {
    parentPort.postMessage(await load())
  }`

test('many threads of several processes load the addon at once on a machine that never did', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'rushlight-addon-'))
  const env = {
    ...process.env,
    XDG_CACHE_HOME: cache,
    ADDON_MODULE: new URL('./webtransport-addon.nodejs.ts', import.meta.url).href,
  }
  const script = new URL(`data:text/javascript,${encodeURIComponent(LOADING)}`)
  const run = promisify(execFile)
  const results = await Promise.all(
    [1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '--import', script.href, '-e', ''], { env })),
  )
  expect(results.map(({ stdout }) => stdout.trim())).toEqual(['4 4 4 4', '4 4 4 4', '4 4 4 4'])
  const left = await readdir(join(cache, 'rushlight')).catch(() => [])
  expect(left.filter((name) => !name.endsWith('.node'))).toEqual([])
  await rm(cache, { recursive: true })
})
