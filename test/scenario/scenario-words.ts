/** The words of one line, taken one by one, so that a word that nobody asked for is refused. */
import type { NetworkFailure } from '../../src/core/failure.ts'
import type { ScenarioLine } from './scenario-file.ts'
import { quote, refuse } from './scenario-file.ts'

export const FAILURES: readonly NetworkFailure[] = [
  'timeout',
  'closed',
  'unreachable',
  'undialable',
  'refused',
  'wrong-peer',
  'unsupported',
  'cancelled',
]

export class ScenarioWords {
  readonly line: ScenarioLine
  private readonly plain: string[]
  private readonly keyed: Map<string, string>

  constructor(line: ScenarioLine, words: readonly string[]) {
    this.line = line
    this.plain = words.filter((part) => !part.includes('='))
    this.keyed = new Map(
      words
        .filter((part) => part.includes('='))
        .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]),
    )
  }

  /** No word is left but those with a name. */
  get isEmpty(): boolean {
    return this.plain.length === 0
  }

  next(what: string): string {
    return this.plain.shift() ?? refuse(this.line, `expected ${what}, got nothing`)
  }

  nextNumber(what: string): number {
    return wholeNumber(this.line, this.next(what))
  }

  oneOf<Choice extends string>(choices: readonly Choice[]): Choice {
    const text = this.plain.shift()
    const choice = choices.find((known) => known === text)
    return choice ?? refuse(this.line, `expected one of ${choices.join(', ')}, got ${quote(text)}`)
  }

  /** True, once, where the word stands anywhere in what is left. */
  flag(word: string): boolean {
    const index = this.plain.indexOf(word)
    if (index >= 0) this.plain.splice(index, 1)
    return index >= 0
  }

  /** The value of `name=value`. */
  key(name: string): string | undefined {
    const value = this.keyed.get(name)
    this.keyed.delete(name)
    return value
  }

  keyNumber(name: string): number | undefined {
    const value = this.key(name)
    return value === undefined ? undefined : wholeNumber(this.line, value)
  }

  /** Throws `ScenarioError` when a word is left. */
  end(): void {
    const [left] = [...this.plain, ...[...this.keyed].map(([name, value]) => `${name}=${value}`)]
    if (left !== undefined) refuse(this.line, `expected the end of the line, got ${quote(left)}`)
  }
}

/** Throws `ScenarioError` when it is none. */
export function wholeNumber(line: ScenarioLine, text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) refuse(line, `expected a whole number, got ${quote(text)}`)
  return Number(text)
}
