import { spawn } from 'node:child_process'
import { join } from 'node:path'

/**
 * Starts a process of `writer`, a file beside this one, which prints the number of each write that was acknowledged.
 * Resolves to the last one. The kill is sent at the `killAt`th, and arrives at some moment after it.
 */
export function writeUntilKilled(args: {
  readonly writer: string
  readonly directory: string
  readonly seed: number
  readonly killAt: number
}): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, args.writer), args.directory, String(args.seed)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let acknowledged = ''
  let problems = ''
  child.stderr.on('data', (text: Buffer) => (problems += text.toString()))
  child.stdout.on('data', (text: Buffer) => {
    acknowledged += text.toString()
    if (lastLine(acknowledged) >= args.killAt) child.kill('SIGKILL')
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(lastLine(acknowledged))
      else reject(new Error(`the writer ended with ${code}: ${problems}`))
    })
  })
}

function lastLine(text: string): number {
  return Number(text.split('\n').at(-2) ?? 0)
}
