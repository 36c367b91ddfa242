import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { CommandError, oneLine, type ExitCode } from './command-error.ts'
import type { Terminal } from './terminal.ts'

/** One word after `rushlight`. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** Usage, flags and an example; the exit codes are added. */
  readonly help: string
  readonly flags: ParseArgsOptionsConfig
  /** Names of the arguments that are not flags; all of them are needed. A last one that ends in `…` may be repeated. */
  readonly positionals: readonly string[]
  /** Throws `CommandError`. */
  run(call: Call): Promise<ExitCode>
}

/** A command line that was understood. */
export interface Call {
  readonly flags: Flags
  readonly positionals: readonly string[]
  readonly terminal: Terminal
}

/** Values by flag; the command's own `flags` vouch for the types. */
export interface Flags {
  text(name: string): string | undefined
  texts(name: string): readonly string[]
  isSet(name: string): boolean
}

/** Throws `CommandError` for an unknown flag, a missing value, too few or too many arguments. */
export function parseCall(command: Command, args: readonly string[]): Omit<Call, 'terminal'> {
  const { values, positionals } = parseFlags(command, args)
  if (values['help'] !== true) {
    const missing = command.positionals[positionals.length]
    if (missing !== undefined) throw misuse(command, `expected ${missing.replace('…', '')}`)
    const isLastRepeated = command.positionals.at(-1)?.endsWith('…') === true
    const surplus = isLastRepeated ? undefined : positionals[command.positionals.length]
    if (surplus !== undefined) throw misuse(command, `unexpected argument ${JSON.stringify(surplus)}`)
  }
  const list = (name: string): readonly string[] =>
    [values[name] ?? []].flat().filter((value): value is string => typeof value === 'string')
  return {
    positionals,
    flags: { text: (name) => list(name).at(-1), texts: list, isSet: (name) => values[name] === true },
  }
}

function parseFlags(
  command: Command,
  args: readonly string[],
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    const options: ParseArgsOptionsConfig = { ...command.flags, help: { type: 'boolean', short: 'h' } }
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    // Node.js goes on with advice after the first sentence: "Unknown option '--x'. To specify …".
    const [sentence = ''] = oneLine(error).split(/\. |\.$/)
    const [, flag] = /^Option '(-[\w-]+).*argument (?:missing|is ambiguous)$/.exec(sentence) ?? []
    const refusal = sentence.replace(/^Unknown option/, 'unknown flag').replace(/^Option/, 'flag')
    throw misuse(command, flag === undefined ? refusal : `${flag} needs a value`)
  }
}

function misuse(command: Command, message: string): CommandError {
  return new CommandError(2, `${message} (rushlight ${command.name} --help shows what it takes)`)
}

/** A whole number within bounds. Throws `CommandError`. */
export function parseWhole(args: {
  readonly flag: string
  readonly text: string
  readonly min: number
  readonly max: number
}): number {
  const value = Number(args.text)
  if (/^\d+$/.test(args.text) && value >= args.min && value <= args.max) return value
  throw new CommandError(
    2,
    `--${args.flag}: expected a whole number from ${args.min} to ${args.max}, got ${JSON.stringify(args.text)}`,
  )
}

/** Seconds above 0, with a fraction if need be. Throws `CommandError`. */
export function parseSeconds(args: { readonly flag: string; readonly text: string; readonly max: number }): number {
  const value = Number(args.text)
  if (/^\d+(\.\d+)?$/.test(args.text) && value > 0 && value <= args.max) return value
  throw new CommandError(
    2,
    `--${args.flag}: expected seconds above 0, at most ${args.max}, got ${JSON.stringify(args.text)}`,
  )
}
