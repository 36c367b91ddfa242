import { existsSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, openDataFolder, StoreError } from '../nodejs.ts'
import { CommandError, oneLine, systemCode } from './command-error.ts'

/** DESIGN, "--dev". */
export const PRACTICE_DIRECTORY_DEFAULT: string = join('.rushlight', 'dev')
/** Lies in a folder that `--dev` made, which alone `--reset` may empty. */
const MARKER_NAME = 'practice-chain'
const MARKER_TEXT = 'This folder was made by rushlight start --dev; --reset empties it.\n'

/** Makes the folder and marks a new or empty one as a practice chain's. Throws `CommandError` 2. */
export async function preparePracticeFolder(directory: string): Promise<void> {
  await orCommandError(directory, async () => {
    await makeFolder(directory)
    const names = await readdir(directory)
    if (names.length === 0) await writeFile(join(directory, MARKER_NAME), MARKER_TEXT)
  })
}

/** Empties a practice chain's folder. Throws `CommandError` 2 for any other folder, and while the folder is in use. */
export async function resetPracticeFolder(directory: string): Promise<void> {
  await orCommandError(directory, async () => {
    if (!existsSync(directory)) return
    const names = await readdir(directory)
    if (names.length === 0) return
    if (!names.includes(MARKER_NAME)) {
      throw new CommandError(
        2,
        `--reset: expected a folder made by rushlight start --dev, got ${directory} without the file ${MARKER_NAME} in it; nothing was removed`,
      )
    }
    // Whoever gets the folder is alone in it.
    const folder = await openDataFolder({ directory })
    await folder.close()
    // The marker goes last, so that a reset that was cut short can be done again.
    const others = (await readdir(directory)).filter((name) => name !== MARKER_NAME)
    for (const name of [...others, MARKER_NAME]) await rm(join(directory, name), { recursive: true, force: true })
  })
}

async function orCommandError(directory: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof StoreError) throw new CommandError(2, oneLine(error), { cause: error })
    if (systemCode(error) === undefined) throw error
    throw new CommandError(2, `cannot use data folder ${directory}: ${oneLine(error)}`, { cause: error })
  }
}
