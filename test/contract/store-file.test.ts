import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileStore } from '../../src/store/file.nodejs.ts'
import { describeStore } from './store-contract.ts'

describeStore('file store', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-store-'))
  return {
    createStore: (options) => createFileStore({ ...options, directory }),
    remove: () => rm(directory, { recursive: true }),
  }
})
