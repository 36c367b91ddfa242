/** Reads the list of seeds that failed once. */
export interface FailedSeed {
  readonly seed: number
  readonly nodes: number
  readonly minutes: number
  /** `headers`: the toy chain without block exchange. */
  readonly chain: 'toy' | 'headers' | 'regtest'
  readonly what: string
}

const LINE_PATTERN = /^(\d+) (\d+) (\d+) (toy|headers|regtest) {2}(.+)$/

/** Throws `SyntaxError` with file and line number at the first line that is none. */
export function parseFailedSeeds(text: string, file: string): readonly FailedSeed[] {
  const seeds: FailedSeed[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, seed, nodes, minutes, chain, what] = LINE_PATTERN.exec(line) ?? []
    if (seed === undefined || what === undefined || Number(seed) >= 2 ** 32)
      throw new SyntaxError(
        `${file}:${index + 1}: expected "SEED NODES MINUTES toy|headers|regtest  what", got ${JSON.stringify(line)}`,
      )
    seeds.push({
      seed: Number(seed),
      nodes: Number(nodes),
      minutes: Number(minutes),
      chain: chain === 'regtest' || chain === 'headers' ? chain : 'toy',
      what,
    })
  }
  return seeds
}
