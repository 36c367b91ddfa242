/** Names for the toy headers of a scenario: `a1` to `a300` instead of bytes and hashes. */
import type { Root } from '../../src/core/ids.ts'
import type { ToyChain } from '../simulation/toy-chain.ts'
import { createToyChain, TOY_GENESIS_TIME } from '../simulation/toy-chain.ts'
import { TOY_HEADER_SIZE_BYTES } from '../simulation/toy-header.ts'
import type { ScenarioLine } from './scenario-file.ts'
import { quote, refuse } from './scenario-file.ts'
import { ScenarioWords, wholeNumber } from './scenario-words.ts'

/** Wall clock of a scenario at its beginning. */
export const SCENARIO_UNIX_MS: number = (TOY_GENESIS_TIME + 30 * 24 * 3_600) * 1_000

export interface NamedHeader {
  readonly name: string
  readonly bytes: Uint8Array
  readonly root: Root
  readonly height: number
  readonly time: number
  readonly work: bigint
}

const NAME_GIVEN = /^[a-z]+$/
const NAME_PATTERN = /^([a-z]+(?:\d+-)?)(\d+)$/

export class ScenarioHeaders {
  readonly chain: ToyChain = createToyChain()
  private readonly byName = new Map<string, NamedHeader>()
  private readonly byRoot = new Map<Root, string>()
  private nonce = 1

  constructor() {
    const { bytes, root, height, time, work } = this.chain.registry.genesis
    this.define({ name: 'genesis', bytes, root, height, time, work: BigInt(work) })
  }

  /** `headers NAME = PARENT + COUNT [work=N] [ahead=SECONDS] [invalid]` */
  declare(line: ScenarioLine): void {
    const [, prefix = '', equals, parent, plus, count, ...options] = line.words
    if (!NAME_GIVEN.test(prefix) || equals !== '=' || plus !== '+') {
      refuse(line, `expected headers NAME = PARENT + COUNT, got ${quote(line.words.join(' '))}`)
    }
    this.grow({ prefix, parent: this.named(line, parent), count: wholeNumber(line, count), line, options })
  }

  /** `branches NAME = HOW-MANY of PARENT + COUNT`: NAME1-1, NAME1-2, …, NAME2-1, … */
  declareBranches(line: ScenarioLine): void {
    const [, name = '', equals, branchCount, of, parent, plus, count, ...options] = line.words
    if (!NAME_GIVEN.test(name) || equals !== '=' || of !== 'of' || plus !== '+') {
      refuse(line, `expected branches NAME = HOW-MANY of PARENT + COUNT, got ${quote(line.words.join(' '))}`)
    }
    const from = this.named(line, parent)
    for (let branch = 1; branch <= wholeNumber(line, branchCount); branch += 1) {
      this.grow({ prefix: `${name}${branch}-`, parent: from, count: wholeNumber(line, count), line, options })
    }
  }

  private grow(args: {
    readonly prefix: string
    readonly parent: NamedHeader
    readonly count: number
    readonly line: ScenarioLine
    readonly options: readonly string[]
  }): void {
    const words = new ScenarioWords(args.line, args.options)
    const work = words.keyNumber('work') ?? 1
    const aheadSeconds = words.keyNumber('ahead')
    const isInvalid = words.flag('invalid')
    words.end()
    const earliest = aheadSeconds === undefined ? 0 : SCENARIO_UNIX_MS / 1_000 + aheadSeconds
    let { parent } = args
    for (let index = 1; index <= args.count; index += 1) {
      const time = Math.max(parent.time + 1, earliest)
      const bytes = this.chain.mine({ parent: parent.root, time, work, nonce: (this.nonce += 1), isInvalid })
      parent = {
        name: `${args.prefix}${index}`,
        bytes,
        root: this.chain.registry.preview(bytes),
        height: parent.height + 1,
        time,
        work: parent.work + BigInt(work),
      }
      this.define(parent)
    }
  }

  private define(header: NamedHeader): void {
    this.byName.set(header.name, header)
    this.byRoot.set(header.root, header.name)
  }

  named(line: ScenarioLine, name: string | undefined): NamedHeader {
    return this.byName.get(name ?? '') ?? refuse(line, `expected the name of a header, got ${quote(name)}`)
  }

  /** `genesis,a1..a5,b2` or `none`, in that order; `g@-1..g@-2` is that range of every branch. */
  list(line: ScenarioLine, text: string): readonly NamedHeader[] {
    if (text === 'none') return []
    return text.split(',').flatMap((part) => {
      if (!part.includes('@')) return this.range(line, part)
      return this.perBranch(line, part, '@').flatMap((branch) => this.range(line, branch))
    })
  }

  private range(line: ScenarioLine, text: string): readonly NamedHeader[] {
    const [first, last, ...rest] = text.split('..')
    if (last === undefined) return [this.named(line, first)]
    const [, prefix, from] = NAME_PATTERN.exec(first ?? '') ?? []
    const [, lastPrefix, to] = NAME_PATTERN.exec(last) ?? []
    if (rest.length > 0 || prefix === undefined || prefix !== lastPrefix) {
      refuse(line, `expected a range of headers, as in a1..a5, got ${quote(text)}`)
    }
    const count = Math.max(0, Number(to) - Number(from) + 1)
    return Array.from({ length: count }, (_, index) => this.named(line, `${prefix}${Number(from) + index}`))
  }

  /** The text with 1, 2, … for the mark, as far as there are branches. */
  perBranch(line: ScenarioLine, text: string, mark: '*' | '@'): readonly string[] {
    const texts: string[] = []
    for (let branch = 1; ; branch += 1) {
      const next = text.replaceAll(mark, String(branch))
      if (!this.byName.has(next.split('..')[0] ?? '')) break
      texts.push(next)
    }
    if (texts.length === 0) refuse(line, `expected ${mark} in the name of a branch, got ${quote(text)}`)
    return texts
  }

  bytes(line: ScenarioLine, text: string): Uint8Array {
    const headers = this.list(line, text)
    const bytes = new Uint8Array(headers.length * TOY_HEADER_SIZE_BYTES)
    for (const [index, header] of headers.entries()) bytes.set(header.bytes, index * TOY_HEADER_SIZE_BYTES)
    return bytes
  }

  nameOf(root: Root): string {
    return this.byRoot.get(root) ?? root.slice(0, 8)
  }

  /** `a1..a5,b2`; consecutive ones as a range. */
  namesOf(roots: readonly Root[]): string {
    if (roots.length === 0) return 'none'
    const parts: { first: string; last: string; prefix: string | undefined; next: number }[] = []
    for (const root of roots) {
      const name = this.nameOf(root)
      const [, prefix, number] = NAME_PATTERN.exec(name) ?? []
      const current = parts.at(-1)
      if (
        current !== undefined &&
        prefix !== undefined &&
        current.prefix === prefix &&
        current.next === Number(number)
      ) {
        current.last = name
        current.next += 1
      } else parts.push({ first: name, last: name, prefix, next: Number(number) + 1 })
    }
    return parts.map(({ first, last }) => (first === last ? first : `${first}..${last}`)).join(',')
  }

  namesIn(headers: Uint8Array): string {
    const roots: Root[] = []
    for (let offset = 0; offset < headers.length; offset += TOY_HEADER_SIZE_BYTES) {
      roots.push(this.chain.registry.preview(headers.subarray(offset, offset + TOY_HEADER_SIZE_BYTES)))
    }
    return this.namesOf(roots)
  }
}
