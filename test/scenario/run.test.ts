/** Every scenario beside this file. `UPDATE_SCENARIOS=1` writes down what the core does now, to be reviewed as a diff. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runScenario } from './run-scenario.ts'

const folder = new URL('./', import.meta.url)
const isUpdating = process.env['UPDATE_SCENARIOS'] === '1'
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'))

for (const file of files) {
  test(`scenario ${file.slice(0, -'.txt'.length)}`, () => {
    const url = new URL(file, folder)
    const text = readFileSync(url, 'utf8')
    const played = runScenario(file, text)
    if (isUpdating && played !== text) writeFileSync(url, played)
    else expect(played).toBe(text)
  })
}

test('there are scenarios', () => {
  expect(files.length).toBeGreaterThan(10)
})

test.each([
  ['at', 'x.txt:1: expected a moment in seconds, got nothing'],
  ['at 1', 'x.txt:1: expected an event after "at 1"'],
  ['at 1 tea', 'x.txt:1: expected one of store-opened'],
  ['at 2 network-online\nat 1 network-online', 'x.txt:2: expected a moment from 2 on, got 1'],
  ['\nfriends alice', 'x.txt:2: expected peers, own, max-peers, headers, branches or at, got "friends"'],
  ['headers a = genesis', 'x.txt:1: expected headers NAME = PARENT + COUNT'],
  ['headers a = z9 + 1', 'x.txt:1: expected the name of a header, got "z9"'],
  ['at 1 connection-opened c1 alice sideways', 'x.txt:1: expected one of inbound, outbound, got "sideways"'],
  ['at 1 persisted many', 'x.txt:1: expected a whole number, got "many"'],
  ['  dial 1 alice', 'x.txt:1: expected a step before what comes of it'],
])('a scenario with %j is refused in one line with file and line number', (text, message) => {
  expect(() => runScenario('x.txt', text)).toThrow(message)
})
