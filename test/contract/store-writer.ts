/** A process that writes to a file store until it is killed: `node store-writer.ts DIRECTORY SEED`; prints a line an acknowledged write. */
import { writeSync } from 'node:fs'
import { createFileStore } from '../../src/store/file.nodejs.ts'
import { STORE_OPTIONS, writeNumber } from './store-model.ts'

const [directory = '', seed = ''] = process.argv.slice(2)
const store = createFileStore({ ...STORE_OPTIONS, directory })
let { headerCount } = await store.open()
for (let index = 1; ; index += 1) {
  const write = writeNumber(index, Number(seed), headerCount)
  headerCount = write.truncateTo + write.append.length / STORE_OPTIONS.headerSizeBytes
  await store.write([write])
  writeSync(1, `${index}\n`)
}
