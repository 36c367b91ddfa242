import { expect, test } from 'vitest'
import { createTerminal, type Terminal } from './terminal.ts'

interface Written {
  stdout: string
  stderr: string
}

function open(isTTY: boolean, environment: Record<string, string> = {}): { terminal: Terminal; written: Written } {
  const written: Written = { stdout: '', stderr: '' }
  const terminal = createTerminal({
    stdout: { isTTY, write: (text) => (written.stdout += text) },
    stderr: { isTTY, columns: 20, write: (text) => (written.stderr += text) },
    environment,
  })
  return { terminal, written }
}

test('results go to stdout, logs to stderr, and progress nowhere but to a terminal', () => {
  const { terminal, written } = open(false)
  terminal.progress('half')
  terminal.log('event')
  terminal.result('42')
  expect(written).toEqual({ stdout: '42\n', stderr: 'event\n' })
})

test('a progress line is redrawn in place, cut to the width, and makes way for other lines', () => {
  const { terminal, written } = open(true)
  terminal.progress('one')
  terminal.progress('one')
  terminal.log('event')
  terminal.progress('0123456789012345678901234567890')
  terminal.progress(undefined)
  expect(written.stderr).toBe('one\r\x1b[Kevent\none\r\x1b[K0123456789012345678\r\x1b[K')
})

test('colour needs a terminal that can, and nobody who declines', () => {
  expect(open(true).terminal.hasColour).toBe(true)
  expect(open(false).terminal.hasColour).toBe(false)
  expect(open(true, { NO_COLOR: '1' }).terminal.hasColour).toBe(false)
  expect(open(true, { NO_COLOR: '' }).terminal.hasColour).toBe(true)
  expect(open(true, { TERM: 'dumb' }).terminal.hasColour).toBe(false)
})
