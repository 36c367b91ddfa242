/** Plays a scenario on a real core, with every invariant checked, and writes down what it does. */
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { PeerId } from '../../src/core/ids.ts'
import type { Instant } from '../../src/core/instant.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import { checkedCore } from '../simulation/invariants.ts'
import { formatEffects } from './scenario-effects.ts'
import { parseEvents } from './scenario-events.ts'
import type { ScenarioFile, ScenarioLine } from './scenario-file.ts'
import { parseScenario, quote, refuse, withOutput } from './scenario-file.ts'
import { SCENARIO_UNIX_MS, ScenarioHeaders, wholeNumber } from './scenario-headers.ts'

/** A timer that is still due after so many calls at one moment is stuck. */
const TIMEOUTS_AT_ONCE_MAX = 100

/** The scenario's text with what the core does now. Throws `ScenarioError` for a line that is none. */
export function runScenario(file: string, text: string): string {
  const scenario = parseScenario(file, text)
  return withOutput(text, new ScenarioRun(scenario).run())
}

class ScenarioRun {
  private readonly scenario: ScenarioFile
  private readonly headers = new ScenarioHeaders()
  private readonly core: LightNodeCore
  private readonly output = new Map<number, string[]>()
  private lines: string[] = []
  private nowMs = 0
  private wallOffsetMs = 0

  constructor(scenario: ScenarioFile) {
    this.scenario = scenario
    let ownPeer = 'me'
    let maxPeers = 16
    let peers: readonly string[] = []
    for (const line of scenario.settings) {
      const [setting, ...values] = line.words
      if (setting === 'headers') this.headers.declare(line)
      else if (setting === 'branches') this.headers.declareBranches(line)
      else if (setting === 'peers') peers = values
      else if (setting === 'own') ownPeer = values[0] ?? refuse(line, 'expected our own peer id')
      else if (setting === 'max-peers') maxPeers = wholeNumber(line, values[0])
      else refuse(line, `expected peers, own, max-peers, headers, branches or at, got ${quote(setting)}`)
    }
    const { chain } = this.headers
    const core = createLightNodeCore({
      chain,
      ownPeer: ownPeer as PeerId,
      agent: 'scenario',
      peers,
      maxPeers,
      seed: 1,
      isAuthority: false,
    })
    this.core = checkedCore(core, { chain: chain.id, genesis: chain.genesis, maxPeers, isThorough: true })
  }

  run(): ReadonlyMap<number, readonly string[]> {
    for (const [index, step] of this.scenario.steps.entries()) {
      this.lines = []
      this.output.set(step.number, this.lines)
      this.nowMs = step.atMs
      if (step.words[0] === 'at') this.event(step)
      const next = this.scenario.steps[index + 1]
      const nextMs = next === undefined || next.words[0] === 'asleep-until' ? step.atMs + 1 : next.atMs
      // Nobody wakes from a sleep before its clock-jumped is handled.
      if (nextMs > step.atMs && step.words[0] !== 'asleep-until') this.timers(nextMs)
    }
    return this.output
  }

  /** What stands at one moment is queued at that moment: it all comes before any timer. */
  private event(step: ScenarioLine): void {
    if (step.words[2] === 'set-clock') {
      this.wallOffsetMs = wholeNumber(step, step.words[3]) * 1_000
      return
    }
    for (const event of parseEvents(step, this.headers)) this.write(this.core.handle(event, this.now()))
    this.work()
  }

  private work(): void {
    while (this.core.hasWork()) this.write(this.core.handleWork(this.now()))
  }

  /** Those that are due before this moment; those of that very moment wait for what is queued then. */
  private timers(beforeMs: number): void {
    const stepMs = this.nowMs
    let callCount = 0
    for (let dueMs = this.core.nextTimeout(); dueMs !== undefined; dueMs = this.core.nextTimeout()) {
      const atMs = Math.max(this.nowMs, Math.ceil(dueMs))
      if (atMs >= beforeMs) return
      callCount = atMs === this.nowMs ? callCount + 1 : 0
      if (callCount > TIMEOUTS_AT_ONCE_MAX) throw new Error('the timer stays due although it was called')
      this.nowMs = atMs
      const before = this.lines.length
      this.write(this.core.handleTimeout(this.now()))
      this.work()
      if (this.lines.length > before && atMs > stepMs) this.lines.splice(before, 0, `(${(atMs / 1_000).toFixed(3)} s)`)
    }
  }

  private now(): Instant {
    return { monotonicMs: this.nowMs, unixMs: SCENARIO_UNIX_MS + this.nowMs + this.wallOffsetMs }
  }

  private write(effects: readonly Effect[]): void {
    this.lines.push(...formatEffects(effects, this.headers))
  }
}
