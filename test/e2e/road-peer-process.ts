/** `road-peer.ts` as a child process. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { MAINNET, MAINNET_HEIGHT } from './chain-data.ts'
import { runCommand } from './gateway.ts'

const HEADER_BYTES = 80

export interface RoadPeer {
  readonly addresses: readonly string[]
  readonly processId: number
  tell(line: string): void
  /** The rest of the first line, past or to come, that begins with this; each line is told once. */
  said(beginning: string): Promise<string>
  /** As a crash would: no goodbye. */
  kill(): Promise<void>
}

/** Over a new data folder with all real headers but the last; `beforeStart` may put more there. */
export async function startPeerOf(
  folder: string,
  options: { readonly beforeStart?: (directory: string) => void } = {},
): Promise<RoadPeer> {
  const file = join(folder, 'headers.bin')
  const directory = join(folder, 'data')
  writeFileSync(file, readFileSync(MAINNET).subarray(0, MAINNET_HEIGHT * HEADER_BYTES))
  runCommand('import', file, '--data', directory)
  options.beforeStart?.(directory)
  return startRoadPeer(directory)
}

export function lastHeader(): Buffer {
  return readFileSync(MAINNET).subarray(MAINNET_HEIGHT * HEADER_BYTES)
}

export async function startRoadPeer(directory: string, port = 0): Promise<RoadPeer> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'road-peer.ts'), directory, String(port)], {
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
  const addresses = JSON.parse(`[${await said('[')}`) as string[]
  return {
    addresses,
    processId: child.pid ?? 0,
    tell: (line) => void child.stdin.write(`${line}\n`),
    said,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
