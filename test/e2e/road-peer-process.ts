/** `road-peer.ts` as a child process. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { MAINNET, MAINNET_HEIGHT } from './chain-data.ts'
import { runCommand } from './gateway.ts'

const HEADER_BYTES = 80
/** New heads for a test to announce. */
const HELD_BACK = 4
/** What a peer begins with. */
export const PEER_HEIGHT: number = MAINNET_HEIGHT - HELD_BACK

export interface RoadPeer {
  readonly addresses: readonly string[]
  readonly directory: string
  /** As it was asked for; 0 is any. */
  readonly port: number
  readonly processId: number
  tell(line: string): void
  /** A new head. */
  submit(height: number): void
  /** The rest of the first line, past or to come, that begins with this; each line is told once. */
  said(beginning: string): Promise<string>
  /** Lines that begin so and that nobody was told yet. */
  unsaid(beginning: string): readonly string[]
  /** As a crash would: no goodbye. */
  kill(): Promise<void>
}

/** Over a new data folder with the real headers up to `PEER_HEIGHT`; `beforeStart` may put more there. */
export async function startPeerOf(
  folder: string,
  options: {
    readonly port?: number
    readonly webRtcHost?: string
    readonly beforeStart?: (directory: string) => Promise<void>
  } = {},
): Promise<RoadPeer> {
  const file = join(folder, 'headers.bin')
  const directory = join(folder, 'data')
  writeFileSync(file, readFileSync(MAINNET).subarray(0, (PEER_HEIGHT + 1) * HEADER_BYTES))
  runCommand('import', file, '--data', directory)
  await options.beforeStart?.(directory)
  return startRoadPeer({ ...options, directory })
}

/** One of those that were held back. */
export function headerAt(height: number): Buffer {
  return readFileSync(MAINNET).subarray(height * HEADER_BYTES, (height + 1) * HEADER_BYTES)
}

export async function startRoadPeer(options: {
  readonly directory: string
  readonly port?: number
  /** Of this machine, to listen on for WebRTC-Direct. Default: loopback. */
  readonly webRtcHost?: string
}): Promise<RoadPeer> {
  const { directory, port = 0, webRtcHost } = options
  const parameters = [directory, String(port), ...(webRtcHost === undefined ? [] : [webRtcHost])]
  const child = spawn(process.execPath, [join(import.meta.dirname, 'road-peer.ts'), ...parameters], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines: string[] = []
  const looks = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    for (const look of looks) look()
  })
  const said = (beginning: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const index = lines.findIndex((line) => line.startsWith(beginning))
        if (index < 0) return
        looks.delete(look)
        resolve((lines.splice(index, 1)[0] ?? '').slice(beginning.length).trim())
      }
      looks.add(look)
      look()
      void ended.then(() => reject(new Error(`the peer ended without saying ${beginning}`)))
    })
  const tell = (line: string): void => void child.stdin.write(`${line}\n`)
  const addresses = JSON.parse(`[${await said('[')}`) as string[]
  return {
    addresses,
    directory,
    port,
    processId: child.pid ?? 0,
    tell,
    submit: (height) => tell(`submit ${headerAt(height).toString('hex')}`),
    said,
    unsaid: (beginning) => lines.filter((line) => line.startsWith(beginning)),
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
