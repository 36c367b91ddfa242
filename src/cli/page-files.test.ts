import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { readPageFile } from './page-files.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function makePage(): URL {
  const folder = mkdtempSync(join(tmpdir(), 'rushlight-page-'))
  folders.push(folder)
  mkdirSync(join(folder, 'web', 'assets'), { recursive: true })
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  writeFileSync(join(folder, 'web', 'index.html'), '<p>page')
  writeFileSync(join(folder, 'web', '.hidden.txt'), 'hidden')
  writeFileSync(join(folder, 'web', 'assets', 'index-AbC_1.js'), 'script')
  symlinkSync('index.html', join(folder, 'web', 'noextension'))
  return pathToFileURL(join(folder, 'web') + '/')
}

test('the page is never kept, what carries a hash for ever', async () => {
  const directory = makePage()
  const index = { body: Buffer.from('<p>page'), contentType: 'text/html; charset=utf-8', cacheControl: 'no-cache' }
  expect(await readPageFile(directory, '/')).toEqual(index)
  expect(await readPageFile(directory, '/index.html')).toEqual(index)
  expect(await readPageFile(directory, '/assets/index-AbC_1.js')).toEqual({
    body: Buffer.from('script'),
    contentType: 'text/javascript; charset=utf-8',
    cacheControl: 'public, max-age=31536000, immutable',
  })
})

test.each([
  '/../secret.txt',
  '/assets/../../secret.txt',
  '/..%2fsecret.txt',
  '/%2e%2e/secret.txt',
  '/..\\secret.txt',
  '//secret.txt',
  '/./index.html',
  '/.hidden.txt',
  '/noextension',
  '/assets',
  '/assets/',
  '/missing.js',
  '/index.html/',
  '/index.html\0.txt',
  '',
  'index.html',
])('%j is not there', async (path) => {
  expect(await readPageFile(makePage(), path)).toBeUndefined()
})

test('a page that is not built says how to build it', async () => {
  const file = await readPageFile(new URL('./nowhere/', makePage()), '/')
  expect(Buffer.from(file?.body ?? []).toString()).toContain('npm run build')
})
