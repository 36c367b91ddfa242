/** A process that writes to a file store until it is killed: `node store-writer.ts DIRECTORY SEED`; prints a line an acknowledged write. */
import { writeSync } from 'node:fs'
import { createFileStore } from '../../src/store/file.nodejs.ts'
import { STORE_OPTIONS, writeNumber } from './store-model.ts'

const [directory = '', seed = ''] = process.argv.slice(2)
const store = createFileStore({ ...STORE_OPTIONS, directory })
const opened = await store.open()
const counts = { lower: opened.headerCount, upper: opened.upper.headerCount }
for (let index = 1; ; index += 1) {
  const write = writeNumber(index, Number(seed), counts)
  const headerCount = write.truncateTo + write.append.length / STORE_OPTIONS.headerSizeBytes
  counts[write.isUpper === true ? 'upper' : 'lower'] = headerCount
  await store.write([write])
  writeSync(1, `${index}\n`)
}
