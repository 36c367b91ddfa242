/** Plays a scenario on a real core, with every invariant checked, and writes down what it does. */
import { checkedCore } from '../../src/core/checker/checked-core.ts'
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { PeerId } from '../../src/core/ids.ts'
import type { Instant } from '../../src/core/instant.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import { toyCidOf } from '../simulation/toy-content.ts'
import { ScenarioBlocks } from './scenario-blocks.ts'
import { formatEffects } from './scenario-effects.ts'
import type { ScenarioContext } from './scenario-events.ts'
import { parseEvents, WALL_CLOCK_AHEAD } from './scenario-events.ts'
import type { ScenarioLine, ScenarioStep } from './scenario-file.ts'
import { parseScenario, quote, refuse, ScenarioError, withOutput } from './scenario-file.ts'
import { type NamedHeader, SCENARIO_UNIX_MS, ScenarioHeaders } from './scenario-headers.ts'
import { ScenarioRequests } from './scenario-requests.ts'
import { ScenarioWords, wholeNumber } from './scenario-words.ts'

/** A timer that is still due after so many calls at one moment is stuck. */
const TIMEOUTS_AT_ONCE_MAX = 100

/**
 * The scenario's text with what the core does now. Throws `ScenarioError` for a line that is none, and with the
 * invariant's number for a step that breaks one.
 */
export function runScenario(file: string, text: string): string {
  const { settings, steps } = parseScenario(file, text)
  const run = new ScenarioRun(settings)
  const output = new Map<number, readonly string[]>()
  for (const [index, step] of steps.entries()) {
    try {
      output.set(step.number, run.step(step, steps[index + 1]))
      if (index === steps.length - 1) run.stop()
    } catch (error) {
      if (error instanceof ScenarioError || !(error instanceof Error)) throw error
      throw new ScenarioError(file, step.number, error.message, { cause: error })
    }
  }
  return withOutput(text, output)
}

class ScenarioRun {
  private readonly names: ScenarioContext = {
    headers: new ScenarioHeaders(),
    requests: new ScenarioRequests(),
    blocks: new ScenarioBlocks(),
  }
  private readonly core: LightNodeCore
  private lines: string[] = []
  private nowMs = 0
  /** How far the wall clock was set ahead. */
  private wallAheadMs = 0

  constructor(settings: readonly ScenarioLine[]) {
    const { headers, blocks } = this.names
    let ownPeer = 'me'
    let maxPeers = 16
    let peers: readonly string[] = []
    let checkpoints: readonly NamedHeader[] = []
    for (const line of settings) {
      const [setting, ...values] = line.words
      if (setting === 'headers') headers.declare(line)
      else if (setting === 'branches') headers.declareBranches(line)
      else if (setting === 'blocks') blocks.declare(line)
      else if (setting === 'peers') peers = values
      else if (setting === 'checkpoints') checkpoints = headers.list(line, values[0] ?? '')
      else if (setting === 'own') ownPeer = values[0] ?? refuse(line, 'expected our own peer id, got nothing')
      else if (setting === 'max-peers') maxPeers = wholeNumber(line, values[0])
      else
        refuse(
          line,
          `expected one of peers, own, max-peers, checkpoints, headers, branches, blocks, at, got ${quote(setting)}`,
        )
    }
    const chain = { ...headers.chain, checkpoints }
    const cidOf = blocks.isEmpty ? undefined : toyCidOf
    const core = createLightNodeCore({
      chain,
      ownPeer: ownPeer as PeerId,
      agent: 'scenario',
      peers,
      maxPeers,
      seed: 1,
      cidOf,
      isAuthority: false,
    })
    const { id, genesis } = chain
    this.core = checkedCore(core, { chain: id, genesis, maxPeers, seed: 1, cidOf, isThorough: true })
  }

  /** What comes of this step: of its event, and of the timers until the next one. */
  step(step: ScenarioStep, next: ScenarioStep | undefined): readonly string[] {
    this.lines = []
    this.nowMs = step.atMs
    if (step.kind === 'at') this.event(step)
    // What stands at one moment is queued at that moment: all of it comes before any timer.
    const restMs = step.atMs + 1
    if (next === undefined || next.atMs > step.atMs)
      this.timers(next?.kind === 'asleep-until' ? restMs : (next?.atMs ?? restMs))
    return this.lines
  }

  /** Every scenario ends with a stop, for what must hold after one. */
  stop(): void {
    this.core.handle({ type: 'stop-requested' }, this.now())
  }

  private event(step: ScenarioStep): void {
    const [, , type, ...rest] = step.words
    if (type === WALL_CLOCK_AHEAD) {
      const words = new ScenarioWords(step, rest)
      this.wallAheadMs = words.nextNumber('seconds') * 1_000
      words.end()
      return
    }
    for (const event of parseEvents(step, this.names)) {
      this.write(this.core.handle(event, this.now()))
      this.work()
    }
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
      if (callCount > TIMEOUTS_AT_ONCE_MAX) throw new Error('expected a timer that ends, got one that stays due')
      this.nowMs = atMs
      const before = this.lines.length
      this.write(this.core.handleTimeout(this.now()))
      this.work()
      if (this.lines.length > before && atMs > stepMs) this.lines.splice(before, 0, `(${(atMs / 1_000).toFixed(3)} s)`)
    }
  }

  private now(): Instant {
    return { monotonicMs: this.nowMs, unixMs: SCENARIO_UNIX_MS + this.nowMs + this.wallAheadMs }
  }

  private write(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.names.requests.note(effect)
      this.names.blocks.note(effect)
    }
    this.lines.push(...formatEffects(effects, this.names))
  }
}
