/** Synthetic regtest headers, and a gateway's folder that holds them: made once, and kept for the next run. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand, startGateway, type Gateway } from '../../e2e/gateway.ts'
import { makeHeadersInMemory } from '../make-headers.ts'
import { ROUNDS } from './rounds.ts'

/** Mainnet's height in 2026 is a little more. */
export const HEADER_COUNT = 930_000
export const CHAIN = 'bitcoin:regtest'
const KEPT = join(tmpdir(), 'rushlight-bench')
const POLL_MS = 100

/** `make` is given the path of a file or folder to make; whoever breaks it off leaves nothing behind. */
export async function madeOnce(name: string, make: (path: string) => Promise<void> | void): Promise<string> {
  const path = join(KEPT, name)
  if (existsSync(path)) return path
  mkdirSync(KEPT, { recursive: true })
  const unfinished = mkdtempSync(join(KEPT, 'making-'))
  try {
    await make(join(unfinished, 'made'))
    renameSync(join(unfinished, 'made'), path)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return path
}

/** Genesis first. */
export async function headersFile(): Promise<string> {
  return await madeOnce(`headers-${HEADER_COUNT}.bin`, (path) => writeFileSync(path, makeHeadersInMemory(HEADER_COUNT)))
}

/** Resolves to a copy in `folder` of a data folder that holds all headers. */
export async function copyOfData(folder: string): Promise<string> {
  const headers = await headersFile()
  const data = await madeOnce(`data-${HEADER_COUNT}`, (path) => {
    runCommand('import', headers, '--chain', CHAIN, '--data', path)
  })
  const copy = mkdtempSync(join(folder, 'data-'))
  cpSync(data, copy, { recursive: true })
  return copy
}

/** A gateway that serves all headers, and has verified them. Gone with everything in `folder` when `use` is done. */
export async function withGateway(use: (gateway: Gateway, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const gateway = await startGateway({ directory: await copyOfData(folder), chain: CHAIN })
    try {
      await untilVerified(gateway.url)
      await use(gateway, folder)
    } finally {
      await gateway.kill()
    }
  })
}

export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rushlight-bench-run-'))
  try {
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** What it serves while it verifies what it has stored is not what is measured. */
async function untilVerified(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/api/status`)
    const { head } = (await response.json()) as { readonly head: { readonly height: number; readonly trust: string } }
    if (head.height === HEADER_COUNT - 1 && head.trust !== 'stored') return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Each measure in turns, so that what else the machine does meets all of them. */
export async function inTurns(
  measures: Readonly<Record<string, () => Promise<number> | number>>,
): Promise<readonly Readonly<Record<string, number>>[]> {
  const rounds: Record<string, number>[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const values: Record<string, number> = {}
    for (const [name, measure] of Object.entries(measures)) values[name] = await measure()
    rounds.push(values)
  }
  return rounds
}
