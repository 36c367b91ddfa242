/** What a bench found, beside what it is held to. */
export interface Figure {
  readonly name: string
  /** Medians of the rounds, in the figure's own units. */
  readonly values: Readonly<Record<string, number>>
  /** What is held to the goal. */
  readonly result: number
  readonly unit: string
  readonly goal: { readonly atLeast: number } | { readonly atMost: number }
  readonly isMet: boolean
  /** Every round, in order. */
  readonly rounds: readonly Readonly<Record<string, number>>[]
}

export function figure(args: Omit<Figure, 'isMet'>): Figure {
  const { result, goal } = args
  return { ...args, isMet: 'atLeast' in goal ? result >= goal.atLeast : result <= goal.atMost }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted[sorted.length >>> 1]
  if (middle === undefined) throw new Error('expected values, got none')
  return middle
}

export function medians(rounds: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = Object.keys(rounds[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name] ?? Number.NaN))]))
}

/** One line for people. */
export function describe({ name, values, result, unit, goal, isMet }: Figure): string {
  const bound = 'atLeast' in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`
  const parts = Object.entries(values).map(([of, value]) => `${of} ${short(value)}`)
  return `${isMet ? 'met   ' : 'MISSED'} ${name.padEnd(44)} ${short(result)} ${unit} (goal ${bound}); ${parts.join(', ')}`
}

function short(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
