/**
 * npm run test:mutants [-- NAME …]: puts the bugs of mutants.ts back, one at a time, on a temporary copy of the source,
 * and expects a test to go red for each. Exit code 1 when one survives, 2 when a patch or the call is wrong.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant } from './mutant.ts'
import { mutate, MutantError } from './mutant.ts'
import { ALL_SUITES, MUTANTS } from './mutants.ts'
import type { TestOutcome } from './workspace.ts'
import { Workspace } from './workspace.ts'

/** Mutants tested at once, each in a process of its own. */
const LANE_COUNT = 2

interface Verdict {
  readonly mutant: Mutant
  readonly outcome: TestOutcome
  readonly durationMs: number
}

const source: string = join(import.meta.dirname, '../..')

function chosen(names: readonly string[]): readonly Mutant[] {
  for (const name of names) {
    if (MUTANTS.some((mutant) => mutant.name === name)) continue
    throw new MutantError(`expected one of ${MUTANTS.map((mutant) => mutant.name).join(', ')}, got ${name}`)
  }
  return names.length === 0 ? MUTANTS : MUTANTS.filter(({ name }) => names.includes(name))
}

/** The narrow suites first; all of them where those stay green. */
async function judge(workspace: Workspace, mutant: Mutant): Promise<Verdict> {
  const startedMs = performance.now()
  const outcome = await workspace.withMutant(mutant, async () => {
    const narrow = await workspace.test(mutant.suites)
    return narrow.type === 'green' ? workspace.test(ALL_SUITES) : narrow
  })
  return { mutant, outcome, durationMs: performance.now() - startedMs }
}

function print({ mutant, outcome, durationMs }: Verdict): void {
  const seconds = `${(durationMs / 1000).toFixed(1)} s`.padStart(7)
  const columns = `${mutant.name.padEnd(nameWidth)}  ${mutant.incident.padEnd(incidentWidth)} ${seconds}`
  if (outcome.type === 'red') console.log(`killed    ${columns}  ${outcome.test}`)
  else if (outcome.type === 'green') console.log(`SURVIVED  ${columns}  all ${outcome.testCount} tests are green`)
  else console.log(`BROKEN    ${columns}  ${outcome.detail}`)
}

async function run(mutants: readonly Mutant[]): Promise<number> {
  // A patch that does not fit is told before anything runs.
  for (const mutant of mutants) mutate(mutant, (file) => readFileSync(join(source, file), 'utf8'))
  const folder = mkdtempSync(join(tmpdir(), 'rushlight-mutants-'))
  try {
    const lanes = Array.from(
      { length: LANE_COUNT },
      (_, index) => new Workspace({ source, root: join(folder, String(index)) }),
    )
    const baseline = await lanes[0]?.test(ALL_SUITES)
    if (baseline?.type !== 'green') {
      const detail = baseline?.type === 'red' ? `${baseline.test}: ${baseline.message}` : baseline?.detail
      console.error(`the tests must be green before a mutant is put in: ${detail}`)
      return 1
    }
    console.log(`${baseline.testCount} tests are green without a mutant`)
    const waiting = [...mutants]
    let killedCount = 0
    await Promise.all(
      lanes.map(async (workspace) => {
        for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
          const verdict = await judge(workspace, mutant)
          print(verdict)
          if (verdict.outcome.type === 'red') killedCount += 1
        }
      }),
    )
    console.log(`${killedCount} of ${mutants.length} mutants killed`)
    return killedCount === mutants.length ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const nameWidth: number = Math.max(...MUTANTS.map(({ name }) => name.length))
const incidentWidth: number = Math.max(...MUTANTS.map(({ incident }) => incident.length))
try {
  process.exitCode = await run(chosen(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof MutantError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
