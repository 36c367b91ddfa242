/** The real program as a child process, ended with its test. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export const MAIN: string = join(import.meta.dirname, '../../src/cli/main.ts')

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
  /** Flags of Node.js itself. */
  readonly nodeFlags?: readonly string[]
}

export interface ProgramResult {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that was started and runs until it is told to stop, or the test is over. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams
  readonly ended: Promise<ProgramResult>
  #stdout = ''
  #stderr = ''
  #changed = (): void => {}

  constructor(args: readonly string[], options: ProgramOptions = {}) {
    this.#child = spawn(process.execPath, [...(options.nodeFlags ?? []), MAIN, ...args], {
      cwd: options.directory,
      env: { ...process.env, ...options.environment },
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (exitCode) => {
        resolve({ exitCode, stdout: this.#stdout, stderr: this.#stderr })
        this.#changed()
      })
    })
    this.#child.stdout.on('data', (bytes: Buffer) => {
      this.#stdout += bytes.toString()
      this.#changed()
    })
    this.#child.stderr.on('data', (bytes: Buffer) => {
      this.#stderr += bytes.toString()
      this.#changed()
    })
    onTestFinished(async () => {
      this.kill('SIGKILL')
      await this.ended
    })
  }

  get output(): string {
    return this.#stdout + this.#stderr
  }

  /** Nothing more is read of what it prints; from then on its writes fail. */
  closeOutput(): void {
    this.#child.stdout.destroy()
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** The first match in what it has said so far, or will say. Rejects when it ends without. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    let hasEnded = false
    void this.ended.then(() => (hasEnded = true))
    for (;;) {
      const match = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr)
      if (match !== null) return match
      if (hasEnded) throw new Error(`expected ${String(pattern)}, the program ended with:\n${this.output}`)
      await new Promise<void>((resolve) => {
        this.#changed = resolve
        void this.ended.then(() => resolve())
      })
    }
  }

  /** The port it serves on, once it does. */
  async port(): Promise<number> {
    const [, port] = await this.waitFor(/^page: http:\/\/\S+:(\d+)\/$/m)
    return Number(port)
  }
}

/** Runs the program to its end. */
export function run(args: readonly string[], options?: ProgramOptions): Promise<ProgramResult> {
  return new Program(args, options).ended
}

/** A folder of its own for each test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rushlight-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface HttpAnswer {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** One request with exactly these headers. */
export function http(
  port: number,
  path: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<HttpAnswer> {
  const { method = 'GET', headers = {} } = options
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => (body += text))
      response.on('end', () => resolve({ statusCode: response.statusCode ?? 0, headers: response.headers, body }))
    })
    // The answer to an upgrade that succeeds has no body.
    asking.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ statusCode: response.statusCode ?? 0, headers: response.headers, body: '' })
    })
    asking.on('error', reject)
    asking.end()
  })
}
