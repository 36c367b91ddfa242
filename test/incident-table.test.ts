/** The table of incidents in ARCHITECTURE.md names scripts, tests, files and mutants: all of them are there. */
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MUTANTS } from './mutants/mutants.ts'

const text = readFileSync('ARCHITECTURE.md', 'utf8')

function namesIn(line: string): readonly string[] {
  return [...line.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '')
}

test('every scenario and every test file that ARCHITECTURE.md names is there', () => {
  const names = text.split('\n').flatMap(namesIn)
  const scenarios = names.filter((name) => name.startsWith('scenario/'))
  const paths = names.filter((name) => /^(src|test)\/\S+\.(ts|txt)$/.test(name))
  const all = [...scenarios.map((name) => `test/${name}`), ...paths]
  expect(all.filter((pattern) => globSync(pattern).length === 0)).toEqual([])
})

test('every mutant that ARCHITECTURE.md names is there', () => {
  const known = MUTANTS.map(({ name }): string => name)
  const named = [...text.matchAll(/; mutants? ([^|]+) \|/g)].flatMap(([, names]) => namesIn(names ?? ''))
  expect(named.filter((name) => !known.includes(name))).toEqual([])
})
