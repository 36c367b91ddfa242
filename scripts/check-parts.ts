/** The parts of `npm run check`, told from package.json so that there is one list. */
import manifest from '../package.json' with { type: 'json' }
import { run } from './run.ts'

export interface CheckResult {
  readonly name: string
  readonly isPassed: boolean
  readonly durationMs: number
}

export function runChecks(): readonly CheckResult[] {
  const names = Object.keys(manifest.scripts).filter((name) => name.startsWith('check:'))
  return names.map((name) => {
    console.log(`\n— ${name}`)
    const startedMs = performance.now()
    const isPassed = run('npm', ['run', '-s', name]) === 0
    const durationMs = performance.now() - startedMs
    console.log(`${isPassed ? 'passed' : 'FAILED'}: ${name} (${(durationMs / 1000).toFixed(1)} s)`)
    return { name, isPassed, durationMs }
  })
}
