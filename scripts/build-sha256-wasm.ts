/**
 * `node scripts/build-sha256-wasm.ts`: makes src/hash/header-hash-modules.ts from scripts/sha256-wasm. A tool for
 * developers; its result is in the repository, and a test holds the two together.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildHeaderHash } from './sha256-wasm/header-hash.ts'
import { FOUR_LANES, SCALAR } from './sha256-wasm/lanes.ts'

const target = join(import.meta.dirname, '../src/hash/header-hash-modules.ts')
const lines = [
  '/** WebAssembly modules in hex, which a server compresses better than base64. Made by scripts/build-sha256-wasm.ts. */',
  '',
  '/** One header at a time. */',
  `export const SCALAR_MODULE =\n  '${toHex(buildHeaderHash(SCALAR))}'`,
  '',
  '/** Four at a time: needs SIMD. */',
  `export const FOUR_LANES_MODULE =\n  '${toHex(buildHeaderHash(FOUR_LANES))}'`,
  '',
]
writeFileSync(target, lines.join('\n'))
console.log(`made ${target}`)

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
