import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileBlockStore } from '../../src/store/block-store-file.nodejs.ts'
import { describeBlockStore } from './block-store-contract.ts'

describeBlockStore('file block store', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-blocks-'))
  return {
    createStore: (options) => createFileBlockStore({ ...options, directory }),
    remove: () => rm(directory, { recursive: true }),
  }
})
