/** Plays a recording of a real light node again, step by step, on the same core, with every invariant checked. */
import type { Cause } from '../../src/core/checker/cause.ts'
import { InvariantChecker } from '../../src/core/checker/invariant-checker.ts'
import type { BitcoinNetwork, Checkpoint } from '../../src/bitcoin.ts'
import { bitcoin, loadCheckpoints } from '../../src/bitcoin.ts'
import { BITCOIN_NETWORKS } from '../../src/chain/bitcoin/networks.ts'
import type { CoreView, LightNodeCore } from '../../src/core/core.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import type { RecordedStep, RecordingHead } from '../../src/driver/recording.ts'
import { decodeRecordingLine } from '../../src/driver/recording.ts'
import { doubleSha256, sha256 } from '../../src/hash/sha256.ts'
import { HASH_DBL_SHA2_256, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { createCidOf } from '../../src/wire/rehash.ts'
import { stepMachine } from './computer.ts'
import type { Step } from './trace.ts'

/** A recording that cannot be read, or one that breaks a rule: `FILE:LINE: …`. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError'
  readonly lineNumber: number

  constructor(file: string, lineNumber: number, message: string, options?: ErrorOptions) {
    super(`${file}:${lineNumber}: ${message}`, options)
    this.lineNumber = lineNumber
  }
}

export interface Replay {
  readonly stepCount: number
  readonly view: CoreView
}

/** Throws `ReplayError` at the first line that is none, or at which the core breaks a rule. */
export function replayRecording(args: { file: string; text: string; onStep?: (step: Step) => void }): Replay {
  const { file, onStep } = args
  const lines = args.text.split('\n')
  // A process that was killed leaves its last line unfinished or empty.
  const isCutOff = lines.pop() !== ''
  const [first, ...rest] = lines
  const refuse = (lineNumber: number, message: string, cause?: unknown): never => {
    throw new ReplayError(file, lineNumber, message, { cause })
  }
  const head = readHead(
    decode(first ?? '', (message) => refuse(1, message)),
    (message) => refuse(1, message),
  )
  const { core, checker } = createCore(head)
  let startMs: number | undefined
  for (const [index, line] of rest.entries()) {
    const lineNumber = index + 2
    const step = readStep(
      decode(line, (message) => refuse(lineNumber, message)),
      (message) => refuse(lineNumber, message),
    )
    const cause: Cause = step.call.type === 'event' ? step.call.event : { type: step.call.type }
    startMs ??= step.now.monotonicMs
    try {
      const effects = stepMachine(core, cause, step.now)
      const atMs = step.now.monotonicMs - startMs
      onStep?.({ number: index + 1, computer: { peer: head.options.ownPeer }, atMs, now: step.now, cause, effects })
      checker.check(cause, effects, step.now, core)
    } catch (error) {
      refuse(lineNumber, `at ${cause.type}: ${error instanceof Error ? error.message : String(error)}`, error)
    }
  }
  if (isCutOff && rest.length === 0) refuse(1, 'expected a recording with a step or more, got its head only')
  return { stepCount: rest.length, view: core.view() }
}

/** A light node starts with those of its network. */
const CHECKPOINTS: Readonly<Record<BitcoinNetwork, readonly Checkpoint[]>> = {
  mainnet: await loadCheckpoints('mainnet'),
  testnet3: await loadCheckpoints('testnet3'),
  testnet4: await loadCheckpoints('testnet4'),
  signet: await loadCheckpoints('signet'),
  regtest: [],
}

/** Not in a recording, and the same on every platform. */
const cidOf = createCidOf(
  new Map([
    [HASH_SHA2_256, sha256],
    [HASH_DBL_SHA2_256, doubleSha256],
  ]),
)

function createCore(head: RecordingHead): { core: LightNodeCore; checker: InvariantChecker } {
  const network = head.chain.slice('bitcoin:'.length) as BitcoinNetwork
  const rules = bitcoin(network, { minimumChainWork: head.minimumChainWork })
  const chain = { ...rules, checkpoints: CHECKPOINTS[network] }
  const core = createLightNodeCore({ ...head.options, chain, cidOf })
  const { maxPeers } = head.options
  return {
    core,
    checker: new InvariantChecker({ chain: chain.id, genesis: chain.genesis, maxPeers, cidOf, isThorough: true }),
  }
}

type Refuse = (message: string) => never

function decode(line: string, refuse: Refuse): unknown {
  try {
    return decodeRecordingLine(line)
  } catch {
    return refuse(`expected a line of JSON, got ${quote(line)}`)
  }
}

function readHead(value: unknown, refuse: Refuse): RecordingHead {
  const head = value as Partial<RecordingHead> | null
  if (typeof head !== 'object' || head?.rushlightRecording !== 1)
    return refuse(`expected the head of a recording, got ${quote(JSON.stringify(value))}`)
  const networks: readonly string[] = BITCOIN_NETWORKS.map((name) => `bitcoin:${name}`)
  if (!networks.includes(head.chain ?? ''))
    return refuse(`expected a chain of ${networks.join(', ')}, got ${quote(String(head.chain))}`)
  const { ownPeer, peers, maxPeers, seed, agent } = head.options ?? {}
  const isWhole =
    typeof ownPeer === 'string' &&
    Array.isArray(peers) &&
    typeof maxPeers === 'number' &&
    typeof seed === 'number' &&
    typeof agent === 'string'
  if (!isWhole) return refuse('expected the options of a core: ownPeer, agent, peers, maxPeers, seed')
  if (typeof head.minimumChainWork !== 'bigint') return refuse('expected minimumChainWork')
  return head as RecordingHead
}

function readStep(value: unknown, refuse: Refuse): RecordedStep {
  const step = value as Partial<RecordedStep> | null
  const { now, call } = (typeof step === 'object' ? step : undefined) ?? {}
  if (typeof now?.monotonicMs !== 'number' || typeof now.unixMs !== 'number')
    return refuse('expected a step with its moment: now.monotonicMs, now.unixMs')
  if (call?.type === 'timeout' || call?.type === 'work') return { now, call }
  if (call?.type === 'event' && typeof call.event?.type === 'string') return { now, call }
  return refuse(`expected a call of type event, timeout or work, got ${quote(String(call?.type))}`)
}

const SHOWN_CHARACTERS_MAX = 60

function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text)
}
