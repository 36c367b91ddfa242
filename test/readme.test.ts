/** The README is held to the code where the two can drift apart. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }

const ROOT = join(import.meta.dirname, '..')
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const api = readFileSync(join(ROOT, 'src/driver/api.ts'), 'utf8')

test("the README's error codes are LightNodeErrorCode", () => {
  const union = /type LightNodeErrorCode =((?:\s*\|\s*'[a-z-]+')+)/.exec(api)?.[1] ?? ''
  const codes = [...union.matchAll(/'([a-z-]+)'/g)].map((match) => match[1])
  expect(codes.length).toBeGreaterThan(5)
  expect(firstColumn('### Errors')).toEqual(codes)
})

test("the README's options are LightNodeOptions", () => {
  const body = /interface LightNodeOptions \{([\s\S]*?)\n\}/.exec(api)?.[1] ?? ''
  const options = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map((match) => match[1])
  expect(options.length).toBeGreaterThan(5)
  expect(firstColumn('### Options')).toEqual(options)
})

test('the scripts that the README names are there, and what it links to', () => {
  const named = [...readme.matchAll(/npm (?:run -s |run )?(start|test|rushlight|dev|build|check)\b/g)].map(
    (match) => match[1],
  )
  expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(named))
  const linked = [...readme.matchAll(/\]\(((?!https?:)[^)]+)\)/g)].map((match) => match[1] ?? '')
  expect(linked.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
})

/** The names in the first column of the first table below a heading. */
function firstColumn(heading: string): readonly string[] {
  const section = readme.slice(readme.indexOf(heading)).split('\n#')[0] ?? ''
  return [...section.matchAll(/^\| `([\w-]+)`/gm)].map((match) => match[1] ?? '')
}
