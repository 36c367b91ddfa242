import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDataFolder } from './data-folder.nodejs.ts'
import { openLineFile, type LineFile } from './line-file.nodejs.ts'

interface Rig {
  readonly path: string
  readonly warnings: string[]
  readonly open: () => Promise<LineFile>
}

async function createRig(): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), 'rushlight-lines-'))
  const folder = await openDataFolder({ directory })
  onTestFinished(async () => {
    await folder.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const warnings: string[] = []
  const open = (): Promise<LineFile> =>
    openLineFile({
      folder,
      name: 'lines',
      isLine: (line) => /^[a-z]+$/.test(line),
      onWarning: (detail) => warnings.push(detail),
    })
  return { path: join(directory, 'lines'), warnings, open }
}

test('what was saved last is there at the next start, and a file that is missing is empty', async () => {
  const { open, path, warnings } = await createRig()
  const file = await open()
  expect(file.lines).toEqual([])
  for (const lines of [['one'], ['one', 'two'], ['two', 'three']]) file.save(lines)
  await file.close()
  expect(readFileSync(path, 'utf8')).toBe('two\nthree\n')
  expect((await open()).lines).toEqual(['two', 'three'])
  expect(warnings).toEqual([])
})

test('nothing new is not written', async () => {
  const { open, path } = await createRig()
  writeFileSync(path, 'one\n')
  const file = await open()
  rmSync(path)
  file.save(['one'])
  await file.close()
  expect(() => readFileSync(path)).toThrow('ENOENT')
})

test('damaged lines are left out and told, the others are used', async () => {
  const { open, path, warnings } = await createRig()
  writeFileSync(path, Buffer.concat([Buffer.from('one\n'), Buffer.of(0, 255, 10), Buffer.from('two\nTORN')]))
  expect((await open()).lines).toEqual(['one', 'two'])
  expect(warnings).toEqual([`${path}: 2 of 4 lines are damaged and left out`])
})

test('a file that is too large, or none, is an empty one and told', async () => {
  const { open, path, warnings } = await createRig()
  writeFileSync(path, 'a\n'.repeat(131_073))
  expect((await open()).lines).toEqual([])
  expect(warnings.pop()).toBe(`${path}: expected 262144 bytes at most, got 262146; nothing of it is used`)
  writeFileSync(path, 'a\n'.repeat(131_072))
  expect((await open()).lines.length).toBe(131_072)
  rmSync(path)
  mkdirSync(path)
  const file = await open()
  expect(file.lines).toEqual([])
  file.save(['one'])
  await file.close()
  expect(warnings).toEqual([
    expect.stringContaining(`cannot read ${path}: `),
    expect.stringContaining(`cannot write ${path}: `),
  ])
})
