/** The blocks of a scenario: named in its head, `blocks a b c` or `blocks big size=3000000`, and told by name ever after. */
import type { Effect } from '../../src/core/effect.ts'
import type { Cid } from '../../src/core/ids.ts'
import type { ToyBlock } from '../simulation/toy-content.ts'
import { toyBlock } from '../simulation/toy-content.ts'
import type { ScenarioLine } from './scenario-file.ts'
import { quote, refuse } from './scenario-file.ts'
import { ScenarioWords } from './scenario-words.ts'

/** Above what answers a want-have by the block itself. */
const SIZE_BYTES = 2_000

type Read = Extract<Effect, { type: 'find-blocks' | 'load-blocks' }>

export class ScenarioBlocks {
  private readonly byName = new Map<string, ToyBlock>()
  private readonly names = new Map<Cid, string>()
  private readonly reads = new Map<number, Read>()

  /** Without one nothing is exchanged. */
  get isEmpty(): boolean {
    return this.byName.size === 0
  }

  declare(line: ScenarioLine): void {
    const words = new ScenarioWords(line, line.words.slice(1))
    const sizeBytes = words.keyNumber('size') ?? SIZE_BYTES
    for (let name = words.next('the name of a block'); ; name = words.next('')) {
      // Of the same hash function, so that they can go together.
      const block = toyBlock(2 * (this.byName.size + 1), sizeBytes)
      this.byName.set(name, block)
      this.names.set(block.cid, name)
      if (words.isEmpty) return words.end()
    }
  }

  named(line: ScenarioLine, name: string): ToyBlock {
    return this.byName.get(name) ?? refuse(line, `expected the name of a block, got ${quote(name)}`)
  }

  /** `a,b`, or nothing of the sort. */
  list(line: ScenarioLine, text: string | undefined): readonly ToyBlock[] {
    return text === undefined ? [] : text.split(',').map((name) => this.named(line, name))
  }

  nameOf(cid: Cid): string {
    return this.names.get(cid) ?? cid
  }

  namesOf(cids: readonly Cid[]): string {
    return cids.map((cid) => this.nameOf(cid)).join(',')
  }

  note(effect: Effect): void {
    if (effect.type === 'find-blocks' || effect.type === 'load-blocks') this.reads.set(effect.load, effect)
  }

  /** What that read asked for, in order. */
  askedBy(words: ScenarioWords, load: number): readonly ToyBlock[] {
    const read = this.reads.get(load) ?? refuse(words.line, `expected the number of a read, got ${load}`)
    return read.cids.map((cid) => this.named(words.line, this.nameOf(cid)))
  }
}
