/** `npm run dev`: vite with hot reload beside the practice chain's gateway; when one ends, so does the other. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { searchPath } from './run.ts'

const env = { ...process.env, PATH: searchPath() }
const gateway: ChildProcess = spawn(process.execPath, ['src/cli/main.ts', 'start', '--dev', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env,
  // Ctrl-C on a terminal goes to us alone, who pass it on once: a second signal is an order to drop everything.
  detached: true,
})
const page: ChildProcess = spawn('vite', [], { stdio: 'inherit', env })

let isStopping = false
gateway.on('exit', (code) => {
  process.exitCode = code ?? 1
  stop()
})
page.on('exit', stop)
process.on('SIGINT', stop)
process.on('SIGTERM', stop)

function stop(): void {
  if (isStopping) return
  isStopping = true
  gateway.kill('SIGTERM')
  page.kill('SIGTERM')
}
