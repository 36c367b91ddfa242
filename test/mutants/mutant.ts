/** A bug put back on purpose: a patch to the source, and the tests that have to see it. */

export interface Edit {
  /** Path from the repository's root. */
  readonly file: string
  /** Stands in the file exactly once, so that a change of the source cannot leave the mutant behind unnoticed. */
  readonly search: string
  readonly replacement: string
}

export interface Mutant {
  readonly name: string
  /** Whose bug it was, or which rule it breaks. */
  readonly incident: string
  readonly edits: readonly Edit[]
  /** The narrowest test files expected to see it; where they do not, all suites are run. */
  readonly suites: readonly string[]
}

/** A patch that does not fit the source as it is. */
export class MutantError extends Error {
  override readonly name = 'MutantError'
}

/** The text with the bug in it. Throws `MutantError` where the searched text is not there exactly once. */
export function applyEdit(text: string, { file, search, replacement }: Edit): string {
  const pieces = text.split(search)
  const [before, after] = pieces
  if (before === undefined || after === undefined || pieces.length !== 2) {
    throw new MutantError(`expected exactly once in ${file}, found ${pieces.length - 1} times: ${firstLine(search)}`)
  }
  if (search === replacement) throw new MutantError(`a patch of ${file} that changes nothing: ${firstLine(search)}`)
  return before + replacement + after
}

/** Every file of the mutant with its bug in it; `read` gives a file's text. */
export function mutate(mutant: Mutant, read: (file: string) => string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const edit of mutant.edits) texts.set(edit.file, applyEdit(texts.get(edit.file) ?? read(edit.file), edit))
  return texts
}

function firstLine(text: string): string {
  return JSON.stringify(text.trim().split('\n', 1)[0])
}
