import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically, type DataFolder } from './data-folder.nodejs.ts'

/** One small text of a data folder, of mode 0600; after a crash it is the old one or the new one. */
export interface TextFile {
  /** Rejects where there is none. */
  read(): Promise<string>
  write(text: string): Promise<void>
}

export function textFile({ folder, name }: { readonly folder: DataFolder; readonly name: string }): TextFile {
  const path = join(folder.directory, name)
  return {
    read: () => readFile(path, 'utf8'),
    write: (text) => writeAtomically(path, new TextEncoder().encode(text)),
  }
}
