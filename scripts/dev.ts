/** `npm run dev`: vite with hot reload beside the practice chain's gateway; when one ends, so does the other. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { searchPath } from './run.ts'

const env = { ...process.env, PATH: searchPath() }
const gateway: ChildProcess = spawn(process.execPath, ['src/cli/main.ts', 'start', '--dev', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env,
})
const page: ChildProcess = spawn('vite', [], { stdio: 'inherit', env })

gateway.on('exit', (code) => {
  page.kill('SIGTERM')
  process.exitCode = code ?? 1
})
page.on('exit', () => gateway.kill('SIGTERM'))
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    gateway.kill('SIGTERM')
    page.kill('SIGTERM')
  })
}
