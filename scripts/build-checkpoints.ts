/**
 * `node scripts/build-checkpoints.ts`: makes src/chain/bitcoin/checkpoints/NETWORK.ts from Electrum's checkpoint files in
 * the data folder (`RUSHLIGHT_DATA`, else `../shared/data`). A tool for developers; its results are in the repository.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ROOT_SIZE_BYTES, rootToBytes } from '../src/chain/bitcoin/header.ts'
import { NETWORKS, RETARGET_PERIOD_HEADERS } from '../src/chain/bitcoin/networks.ts'
import { bitsOfTarget, targetOfBits, workOfTarget } from '../src/chain/bitcoin/target.ts'
import { toRoot } from '../src/core/ids.ts'

/** Test networks have many headers and little to protect. */
const TEST_NETWORK_STEP_PERIODS = 32

const TABLES = [
  { network: 'mainnet', source: 'electrum-mainnet.json', stepPeriods: 1 },
  { network: 'testnet3', source: 'electrum-testnet.json', stepPeriods: TEST_NETWORK_STEP_PERIODS },
  { network: 'testnet4', source: 'electrum-testnet4.json', stepPeriods: TEST_NETWORK_STEP_PERIODS },
  { network: 'signet', source: 'electrum-signet.json', stepPeriods: TEST_NETWORK_STEP_PERIODS },
] as const

const data = resolve(process.env['RUSHLIGHT_DATA'] ?? join(import.meta.dirname, '../../shared/data'))
const target = join(import.meta.dirname, '../src/chain/bitcoin/checkpoints')

mkdirSync(target, { recursive: true })
for (const { network, source, stepPeriods } of TABLES) {
  const text = readFileSync(join(data, 'bitcoin/checkpoints', source), 'utf8')
  // Record k: the root of the last header of period k, and the target of the next.
  const periods = JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? BigInt(context?.source ?? '0') : value,
  ) as readonly (readonly [root: string, target: bigint])[]
  const chosen = periods.filter((_, index) => (index + 1) % stepPeriods === 0 || index === periods.length - 1)
  const roots = chosen.map(([root]) => rootToBytes(toRoot(root)))
  // What the proof of work makes zero comes together, so that it compresses to nothing.
  const columns = Array.from({ length: ROOT_SIZE_BYTES }, (_, position) => roots.map((root) => root[position] ?? 0))
  const rootColumns = Buffer.from(columns.flat()).toString('base64')
  const lastHeight = periods.length * RETARGET_PERIOD_HEADERS - 1
  const lines = [
    '/**',
    ` * Roots of Bitcoin ${network} headers, from Electrum's checkpoints.json for that network (MIT licence), where record k is`,
    ' * the last header of retarget period k. Made by scripts/build-checkpoints.ts.',
    ' */',
    "import type { CheckpointTable } from '../checkpoint-table.ts'",
    '',
    'export const CHECKPOINTS: CheckpointTable = {',
    `  stepHeaders: ${stepPeriods * RETARGET_PERIOD_HEADERS},`,
    `  lastHeight: ${lastHeight},`,
    `  rootColumns:\n    '${rootColumns}',`,
    ...startOf(periods),
    '}',
    '',
  ]
  writeFileSync(join(target, `${network}.ts`), lines.join('\n'))
  console.log(`${network}: ${chosen.length} roots to height ${lastHeight}`)
}

/** The work of all periods and what the next one asks for; test networks' targets are not in their files. */
function startOf(periods: readonly (readonly [root: string, target: bigint])[]): readonly string[] {
  const nextTarget = periods.at(-1)?.[1] ?? 0n
  if (nextTarget === 0n) return []
  const first = targetOfBits(NETWORKS.mainnet.limitBits) ?? 0n
  const targets = [first, ...periods.slice(0, -1).map(([, target]) => targetOfBits(bitsOfTarget(target)) ?? 0n)]
  const work = targets.reduce((sum, target) => sum + BigInt(RETARGET_PERIOD_HEADERS) * workOfTarget(target), 0n)
  return [`  start: { work: '${work.toString(16)}', nextBits: 0x${bitsOfTarget(nextTarget).toString(16)} },`]
}
