import { expect, test } from 'vitest'
import { parseCall, parseSeconds, parseWhole, type Command } from './command.ts'

const COMMAND: Command = {
  name: 'try',
  summary: '',
  help: '',
  flags: { chain: { type: 'string' }, peer: { type: 'string', multiple: true }, json: { type: 'boolean' } },
  positionals: ['FILE'],
  run: () => Promise.resolve(0),
}

test('flags and arguments in any order', () => {
  const { flags, positionals } = parseCall(COMMAND, ['--peer', 'a', 'file', '--json', '--peer=b'])
  expect(positionals).toEqual(['file'])
  expect(flags.texts('peer')).toEqual(['a', 'b'])
  expect(flags.text('chain')).toBeUndefined()
  expect(flags.isSet('json')).toBe(true)
})

test('a last argument that may be repeated is needed once', () => {
  const command: Command = { ...COMMAND, positionals: ['FILE…'] }
  expect(parseCall(command, ['one', '--json', 'two', 'three']).positionals).toEqual(['one', 'two', 'three'])
  expect(() => parseCall(command, [])).toThrow('expected FILE (')
})

test('help needs no argument', () => {
  expect(parseCall(COMMAND, ['--help']).flags.isSet('help')).toBe(true)
})

test.each([
  [['file', '--nonsense'], "unknown flag '--nonsense' (rushlight try --help shows what it takes)"],
  [['file', '--chain'], '--chain needs a value'],
  [['file', '--chain', '--json'], '--chain needs a value'],
  [['file', '--json=yes'], "flag '--json' does not take an argument"],
  [[], 'expected FILE'],
  [['file', 'other'], 'unexpected argument "other"'],
])('%j is refused in one line', (args, message) => {
  const attempt = (): unknown => parseCall(COMMAND, args)
  expect(attempt).toThrow(message)
  expect(attempt).toThrow(/^[^\n]*$/)
  expect(attempt).toThrow(expect.objectContaining({ exitCode: 2 }))
})

test('whole numbers at and beyond their bounds', () => {
  const parse = (text: string): number => parseWhole({ flag: 'port', text, min: 0, max: 65_535 })
  expect([parse('0'), parse('65535')]).toEqual([0, 65_535])
  for (const text of ['65536', '-1', '1.5', '', '0x10', '1e3', ' 1']) {
    expect(() => parse(text)).toThrow(`--port: expected a whole number from 0 to 65535, got ${JSON.stringify(text)}`)
  }
})

test('seconds are above 0 and may have a fraction', () => {
  const parse = (text: string): number => parseSeconds({ flag: 'block-interval', text, max: 10 })
  expect([parse('0.05'), parse('10')]).toEqual([0.05, 10])
  for (const text of ['0', '10.1', '-1', '', 'Infinity', '.']) expect(() => parse(text)).toThrow('expected seconds')
})
