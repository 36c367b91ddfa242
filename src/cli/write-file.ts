import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CommandError, oneLine, systemCode } from './command-error.ts'
import { isReaderGone } from './terminal.ts'

/** Replaces the file at `path` in one step when all is written; "-" is standard output. Throws `CommandError` 2. */
export async function writeOut(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  if (path === '-') await writeOutput(chunks)
  else await replaceFile(path, chunks)
}

async function writeOutput(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) {
    const isGone = await new Promise<boolean>((resolve, reject) => {
      process.stdout.write(chunk, (error) => {
        if (error instanceof Error && !isReaderGone(error)) reject(error)
        else resolve(error instanceof Error)
      })
    })
    if (isGone) return
  }
}

/** Beside the target first, then renamed over it, so that nobody ever sees half of it. */
async function replaceFile(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const temporaryPath = join(dirname(path), `.${basename(path)}.${process.pid}.new`)
  try {
    const handle = await open(temporaryPath, 'wx')
    try {
      for await (const chunk of chunks) await handle.writeFile(chunk)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporaryPath, path)
  } catch (error) {
    await rm(temporaryPath, { force: true }).catch(() => {})
    if (systemCode(error) === undefined) throw error
    throw new CommandError(2, `${path} cannot be written: ${oneLine(error)}`, { cause: error })
  }
}
