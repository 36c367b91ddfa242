/**
 * Makes the files that size-limit weighs (.size-limit.json) and runs it.
 * The library is what an app's bundler makes of the two lines every app has, all lazy chunks included. Of the
 * checkpoints, which load per network, mainnet's count: they are the largest, and a visit loads one network's.
 */
import { build } from 'esbuild'
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildIfNeeded } from './build-steps.ts'
import { runOrExit } from './run.ts'

const FOLDER = 'test-results/size'
const LIBRARY_USE = `
  export { createLightNode } from './dist/browser.js'
  export { bitcoin, loadCheckpoints } from './dist/bitcoin.js'
`
const OTHER_NETWORKS = /^(testnet3|testnet4|signet|regtest)-/
/** The checker of invariants: loaded with the option `debug` and never else, so it is weighed by itself; the page never asks for it. */
const DEBUGGING = /^debugging-/

buildIfNeeded()
rmSync(FOLDER, { recursive: true, force: true })

await build({
  stdin: { contents: LIBRARY_USE, resolveDir: process.cwd(), sourcefile: 'app.js' },
  outdir: join(FOLDER, 'library'),
  bundle: true,
  minify: true,
  splitting: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2024',
  chunkNames: '[name]-[hash]',
  logLevel: 'warning',
})
setAside('library', OTHER_NETWORKS, 'other-networks')
setAside('library', DEBUGGING, 'debugging')

runOrExit('size-limit', [])

/** esbuild and vite name a lazy chunk after the module it was made for. */
function setAside(part: string, files: RegExp, folder: string): void {
  mkdirSync(join(FOLDER, folder), { recursive: true })
  for (const name of readdirSync(join(FOLDER, part)).filter((file) => files.test(file))) {
    renameSync(join(FOLDER, part, name), join(FOLDER, folder, name))
  }
}
