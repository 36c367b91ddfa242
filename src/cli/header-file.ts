import { open, type FileHandle } from 'node:fs/promises'
import { sizeProblem } from '../nodejs.ts'
import { CommandError, oneLine, systemCode } from './command-error.ts'

/** Headers in one chunk: 1.3 MB, a twentieth of a second of verifying, so that progress and signals get their turn. */
export const HEADERS_PER_CHUNK: number = 2_016 * 8

/** A file of whole headers, one after another, being read once. */
export interface HeaderFile {
  /** undefined for a pipe, whose end is not known. */
  readonly headerCount: number | undefined
  /** Chunks of whole headers, never empty; each is the caller's own. Throws `CommandError` when the end is torn. */
  chunks(): AsyncGenerator<Uint8Array>
  close(): Promise<void>
}

/** Throws `CommandError` 1 where there is no file, or none of whole headers, and 2 where it may not be read. */
export async function openHeaderFile(path: string, headerSizeBytes: number): Promise<HeaderFile> {
  const expected = `${path}: expected a file of ${headerSizeBytes}-byte headers`
  const handle = await open(path, 'r').catch((error: unknown) => {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new CommandError(1, `${expected}, found no such file`)
    throw new CommandError(2, `${path} cannot be read: ${oneLine(error)}`)
  })
  try {
    const stat = await handle.stat()
    if (stat.isDirectory()) throw new CommandError(1, `${expected}, got a directory`)
    if (stat.isFile()) assertWhole({ path, sizeBytes: stat.size, headerSizeBytes })
    return {
      headerCount: stat.isFile() ? stat.size / headerSizeBytes : undefined,
      chunks: () => readChunks({ handle, path, headerSizeBytes }),
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function* readChunks(args: {
  readonly handle: FileHandle
  readonly path: string
  readonly headerSizeBytes: number
}): AsyncGenerator<Uint8Array> {
  const { handle, path, headerSizeBytes } = args
  let totalBytes = 0
  for (;;) {
    const chunk = new Uint8Array(HEADERS_PER_CHUNK * headerSizeBytes)
    let filledBytes = 0
    while (filledBytes < chunk.length) {
      const { bytesRead } = await handle.read(chunk, filledBytes, chunk.length - filledBytes)
      if (bytesRead === 0) break
      filledBytes += bytesRead
    }
    totalBytes += filledBytes
    if (filledBytes < chunk.length) assertWhole({ path, sizeBytes: totalBytes, headerSizeBytes })
    if (filledBytes > 0) yield chunk.subarray(0, filledBytes)
    if (filledBytes < chunk.length) return
  }
}

function assertWhole(args: {
  readonly path: string
  readonly sizeBytes: number
  readonly headerSizeBytes: number
}): void {
  const problem = sizeProblem(args.sizeBytes, args.headerSizeBytes)
  if (problem !== undefined) throw new CommandError(1, `${args.path}: ${problem}`)
}
