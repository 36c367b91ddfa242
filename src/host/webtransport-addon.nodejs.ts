import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** As much of @moq/web-transport 0.1.4 (napi.d.cts) as is needed. Its own module is TypeScript, which Node.js refuses in a package. */
export interface WebTransportAddon {
  readonly NapiServer: { bind(address: string, certificatePem: Buffer, keyPem: Buffer): AddonServer }
  readonly NapiClient: { withCertificateHashes(hashes: Buffer[]): { connect(url: string): Promise<AddonSession> } }
}

export interface AddonServer {
  /** Null when it is closed. */
  accept(): Promise<AddonRequest | null>
  close(): void
}

export interface AddonRequest {
  readonly url: Promise<string>
  ok(): Promise<AddonSession>
  reject(status: number): Promise<void>
}

export interface AddonSession {
  acceptBi(): Promise<AddonStream>
  openBi(): Promise<AddonStream>
  acceptUni(): Promise<ReturnType<AddonStream['takeRecv']>>
  close(code: number, reason: string): void
  closed(): Promise<unknown>
}

export interface AddonStream {
  takeSend(): {
    write(bytes: Buffer): Promise<void>
    finish(): Promise<void>
    reset(code: number): Promise<void>
  }
  takeRecv(): { read(sizeBytesMax: number): Promise<Buffer | null>; stop(code: number): Promise<void> }
}

/**
 * The addon for x86-64 was linked against glibc 2.38 for two functions alone, C23's readings of numbers. Debian 12, RHEL 9
 * and Ubuntu 22.04 have an older glibc with the same functions under their older names: a copy asks for those.
 */
const KNOWN_ADDON = {
  packageName: '@moq/web-transport-linux-x64-gnu',
  /** SHA-256 of the addon as it was published, and of the copy. */
  original: '6953b1d57f2887cd74885cb3c2d13c314899baaa0513b6069c65c4b3b3b5bcf4',
  copy: 'f786c2eda5563bb3684488e83bfb22a9e86c384c681bd741eba6e3f0348ddc75',
  changes: [
    // .dynstr: __isoc23_sscanf
    { offset: 0x13de, bytes: Buffer.from('__isoc99_sscanf') },
    // .gnu.version of that symbol: GLIBC_2.7
    { offset: 0xfce, bytes: Buffer.of(14, 0) },
    // .dynstr: __isoc23_strtol
    { offset: 0x140a, bytes: Buffer.from('strtol\0') },
    // .gnu.version of that symbol: GLIBC_2.2.5
    { offset: 0xfd6, bytes: Buffer.of(2, 0) },
    // .gnu.version_r of GLIBC_2.38: VER_FLG_WEAK, as nothing needs it any more
    { offset: 0x1244, bytes: Buffer.of(2, 0) },
  ],
} as const

const require = createRequire(import.meta.url)

let loading: Promise<WebTransportAddon> | undefined

/** Rejects with one line where it is not installed, or does not load on this machine. */
export function loadWebTransportAddon(): Promise<WebTransportAddon> {
  loading ??= load()
  return loading
}

async function load(): Promise<WebTransportAddon> {
  let entry: string
  try {
    entry = require.resolve('@moq/web-transport')
  } catch {
    throw new Error('the optional package @moq/web-transport is not installed')
  }
  try {
    return require(join(dirname(entry), '../napi.cjs')) as WebTransportAddon
  } catch (error) {
    if (!needsNewerLibc(error))
      throw new Error(`@moq/web-transport does not load: ${reasonOf(error)}`, { cause: error })
    return loadCopy(dirname(entry), error)
  }
}

async function loadCopy(folder: string, problem: unknown): Promise<WebTransportAddon> {
  const { packageName, original, copy, changes } = KNOWN_ADDON
  const path = createRequire(join(folder, 'index.ts')).resolve(packageName)
  const cached = join(cacheFolder(), `${copy.slice(0, 16)}.node`)
  const isCached = await readFile(cached).then(
    (bytes) => sha256(bytes) === copy,
    () => false,
  )
  if (!isCached) {
    const bytes = await readFile(path)
    if (sha256(bytes) !== original) {
      const why = 'this is another build than the one we know to load on an older glibc'
      throw new Error(`@moq/web-transport needs glibc 2.38 or newer, and ${why}`, { cause: problem })
    }
    for (const change of changes) bytes.set(change.bytes, change.offset)
    await mkdir(dirname(cached), { recursive: true, mode: 0o700 })
    // Whole or not at all, also when several threads and processes start at once: a file that is still written to kills
    // whoever loads it.
    const unfinished = `${cached}.${randomUUID()}`
    await writeFile(unfinished, bytes, { mode: 0o600 })
    await rename(unfinished, cached)
  }
  return require(cached) as WebTransportAddon
}

/** napi.cjs gathers what went wrong with each file that it tried. */
function needsNewerLibc(error: unknown): boolean {
  for (let each = error, depth = 0; each instanceof Error && depth < 16; each = each.cause, depth++) {
    if (each.message.includes("version `GLIBC_2.38' not found")) return true
  }
  return false
}

function cacheFolder(): string {
  const { XDG_CACHE_HOME: named } = process.env
  return join(named !== undefined && named !== '' ? named : join(homedir(), '.cache'), 'rushlight')
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** napi.cjs itself says to remove a lock file; its cause is what the operating system said of the last file that it tried. */
function reasonOf(error: unknown): string {
  const told = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return (told instanceof Error ? told.message : String(told)).split('\n')[0] ?? ''
}
