import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { applyEdit, mutate } from './mutant.ts'
import { MUTANTS } from './mutants.ts'

const root: string = join(import.meta.dirname, '../..')

test.each(MUTANTS)('the patch of $name fits the source as it is', (mutant) => {
  const texts = mutate(mutant, (file) => readFileSync(join(root, file), 'utf8'))
  expect(texts.size).toBeGreaterThan(0)
})

test('every mutant has a name of its own, and none is lost', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(36)
})

test('edits of one file add up', () => {
  const edits = [
    { file: 'a.ts', search: 'one', replacement: 'two' },
    { file: 'a.ts', search: 'two three', replacement: 'four' },
  ]
  const texts = mutate({ name: 'sum', incident: '', edits, suites: [] }, () => 'one three')
  expect([...texts]).toEqual([['a.ts', 'four']])
})

test.each([
  ['one', 'three', 'expected exactly once in a.ts, found 0 times: "three"'],
  ['one two one', 'one', 'expected exactly once in a.ts, found 2 times: "one"'],
  ['one', 'one', 'a patch of a.ts that changes nothing: "one"'],
])('in %j a patch of %j is refused', (text, search, message) => {
  expect(() => applyEdit(text, { file: 'a.ts', search, replacement: 'one' })).toThrow(message)
})
