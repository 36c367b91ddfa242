import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { CHAIN_DEFAULT, parseChain, parseDirectory } from './chain-option.ts'
import type { Call, Command } from './command.ts'
import { CommandError, type ExitCode } from './command-error.ts'
import { openHeaderFile } from './header-file.ts'
import { importHeaders, type ImportOutcome } from './import-headers.ts'
import { logTo } from './log-line.ts'
import { openStore } from './open-store.ts'
import { createProgress } from './progress-line.ts'
import { workHex } from './status-json.ts'

export const importCommand: Command = {
  name: 'import',
  summary: 'verifies a file of headers and adds it to the stored chain',
  help: `rushlight import: verifies a file of headers and adds it to the stored chain

Usage
  rushlight import FILE [--chain CHAIN] [--data DIR] [--json]

  FILE holds 80-byte headers, one after another, from genesis or from a header that follows a stored one.
  Nothing is stored unless every header of it is good. Headers that are stored already are skipped; a file
  that leaves the stored chain takes its place when it has more work.

Flags
  --chain CHAIN  bitcoin:mainnet (the default), bitcoin:testnet3, bitcoin:testnet4, bitcoin:signet, bitcoin:regtest
  --data DIR     data folder; default $XDG_DATA_HOME/rushlight/<chain>, else ~/.local/share/rushlight/<chain>
  --json         the result as one JSON object
  --help         this text

Example
  rushlight import mainnet-headers.bin`,
  flags: { chain: { type: 'string' }, data: { type: 'string' }, json: { type: 'boolean' } },
  positionals: ['FILE'],
  run: runImport,
}

async function runImport({ flags, positionals, terminal }: Call): Promise<ExitCode> {
  const chain = parseChain(flags.text('chain') ?? CHAIN_DEFAULT)
  const directory = parseDirectory(flags, chain)
  const [path = ''] = positionals
  const file = await openHeaderFile(path, chain.headerSizeBytes)
  const isNewFolder = !existsSync(directory)
  try {
    const { store, opened } = await openStore(chain, directory)
    try {
      const log = logTo(terminal)
      for (const warning of opened.warnings) log('warning', { code: 'store-tail-dropped', detail: warning })
      const progress = createProgress({
        verb: 'importing',
        total: file.headerCount,
        show: (line) => terminal.progress(line),
        nowMs: () => performance.now(),
      })
      const outcome = await importHeaders({
        chain,
        store,
        storedCount: opened.headerCount,
        path,
        chunks: file.chunks(),
        nowUnixMs: Date.now(),
        onProgress: (count) => progress.advance(count),
      })
      const { perSecond } = progress.finish()
      terminal.result(flags.isSet('json') ? toJson(chain.id, outcome, perSecond) : toLine(outcome, perSecond))
      return 0
    } finally {
      await store.close()
    }
  } catch (error) {
    // Bad data leaves nothing behind, not even the folder that was made to take it.
    if (isNewFolder && error instanceof CommandError && error.exitCode === 1)
      await rm(directory, { recursive: true, force: true })
    throw error
  } finally {
    await file.close()
  }
}

function toLine(outcome: ImportOutcome, perSecond: number): string {
  const { imported, skipped, reverted, keptStored, head } = outcome
  const notes = [
    ...(keptStored ? ['kept the stored chain, which has more work'] : []),
    ...(reverted > 0 ? [`${reverted} stored headers gave way to a chain with more work`] : []),
    ...(skipped > 0 && !keptStored ? [`skipped ${skipped} that were stored already`] : []),
  ]
  return [`imported ${imported} headers`, ...notes, `head ${head.height} ${head.root}`, `${perSecond} headers/s`].join(
    ', ',
  )
}

function toJson(chain: string, outcome: ImportOutcome, headersPerSecond: number): string {
  const { imported, skipped, reverted, keptStored, head } = outcome
  const { height, root, time, work } = head
  return JSON.stringify({
    chain,
    imported,
    skipped,
    reverted,
    keptStored,
    headerCount: height + 1,
    head: { height, root, time, work: workHex(work) },
    headersPerSecond,
  })
}
