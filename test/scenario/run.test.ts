/** Every scenario beside this file. `UPDATE_SCENARIOS=1` writes down what the core does now, to be reviewed as a diff. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runScenario } from './run-scenario.ts'

const folder = new URL('./', import.meta.url)
const isUpdating = process.env['UPDATE_SCENARIOS'] === '1'
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'))

test.each(files)('scenario %s', (file) => {
  const url = new URL(file, folder)
  const text = readFileSync(url, 'utf8')
  const played = runScenario(file, text)
  if (isUpdating && played !== text) writeFileSync(url, played)
  else expect(played).toBe(text)
})

/** The first line of every scenario but those that are about it. */
const WHY = '# Why.\n'

test.each([
  ['at 0 store-opened', 'x.txt:1: expected "# " and the incident in words, got "at 0 store-opened"'],
  [`${WHY}at`, 'x.txt:2: expected a moment in seconds, got nothing'],
  [`${WHY}at -1 store-opened`, 'x.txt:2: expected a moment in seconds, got "-1"'],
  [`${WHY}at 1`, 'x.txt:2: expected an event after "at 1", got nothing'],
  [`${WHY}until 1 store-opened`, 'x.txt:2: expected nothing after "until 1", got "store-opened"'],
  [`${WHY}at 2 network-online\nat 1 network-online`, 'x.txt:3: expected a moment from 2 on, got 1'],
  [
    `${WHY}at 1 tea`,
    /^x\.txt:2: expected one of store-opened, headers-loaded, .*, stop-requested, .*, wants-requested, .*, wall-clock-ahead, got "tea"$/,
  ],
  [
    `${WHY}\nfriends alice`,
    'x.txt:3: expected one of peers, own, max-peers, checkpoints, headers, branches, blocks, at, got "friends"',
  ],
  [`${WHY}at 1 network-online\npeers alice`, 'x.txt:3: expected one of at, until, asleep-until, got "peers"'],
  [`${WHY}headers a = genesis`, 'x.txt:2: expected headers NAME = PARENT + COUNT, got "headers a = genesis"'],
  [`${WHY}headers a = z9 + 1`, 'x.txt:2: expected the name of a header, got "z9"'],
  [`${WHY}headers a = genesis + 1 work=x`, 'x.txt:2: expected a whole number, got "x"'],
  [`${WHY}at 1 connection-opened c1`, 'x.txt:2: expected a peer, got nothing'],
  [`${WHY}at 1 connection-opened c1 alice sideways`, 'x.txt:2: expected one of inbound, outbound, got "sideways"'],
  [`${WHY}at 1 connection-closed c1 now`, 'x.txt:2: expected the end of the line, got "now"'],
  [`${WHY}at 1 connection-closed c1 why=so`, 'x.txt:2: expected the end of the line, got "why=so"'],
  [
    `${WHY}at 1 handshake-answered c1`,
    'x.txt:2: expected request=N where no "handshake c1" was asked for, got nothing',
  ],
  [`${WHY}at 1 message c1 hello`, /^x\.txt:2: expected one of announce, .*, got "hello"$/],
  [
    `${WHY}headers a = genesis + 3\nat 1 message c1 announce a1-3`,
    'x.txt:3: expected the name of a header, got "a1-3"',
  ],
  [`${WHY}at 1 message c1 announce a*`, 'x.txt:2: expected * in the name of a branch, got "a*"'],
  [`${WHY}  dial 1 alice`, 'x.txt:2: expected a step before what comes of it, got "dial 1 alice"'],
])('%j is refused in one line with file and line number', (text, message) => {
  const refusal = refusalOf(text)
  expect(refusal).not.toContain('\n')
  if (typeof message === 'string') expect(refusal).toBe(message)
  else expect(refusal).toMatch(message)
})

function refusalOf(text: string): string {
  try {
    runScenario('x.txt', text)
  } catch (error) {
    if (error instanceof Error) return error.message
  }
  throw new Error('expected a refusal, got none')
}

test('a step that breaks an invariant is named by file, line and number of the invariant', () => {
  // The host promises that a connection opens once: the checker sees a second one, the core does not.
  const opened = 'at 1 connection-opened c1 alice outbound\nat 2 connection-opened c1 bob inbound'
  const text = `${WHY}at 0 store-opened\n${opened}\nat 3 handshake-answered c1`
  const [what, where, ...steps] = refusalOf(text).split('\n')
  expect(what).toBe('x.txt:5: L4: alice is ready without an open, handshaken, direct connection')
  expect(where).toBe('seed 1, step 4; the last steps:')
  expect(steps.filter((line) => line.startsWith('#')).length).toBe(4)
})

test('what comes of a step is written under it, and what nothing comes of says so', () => {
  const text = `${WHY}at 0 store-opened\n  stale\nat 1 connection-closed c9\n`
  expect(runScenario('x.txt', text)).toBe(
    [
      '# Why.',
      'at 0 store-opened',
      '  persist 1 truncate-to=0 genesis',
      '  head-changed genesis genesis confirmed-by=0',
      '  status-changed offline: no peers: nobody to connect to is known',
      'at 1 connection-closed c9',
      '  nothing',
      '',
    ].join('\n'),
  )
})
