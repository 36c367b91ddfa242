import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { CommandError, oneLine } from './command-error.ts'

/** A file that takes a recording line by line. */
export interface RecordingFile {
  readonly write: (line: string) => void
  /** Resolves when every line is written. */
  close(): Promise<void>
}

/** Replaces what is there. Throws `CommandError` 2 when the file cannot be written. */
export async function openRecording(path: string): Promise<RecordingFile> {
  try {
    await (await open(path, 'w')).close()
  } catch (error) {
    throw new CommandError(2, `--record: cannot write ${path}: ${oneLine(error)}`, { cause: error })
  }
  const stream = createWriteStream(path, { flags: 'a' })
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  stream.once('close', resolve)
  stream.once('error', reject)
  // Told at `close`; until then a full disk must not end the gateway.
  ended.catch(() => {})
  return {
    write: (line) => void stream.write(`${line}\n`),
    async close() {
      stream.end()
      await ended
    },
  }
}
