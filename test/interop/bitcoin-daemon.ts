/** A real Bitcoin peer that nobody here wrote: bitcoind on regtest, in a process and a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

const SHARED = resolve(import.meta.dirname, '../../../shared/tools/bitcoind')
/** Anyone can spend these: blocks need a script and no wallet. Another script makes other blocks. */
const DESCRIPTORS = { main: 'raw(51)', fork: 'raw(52)' } as const
const RPC_RETRY_MS = 50

/** The path in BITCOIND, else `bitcoind` on PATH, else the shared tools'; undefined when there is none. */
function findBitcoind(): string | undefined {
  const named = process.env['BITCOIND']
  if (named !== undefined && named !== '') return named
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'bitcoind'))
  return [...onPath, SHARED].find(isExecutable)
}

const bitcoind = findBitcoind()

/** False where there is none to start. */
export const hasBitcoind: boolean = bitcoind !== undefined
export const BITCOIND_MISSING = 'no bitcoind found: set BITCOIND to its path'

export interface BitcoinDaemonOptions {
  /** Another daemon's folder, which has stopped; else a new one. */
  readonly folder?: string
  /** That the other daemon had; else a free one. */
  readonly port?: number
  /** `HOST:PORT` of peers to connect to and stay connected to. */
  readonly addNodes?: readonly string[]
}

/** One run of bitcoind. */
export class BitcoinDaemon {
  readonly folder: string
  readonly port: number
  readonly #rpcPort: number
  readonly #process: ChildProcess
  readonly #exited: Promise<void>
  #hasExited = false

  private constructor(args: { folder: string; port: number; rpcPort: number; process: ChildProcess }) {
    this.folder = args.folder
    this.port = args.port
    this.#rpcPort = args.rpcPort
    this.#process = args.process
    this.#exited = new Promise((resolve) => {
      const onEnd = (): void => {
        this.#hasExited = true
        resolve()
      }
      // What cannot be started ends with an error alone.
      args.process.once('exit', onEnd).once('error', onEnd)
    })
  }

  /** Resolves once it answers. */
  static async start(options: BitcoinDaemonOptions = {}): Promise<BitcoinDaemon> {
    if (bitcoind === undefined) throw new Error(BITCOIND_MISSING)
    const { folder, addNodes = [] } = options
    const directory = folder ?? mkdtempSync(join(tmpdir(), 'rushlight-bitcoind-'))
    const [freePort, rpcPort] = await freePorts()
    const { port = freePort } = options
    const flags = [
      '-regtest',
      `-datadir=${directory}`,
      `-bind=127.0.0.1:${port}`,
      `-rpcport=${rpcPort}`,
      '-rpcuser=rushlight',
      '-rpcpassword=rushlight',
      '-server',
      '-listenonion=0',
      '-dnsseed=0',
      '-discover=0',
      '-natpmp=0',
      '-checkblockindex=0',
      ...addNodes.map((address) => `-addnode=${address}`),
    ]
    const child = spawn(bitcoind, flags, { stdio: 'ignore' })
    const daemon = new BitcoinDaemon({ folder: directory, port, rpcPort, process: child })
    await daemon.#untilReady()
    return daemon
  }

  get address(): string {
    return `bitcoin://127.0.0.1:${this.port}`
  }

  async call<Result>(method: string, ...params: unknown[]): Promise<Result> {
    const response = await fetch(`http://127.0.0.1:${this.#rpcPort}/`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('rushlight:rushlight')}` },
      body: JSON.stringify({ method, params }),
    })
    const { result, error } = (await response.json()) as { result: Result; error: { message: string } | null }
    if (error !== null) throw new Error(`${method}: ${error.message}`)
    return result
  }

  /** The new head's root. */
  async mine(count: number, branch: keyof typeof DESCRIPTORS = 'main'): Promise<string> {
    // Not all at once: a call may take a minute on a busy machine, and then it is cut off.
    const CHUNK = 2_000
    for (let left = count; left > 0; left -= CHUNK) {
      // Six blocks make a second at least (BIP 113), and no block may be two hours ahead: a long chain begins in the past.
      if (left > CHUNK) await this.call('setmocktime', Math.floor(Date.now() / 1_000 - left / 5))
      else if (count > CHUNK) await this.call('setmocktime', 0)
      await this.call('generatetodescriptor', Math.min(left, CHUNK), DESCRIPTORS[branch])
    }
    return await this.call('getbestblockhash')
  }

  /** Ends in good order; its folder can be started again. */
  async stop(): Promise<void> {
    if (!this.#hasExited) await this.call('stop').catch(() => this.#process.kill('SIGKILL'))
    await this.#exited
  }

  /** No good order. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #untilReady(): Promise<void> {
    for (;;) {
      if (this.#hasExited) throw new Error(`expected ${bitcoind} to start, it ended`)
      try {
        await this.call('getblockcount')
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RPC_RETRY_MS))
      }
    }
  }
}

/** Free a moment ago, which is as good as it gets. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()]
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ports.push((server.address() as AddressInfo).port)
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  return [ports[0] ?? 0, ports[1] ?? 0]
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
