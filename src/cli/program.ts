import { readFile } from 'node:fs/promises'
import { CommandError, oneLine, systemCode, type ExitCode } from './command-error.ts'
import { parseCall, type Command } from './command.ts'
import { blockCommand } from './block-command.ts'
import { doctorCommand } from './doctor-command.ts'
import { exportCommand } from './export-command.ts'
import { importBlockCommand } from './import-block-command.ts'
import { importCommand } from './import-command.ts'
import { proofCommand } from './proof-command.ts'
import { startCommand } from './start-command.ts'
import { statusCommand } from './status-command.ts'
import { createTerminal, isReaderGone, type Terminal } from './terminal.ts'
import { verifyCommand } from './verify-command.ts'
import { verifyProofCommand } from './verify-proof-command.ts'

const COMMANDS: readonly Command[] = [
  startCommand,
  statusCommand,
  doctorCommand,
  importCommand,
  exportCommand,
  verifyCommand,
  importBlockCommand,
  blockCommand,
  proofCommand,
  verifyProofCommand,
]

const EXIT_CODES = `Exit codes
  0  done
  1  the data is bad
  2  the call or the machine is: an unknown flag, a port or folder in use, no gateway there`

const HELP = `rushlight: a light node that verifies every Bitcoin header itself

Usage
  rushlight COMMAND [FLAGS]

Commands
${COMMANDS.map((command) => `  ${command.name.padEnd(14)}${command.summary}`).join('\n')}

Flags
  --help     this text; after a command, that command's
  --version  the version

${EXIT_CODES}

Example
  rushlight start --dev     a practice chain with a page at http://127.0.0.1:8645/`

/** Runs the process's command line and ends it with the command's exit code. */
export async function runProgram(args: readonly string[]): Promise<void> {
  // A reader that went away (`| head`) is no error, and no reason to leave work undone: there is nobody left to tell.
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error) => {
      if (!isReaderGone(error)) process.exit(2)
    })
  }
  const terminal = createTerminal({ stdout: process.stdout, stderr: process.stderr, environment: process.env })
  // Node.js would end with 1, which says that the data is bad.
  process.on('uncaughtException', (error) => process.exit(reportError(error, terminal)))
  const exitCode = await execute(args, terminal)
  // What was written is out; then WebRTC's native part would keep a process alive whose gateway has stopped.
  await Promise.all([process.stdout, process.stderr].map((output) => new Promise((done) => output.write('', done))))
  process.exit(exitCode)
}

/** Runs one command line; what goes wrong becomes a line of the log and the exit code. Never rejects. */
export async function execute(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    return await runCommand(args, terminal)
  } catch (error) {
    terminal.progress(undefined)
    return reportError(error, terminal)
  }
}

async function runCommand(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === '--help' || name === '-h' || name === 'help') {
    terminal.result(HELP)
    return 0
  }
  if (name === '--version') {
    terminal.result(await readVersion())
    return 0
  }
  const command = COMMANDS.find((known) => known.name === name)
  if (command === undefined) {
    const names = COMMANDS.map((known) => known.name).join(', ')
    throw new CommandError(
      2,
      `expected a command (${names}), got ${name === undefined ? 'none' : JSON.stringify(name)} (rushlight --help tells more)`,
    )
  }
  const call = parseCall(command, rest)
  if (call.flags.isSet('help')) {
    terminal.result(`${command.help}\n\n${EXIT_CODES}`)
    return 0
  }
  return command.run({ ...call, terminal })
}

/** One line for what can be expected; a bug shows its stack. */
function reportError(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommandError) {
    terminal.log(`rushlight: ${oneLine(error)}`)
    return error.exitCode
  }
  if (systemCode(error) !== undefined) terminal.log(`rushlight: ${oneLine(error)}`)
  else terminal.log(`rushlight: a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return 2
}

/** The same path from src/cli and from dist/cli. */
async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { readonly version: string }
  return version
}
