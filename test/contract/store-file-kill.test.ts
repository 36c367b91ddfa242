import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFileStore } from '../../src/store/file.nodejs.ts'
import { expectSameBytes } from './store-contract.ts'
import { STORE_OPTIONS, StoreModel, writeNumber } from './store-model.ts'

const KILL_COUNT = 50

test(`a writer killed ${KILL_COUNT} times loses nothing that was acknowledged and leaves nothing wrong`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-kill-'))
  try {
    const model = new StoreModel()
    for (let seed = 1; seed <= KILL_COUNT; seed += 1) {
      const acknowledged = await writeUntilKilled({ directory, seed, killAt: 1 + ((seed * 7) % 23) })
      // The lock of the dead process is nobody's.
      const store = createFileStore({ ...STORE_OPTIONS, directory })
      const { headerCount, work } = await store.open()
      const found = Number(work) - seed * 1_000_000
      // The write under way when it was killed may be whole in the file, or not be there.
      expect([acknowledged, acknowledged + 1]).toContain(found)
      for (let index = 1; index <= found; index += 1) model.apply(writeNumber(index, seed, model.headerCount))
      expect(headerCount).toBe(model.headerCount)
      expectSameBytes(await store.read({ fromHeight: 0, count: headerCount + 1 }), model.content)
      if (headerCount > 20_000) model.apply(await truncate(store))
      await store.close()
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})

/** Keeps the runs short. */
async function truncate(store: ReturnType<typeof createFileStore>): Promise<Parameters<StoreModel['apply']>[0]> {
  const write = { truncateTo: 100, append: new Uint8Array(0), work: 0n }
  await store.write([write])
  return write
}

/** Resolves to the last acknowledged write. The kill is sent at the `killAt`th, and arrives at some moment after it. */
function writeUntilKilled(args: { directory: string; seed: number; killAt: number }): Promise<number> {
  const writerPath = join(import.meta.dirname, 'store-writer.ts')
  const child = spawn(process.execPath, [writerPath, args.directory, String(args.seed)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let acknowledged = ''
  let problems = ''
  child.stderr.on('data', (text: Buffer) => (problems += text.toString()))
  child.stdout.on('data', (text: Buffer) => {
    acknowledged += text.toString()
    if (lastLine(acknowledged) >= args.killAt) child.kill('SIGKILL')
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(lastLine(acknowledged))
      else reject(new Error(`the writer ended with ${code}: ${problems}`))
    })
  })
}

function lastLine(text: string): number {
  return Number(text.split('\n').at(-2) ?? 0)
}
