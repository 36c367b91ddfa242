/** Which rows answer a request for roots with their ancestors. See `Ancestors` in src/core/message.ts. */
import type { Root } from '../../core/ids.ts'

export interface AncestorsQuery {
  readonly roots: readonly Root[]
  /** Headers that the asker has: a walk stops before them. */
  readonly known: readonly Root[]
  readonly countMax: number
  /** -1 for a root that is not in the tree. */
  readonly rowOf: (root: Root) => number
  /** -1 for the first row above a gap. */
  readonly parent: (row: number) => number
  /** Height of a row on the best chain; `undefined` off it. */
  readonly bestHeight: (row: number) => number | undefined
}

/**
 * `rows` in the order in which their headers are sent: run after run, oldest first. A run that does not fit is cut to the
 * part next to its root. Steps are bounded by `countMax` and the number of roots.
 */
export function findAncestors(query: AncestorsQuery): {
  readonly rows: readonly number[]
  readonly answered: readonly Root[]
  readonly unknown: readonly Root[]
} {
  const { rowOf, parent, bestHeight } = query
  const stops = new Set(query.known.map((root) => rowOf(root)))
  // Whoever has a header of our best chain has all below it, genesis at the least.
  const joinHeight = Math.max(0, ...Array.from(stops, (row) => (row === -1 ? 0 : (bestHeight(row) ?? 0))))
  const rows: number[] = []
  const answered: Root[] = []
  const unknown: Root[] = []
  for (const root of query.roots) {
    let row = rowOf(root)
    if (row === -1) {
      unknown.push(root)
      continue
    }
    const run: number[] = []
    while (
      row !== -1 &&
      !stops.has(row) &&
      (bestHeight(row) ?? Infinity) > joinHeight &&
      rows.length + run.length < query.countMax
    ) {
      run.push(row)
      // Sent once: a later run that meets this one stops before it.
      stops.add(row)
      row = parent(row)
    }
    const isLeftOut = run.length === 0 && !stops.has(row) && (bestHeight(row) ?? Infinity) > joinHeight
    if (isLeftOut) continue
    answered.push(root)
    rows.push(...run.reverse())
  }
  return { rows, answered, unknown }
}
