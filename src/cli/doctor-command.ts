import { addressProblem, describeExamination, diagnose, VERSION, type Examination } from '../nodejs.ts'
import { parseChain } from './chain-option.ts'
import { parseSeconds, type Call, type Command } from './command.ts'
import { CommandError, type ExitCode } from './command-error.ts'

const TIMEOUT_SECONDS_DEFAULT = '10'
const TIMEOUT_SECONDS_MAX = 120

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'tries addresses and says how far each came, how long it took, and why not further',
  help: `rushlight doctor: tries addresses and says how far each came, how long it took, and why not further

Usage
  rushlight doctor ADDRESS… [--chain CHAIN] [--timeout SECONDS] [--json]

  ADDRESS is a multiaddr, or a gateway's URL for all that it names. Each is tried alone, with the transports of a light
  node and a new key: resolved, connected, secured (the peer has proved who it is), handshake, same chain.
  Exits with 0 when all are reachable, with 1 when some are not.

Flags
  --chain CHAIN      what peers should follow, as bitcoin:mainnet; without it a gateway's peers are held to what the
                     gateway says, and of others it is only told
  --timeout SECONDS  for each address; default ${TIMEOUT_SECONDS_DEFAULT}
  --json             the result as one JSON object
  --help             this text

Example
  rushlight doctor https://gateway.example`,
  flags: { chain: { type: 'string' }, timeout: { type: 'string' }, json: { type: 'boolean' } },
  positionals: ['ADDRESS…'],
  run: runDoctor,
}

async function runDoctor({ flags, positionals, terminal }: Call): Promise<ExitCode> {
  const text = flags.text('timeout') ?? TIMEOUT_SECONDS_DEFAULT
  const timeoutMs = parseSeconds({ flag: 'timeout', text, max: TIMEOUT_SECONDS_MAX }) * 1_000
  const chainText = flags.text('chain')
  for (const address of positionals) {
    const problem = addressProblem(address)
    if (problem !== undefined) throw new CommandError(2, problem)
  }
  const isJson = flags.isSet('json')
  const tell = (examination: Examination): void => {
    if (!isJson) terminal.result(describeExamination(examination))
  }
  const chain = chainText === undefined ? {} : { chain: parseChain(chainText) }
  const examinations = await diagnose(positionals, { ...chain, timeoutMs, onExamined: tell })
  const reachableCount = examinations.filter(({ isReachable }) => isReachable).length
  const isHealthy = reachableCount === examinations.length
  if (isJson) {
    const answer = { version: VERSION, nodejs: process.version, reachable: isHealthy, addresses: examinations }
    terminal.result(JSON.stringify(answer, (_key, value: unknown) => value ?? null))
  } else terminal.result(`${reachableCount} of ${examinations.length} addresses reachable`)
  return isHealthy ? 0 : 1
}
