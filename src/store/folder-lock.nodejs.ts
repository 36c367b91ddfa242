/**
 * One process, and one owner in it, per data folder.
 *
 * Node.js has no flock. SQLite, which is built into it, takes the operating system's own file lock (fcntl or LockFileEx):
 * the kernel drops it when its process dies, however it dies, so nothing can be left behind, and no process id or start
 * time has to be believed. The database itself stays empty.
 */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from './store.ts'

/** Takes the lock or rejects with `locked` or `unavailable`. Resolves to what gives it back. */
export async function lockFolder(directory: string): Promise<() => Promise<void>> {
  const lockPath = join(directory, 'lock')
  const processIdPath = join(directory, 'lock.pid')
  const sqlite = await importSqlite()
  let database: DatabaseSync | undefined
  try {
    database = new sqlite.DatabaseSync(lockPath, { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
    // By its name: to open and close it here would drop the lock (fcntl).
    await chmod(lockPath, 0o600)
    // Only so that whoever is refused can be told by whom.
    await writeFile(processIdPath, String(process.pid), { mode: 0o600 })
  } catch (cause) {
    if (database?.isOpen === true) database.close()
    if (isBusy(cause)) throw new StoreError('locked', await describeOwner(directory, processIdPath), { cause })
    const why = reasonOf(cause)
    throw new StoreError('unavailable', `cannot lock data folder ${directory}: ${why}`, { cause })
  }
  const held = database
  return async () => {
    if (!held.isOpen) return
    await rm(processIdPath, { force: true })
    if (held.isOpen) held.close()
  }
}

/** Node.js 22.13 has it without a flag; all 22.x warn that it is experimental, which says nothing to who starts a gateway. */
export async function importSqlite(): Promise<typeof import('node:sqlite')> {
  const emitWarning = process.emitWarning.bind(process) as (...parts: unknown[]) => void
  process.emitWarning = (...parts: unknown[]) => {
    if (!String(parts[0]).startsWith('SQLite is an experimental')) emitWarning(...parts)
  }
  try {
    return await import('node:sqlite')
  } catch (cause) {
    const message = `a data folder needs Node.js 22.13 or newer, found ${process.versions.node}: it is locked by node:sqlite`
    throw new StoreError('unavailable', message, { cause })
  } finally {
    process.emitWarning = emitWarning
  }
}

// SQLite, "Result and Error Codes".
const SQLITE_BUSY = 5
const SQLITE_CANTOPEN = 14

function isBusy(error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY
}

/** SQLite speaks of a database, of which whoever chose the folder knows nothing. */
function reasonOf(error: unknown): string {
  if (resultCode(error) === SQLITE_CANTOPEN) return 'no file can be written in it'
  return error instanceof Error ? error.message : String(error)
}

function resultCode(error: unknown): unknown {
  return error instanceof Error && 'errcode' in error ? error.errcode : undefined
}

async function describeOwner(directory: string, processIdPath: string): Promise<string> {
  const text = await readFile(processIdPath, 'utf8').catch(() => '')
  return `${directory} is in use by ${/^\d+$/.test(text) ? `process ${text}` : 'another process'}`
}
