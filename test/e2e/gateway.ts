/** The real program as a child process. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
/** A limit for a program that hangs. */
const START_LIMIT_MS = 90_000

export interface GatewayOptions {
  readonly directory: string
  /** `bitcoin:mainnet` unless `isPractice`. */
  readonly chain?: string
  /** Any free port by default. */
  readonly port?: number
  readonly isPractice?: boolean
  /** Further flags. */
  readonly flags?: readonly string[]
}

export interface Gateway {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  /** All that it printed so far. */
  log(): string
  /** As a crash would: no goodbye. Resolves when the process has ended; harmless when it already has. */
  kill(): Promise<void>
}

/** Resolves when the page's address was printed; rejects with all that was said when the program ends or takes too long. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const child = spawn(process.execPath, [MAIN, 'start', ...flagsOf(options)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  const said: string[] = []
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  const log = (): string => said.join('')
  try {
    const url = await pageAddressOf(child, log)
    return { url, port: Number(new URL(url).port), log, kill }
  } catch (error) {
    await kill()
    throw error
  }
}

/** Runs one command to its end; throws with what it said unless it exits with 0. */
export function runCommand(...parameters: readonly string[]): string {
  const result = spawnSync(process.execPath, [MAIN, ...parameters], { encoding: 'utf8' })
  if (result.status === 0) return result.stdout
  throw new Error(`rushlight ${parameters.join(' ')} ended with ${result.status}: ${result.stdout}${result.stderr}`)
}

function flagsOf({ directory, chain, port = 0, isPractice = false, flags = [] }: GatewayOptions): readonly string[] {
  const chainFlags = isPractice ? ['--dev'] : ['--chain', chain ?? 'bitcoin:mainnet']
  // No test touches the public network.
  const bitcoinFlags = isPractice || flags.includes('--bitcoin-peer') ? [] : ['--no-bitcoin']
  return [...chainFlags, ...bitcoinFlags, '--data', directory, '--port', String(port), ...flags]
}

async function pageAddressOf(child: ChildProcess, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer)
      reject(new Error(`the gateway ${why}; it said:\n${log()}`))
    }
    const timer = setTimeout(() => fail(`printed no page address in ${START_LIMIT_MS} ms`), START_LIMIT_MS)
    const listen = (): void => {
      const url = /page: (http:\/\/\S+?)\/?\s/.exec(log())?.[1]
      if (url === undefined) return
      clearTimeout(timer)
      resolve(url)
    }
    child.stdout?.on('data', listen)
    child.once('error', (cause) => fail(`could not be run: ${cause.message}`))
    child.once('close', (code) => fail(`ended with exit code ${code}`))
  })
}
