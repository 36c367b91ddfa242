import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDataFolder } from '../nodejs.ts'
import { preparePracticeFolder, resetPracticeFolder } from './practice-folder.ts'

let base = ''
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'rushlight-practice-'))
})
afterEach(() => rmSync(base, { recursive: true, force: true }))

test('a folder that --dev made is emptied, and may be made again', async () => {
  const directory = join(base, 'a', 'b')
  await preparePracticeFolder(directory)
  writeFileSync(join(directory, 'headers'), 'x')
  await resetPracticeFolder(directory)
  expect(readdirSync(directory)).toEqual([])
  await preparePracticeFolder(directory)
  expect(readdirSync(directory)).toHaveLength(1)
})

test('a folder with anything else in it is never emptied, not even after a start with --dev', async () => {
  writeFileSync(join(base, 'thesis.txt'), 'x')
  await preparePracticeFolder(base)
  await expect(resetPracticeFolder(base)).rejects.toThrow('nothing was removed')
  expect(readdirSync(base)).toEqual(['thesis.txt'])
})

test('a folder that is not there, or empty, needs no reset', async () => {
  mkdirSync(join(base, 'empty'))
  await resetPracticeFolder(join(base, 'empty'))
  await resetPracticeFolder(join(base, 'missing'))
  expect(existsSync(join(base, 'missing'))).toBe(false)
})

test('a folder in use is not emptied', async () => {
  await preparePracticeFolder(base)
  writeFileSync(join(base, 'headers'), 'x')
  const folder = await openDataFolder({ directory: base })
  await expect(resetPracticeFolder(base)).rejects.toThrow('in use')
  await folder.close()
  expect(existsSync(join(base, 'headers'))).toBe(true)
})

test('a path that is no folder is refused in one line', async () => {
  writeFileSync(join(base, 'file'), 'x')
  await expect(preparePracticeFolder(join(base, 'file'))).rejects.toThrow(/^cannot use data folder [^\n]*$/)
})
