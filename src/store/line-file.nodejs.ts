import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, writeAtomically, type DataFolder } from './data-folder.nodejs.ts'

/** Some thousands of short lines; a larger file is none of ours. */
const FILE_BYTES_MAX: number = 256 * 1024

export interface LineFileOptions {
  readonly folder: DataFolder
  /** Of a file in the folder. */
  readonly name: string
  readonly isLine: (line: string) => boolean
  /** What is wrong with the file, in one line; the rest of it is used all the same. */
  readonly onWarning: (detail: string) => void
}

/** A few lines that it would be a pity to lose, and no more: what is damaged is left out and told. */
export interface LineFile {
  /** As they were at the start. */
  readonly lines: readonly string[]
  /** Replaces them, soon: of several calls in a row the last one counts. Never throws. */
  save(lines: readonly string[]): void
  /** Resolves when what was saved is written. */
  close(): Promise<void>
}

/** Never rejects: a file that cannot be read is an empty one, and told. */
export async function openLineFile(options: LineFileOptions): Promise<LineFile> {
  return new RunningLineFile(options, await readLines(options))
}

class RunningLineFile implements LineFile {
  readonly lines: readonly string[]
  readonly #options: LineFileOptions
  #last: string
  #next: string | undefined
  #writing: Promise<void> | undefined

  constructor(options: LineFileOptions, lines: readonly string[]) {
    this.#options = options
    this.lines = lines
    this.#last = textOf(lines)
  }

  save(lines: readonly string[]): void {
    const text = textOf(lines)
    if (text === this.#last) return
    this.#last = text
    this.#next = text
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
  }

  async close(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    const path = pathOf(this.#options)
    while (this.#next !== undefined) {
      const text = this.#next
      this.#next = undefined
      try {
        await writeAtomically(path, new TextEncoder().encode(text))
      } catch (error) {
        this.#options.onWarning(`cannot write ${path}: ${messageOf(error)}`)
      }
    }
  }
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

function pathOf({ folder, name }: LineFileOptions): string {
  return join(folder.directory, name)
}

async function readLines(options: LineFileOptions): Promise<readonly string[]> {
  const { isLine, onWarning } = options
  const path = pathOf(options)
  try {
    const { size } = await stat(path)
    if (size > FILE_BYTES_MAX) {
      onWarning(`${path}: expected ${FILE_BYTES_MAX} bytes at most, got ${size}; nothing of it is used`)
      return []
    }
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
    const good = lines.filter(isLine)
    const badCount = lines.length - good.length
    if (badCount > 0) onWarning(`${path}: ${badCount} of ${lines.length} lines are damaged and left out`)
    return good
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') onWarning(`cannot read ${path}: ${messageOf(error)}`)
    return []
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
