import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { lockFolder } from './folder-lock.nodejs.ts'
import { StoreError } from './store.ts'

/** A folder that is ours alone until `close`. */
export interface DataFolder {
  /** Absolute. */
  readonly directory: string
  /** The bytes of the file `key`; where there is none, those that `create` makes, kept with mode 0600 before they are returned. */
  readOrCreateKey(create: () => Promise<Uint8Array>): Promise<Uint8Array>
  /** Gives the folder back. A second call is harmless. */
  close(): Promise<void>
}

/**
 * Creates the folder (mode 0700) where it is missing and locks it.
 * Rejects with `StoreError`: `locked` while another process, or another owner in this one, has it; `unavailable` when it cannot be used.
 */
export async function openDataFolder(options: { readonly directory: string }): Promise<DataFolder> {
  const directory = resolve(options.directory)
  await orUnavailable(`cannot use data folder ${directory}`, makeFolder(directory))
  const unlock = await lockFolder(directory)
  return {
    directory,
    readOrCreateKey: (create) => readOrCreateKey(join(directory, 'key'), create),
    close: unlock,
  }
}

/**
 * Makes a folder, and those above it that are missing, with mode 0700; one that is there stays as it is.
 * Not by `mkdir` with `recursive`, which tries for ever where the folder above is there and the file system still says
 * ENOENT, as /proc does.
 */
export async function makeFolder(directory: string): Promise<void> {
  if (await isFolder(directory)) return
  if (dirname(directory) !== directory) await makeFolder(dirname(directory))
  try {
    await mkdir(directory, { mode: 0o700 })
  } catch (error) {
    // Another process may have been faster.
    if (await isFolder(directory)) return
    if (errorCode(error) !== 'EEXIST') throw error
    throw new Error(`expected a folder at ${directory}, found something else`, { cause: error })
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

/**
 * Where a chain's data is kept by default: `$XDG_DATA_HOME/rushlight/<chain>`, else `~/.local/share/rushlight/<chain>`,
 * with `-` for the `:` of the chain id (`bitcoin-mainnet`), which Windows does not allow in names.
 */
export function defaultDataDirectory(chainId: string, env: Readonly<Record<string, string | undefined>>): string {
  const configured = env['XDG_DATA_HOME']
  // XDG Base Directory Specification: "All paths … must be absolute. If … relative … consider the path invalid and ignore it."
  const isUsable = configured !== undefined && isAbsolute(configured)
  const base = isUsable ? configured : join(homedir(), '.local', 'share')
  return join(base, 'rushlight', chainId.replaceAll(':', '-'))
}

async function readOrCreateKey(path: string, create: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const stored = await orUnavailable(`cannot read key ${path}`, readIfThere(path))
  if (stored !== undefined) {
    if (stored.length === 0) throw new StoreError('unavailable', `key ${path} is empty; remove it to get a new one`)
    await orUnavailable(`cannot protect key ${path}`, chmod(path, 0o600))
    return stored
  }
  const key = await create()
  await orUnavailable(`cannot write key ${path}`, writeAtomically(path, key))
  return key
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** After a crash at any moment `path` holds all of `bytes` or what it held before. Mode 0600. */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporaryPath = `${path}.new`
  const file = await open(temporaryPath, 'w', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await replaceFile(temporaryPath, path)
}

/** Renames a synced file over another (both in one folder), durably. */
export async function replaceFile(from: string, to: string): Promise<void> {
  await rename(from, to)
  // Windows cannot sync a folder; NTFS journals names itself.
  if (process.platform === 'win32') return
  const folder = await open(join(to, '..'), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

async function orUnavailable<Value>(what: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (cause) {
    throw new StoreError('unavailable', `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
