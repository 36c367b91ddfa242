/** `npx rushlight start --dev` in a consumer's folder, until stopped. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { plainEnvironment } from './consumer.ts'

const START_LIMIT_MS = 90_000

export interface InstalledGateway {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string
  /** The multiaddrs that it printed. */
  readonly addresses: readonly string[]
  /** Resolves when the program and its children have ended. */
  stop(): Promise<void>
}

/** Resolves when it has printed the page's address; rejects with all it said when it ends or takes too long. */
export async function startInstalledGateway(folder: string): Promise<InstalledGateway> {
  const parameters = ['rushlight', 'start', '--dev', '--port', '0', '--data', join(folder, 'practice-chain')]
  // A group of its own: npx stands between us and the program.
  const child = spawn('npx', parameters, { cwd: folder, env: plainEnvironment(), detached: true })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGTERM')
    await exited
  }
  const said: string[] = []
  try {
    const url = await new Promise<string>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`the installed gateway ${why}; it said:\n${said.join('')}`))
      const timer = setTimeout(() => fail(`printed no page address in ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS)
      const listen = (chunk: Buffer): void => {
        said.push(chunk.toString())
        const found = /page: (http:\/\/\S+)/.exec(said.join(''))?.[1]
        if (found === undefined) return
        clearTimeout(timer)
        resolve(found)
      }
      child.stdout.on('data', listen)
      child.stderr.on('data', listen)
      child.once('error', (cause) => fail(`could not be run: ${cause.message}`))
      child.once('close', (code) => fail(`ended with exit code ${code}`))
    })
    const addresses = said
      .join('')
      .split('\n')
      .filter((line) => line.startsWith('/'))
    return { url, addresses, stop }
  } catch (cause) {
    await stop()
    throw cause
  }
}
