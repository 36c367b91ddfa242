/** Packs what `npm publish` would send, from the build that is there. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** Returns the path of the tarball, written into `folder`. Throws when npm fails. */
export function pack(folder: string): string {
  mkdirSync(folder, { recursive: true })
  // `prepack` would build once more.
  const result = spawnSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    cwd: join(import.meta.dirname, '..'),
    encoding: 'utf8',
  })
  const name = result.stdout.trim().split('\n').at(-1) ?? ''
  if (result.status !== 0 || name === '') throw new Error(`npm pack failed: ${result.stderr}`)
  return join(folder, name)
}
