/**
 * A process that writes to a file block store until it is killed: `node block-store-writer.ts DIRECTORY SEED`; prints a line
 * an acknowledged write. Every third write is pinned.
 */
import { writeSync } from 'node:fs'
import { createFileBlockStore } from '../../src/store/block-store-file.nodejs.ts'
import { rehash, WRITER_SIZE_BYTES_MAX, writtenBlocks, writtenRoot } from './block-store-model.ts'

const [directory = '', seedText = ''] = process.argv.slice(2)
const seed = Number(seedText)
const store = createFileBlockStore({
  chain: 'bitcoin:regtest',
  sizeBytesMax: WRITER_SIZE_BYTES_MAX,
  rehash,
  onWarning: (detail) => console.error(detail),
  directory,
})
await store.open()
for (let index = 1; ; index += 1) {
  const pin = writtenRoot(seed, index)
  const previous = writtenRoot(seed, index - 3)
  if (pin !== undefined && previous !== undefined) await store.unpin(previous)
  const blocks = writtenBlocks(seed, index)
  await store.write(pin === undefined ? { blocks } : { blocks, pin })
  writeSync(1, `${index}\n`)
}
