/**
 * A scenario as text. Lines at the margin are written by people, indented ones are what the core did:
 *
 *   # What went wrong elsewhere, and the rule that forbids it here.
 *   peers alice
 *   headers a = genesis + 5
 *
 *   at 0.5 connection-opened c1 alice outbound
 *     request-handshake c1 1 head=genesis
 *   until 60
 *     (10.500 s)
 *     close-connection c1 handshake-timeout
 *   asleep-until 28800
 *     nothing
 */
export class ScenarioError extends SyntaxError {
  override readonly name = 'ScenarioError'

  constructor(file: string, lineNumber: number, message: string, options?: ErrorOptions) {
    super(`${file}:${lineNumber}: ${message}`, options)
  }
}

/** One line that does something, and where it stands. */
export interface ScenarioLine {
  readonly file: string
  /** From 1. */
  readonly number: number
  readonly words: readonly string[]
}

/**
 * `at` hands over an event, `until` lets time pass and timers run. `asleep-until` lets time pass while nothing turns, as
 * in a laptop that sleeps: what was due by then is due behind the events of that moment.
 */
export interface ScenarioStep extends ScenarioLine {
  readonly kind: 'at' | 'until' | 'asleep-until'
  /** Never decreases from step to step. */
  readonly atMs: number
}

export interface ScenarioFile {
  /** Settings and headers, before the first step. */
  readonly settings: readonly ScenarioLine[]
  readonly steps: readonly ScenarioStep[]
}

const STEP_KINDS = ['at', 'until', 'asleep-until'] as const

/** Throws `ScenarioError` with file and line number. */
export function parseScenario(file: string, text: string): ScenarioFile {
  const settings: ScenarioLine[] = []
  const steps: ScenarioStep[] = []
  if (!text.startsWith('# ')) {
    throw new ScenarioError(file, 1, `expected "# " and the incident in words, got ${quote(text.split('\n')[0])}`)
  }
  for (const [index, raw] of text.split('\n').entries()) {
    if (raw.trim() === '' || raw.startsWith('#')) continue
    const line = { file, number: index + 1, words: raw.trim().split(/\s+/) }
    if (/^\s/.test(raw)) {
      if (steps.length === 0) refuse(line, `expected a step before what comes of it, got ${quote(raw.trim())}`)
      continue
    }
    const kind = STEP_KINDS.find((known) => known === line.words[0])
    if (kind !== undefined) steps.push(parseStep(line, kind, steps.at(-1)?.atMs ?? 0))
    else if (steps.length === 0) settings.push(line)
    else refuse(line, `expected one of ${STEP_KINDS.join(', ')}, got ${quote(line.words[0])}`)
  }
  return { settings, steps }
}

function parseStep(line: ScenarioLine, kind: ScenarioStep['kind'], earliestMs: number): ScenarioStep {
  const [, moment, next] = line.words
  if (moment === undefined || !/^\d+(\.\d{1,3})?$/.test(moment)) {
    refuse(line, `expected a moment in seconds, got ${quote(moment)}`)
  }
  const atMs = Math.round(Number(moment) * 1_000)
  if (atMs < earliestMs) refuse(line, `expected a moment from ${earliestMs / 1_000} on, got ${moment}`)
  if (kind === 'at' && next === undefined) refuse(line, `expected an event after "at ${moment}", got nothing`)
  if (kind !== 'at' && next !== undefined)
    refuse(line, `expected nothing after "${kind} ${moment}", got ${quote(next)}`)
  return { ...line, kind, atMs }
}

/** The same text with what the core does now under each step. */
export function withOutput(text: string, output: ReadonlyMap<number, readonly string[]>): string {
  const lines: string[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    if (/^\s+\S/.test(raw)) continue
    lines.push(raw)
    const done = output.get(index + 1)
    if (done !== undefined) lines.push(...(done.length === 0 ? ['nothing'] : done).map((line) => `  ${line}`))
  }
  return lines.join('\n')
}

export function quote(text: string | undefined): string {
  return text === undefined ? 'nothing' : JSON.stringify(text)
}

/** Throws `ScenarioError` for this line. */
export function refuse(line: ScenarioLine, message: string): never {
  throw new ScenarioError(line.file, line.number, message)
}
