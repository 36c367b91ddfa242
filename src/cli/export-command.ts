import { existsSync } from 'node:fs'
import type { HeaderStore } from '../nodejs.ts'
import { CHAIN_DEFAULT, parseChain, parseDirectory } from './chain-option.ts'
import type { Call, Command } from './command.ts'
import { CommandError, type ExitCode } from './command-error.ts'
import { HEADERS_PER_CHUNK } from './header-file.ts'
import { openStore } from './open-store.ts'
import { createProgress } from './progress-line.ts'
import { writeOut } from './write-file.ts'

export const exportCommand: Command = {
  name: 'export',
  summary: 'writes the stored chain to a file of headers',
  help: `rushlight export: writes the stored chain to a file of headers

Usage
  rushlight export FILE [--chain CHAIN] [--data DIR]

  Writes the best chain's 80-byte headers from genesis on, one after another. FILE is replaced in one step when
  all is written; "-" is standard output.

Flags
  --chain CHAIN  bitcoin:mainnet (the default), bitcoin:testnet3, bitcoin:testnet4, bitcoin:signet, bitcoin:regtest
  --data DIR     data folder; default $XDG_DATA_HOME/rushlight/<chain>, else ~/.local/share/rushlight/<chain>
  --help         this text

Example
  rushlight export mainnet-headers.bin`,
  flags: { chain: { type: 'string' }, data: { type: 'string' } },
  positionals: ['FILE'],
  run: runExport,
}

async function runExport({ flags, positionals, terminal }: Call): Promise<ExitCode> {
  const chain = parseChain(flags.text('chain') ?? CHAIN_DEFAULT)
  const directory = parseDirectory(flags, chain)
  const [path = ''] = positionals
  const nothing = new CommandError(1, `expected stored headers of ${chain.id} in ${directory}, found none`)
  // Opening a store would make the folder.
  if (!existsSync(directory)) throw nothing
  const { store, opened } = await openStore(chain, directory)
  try {
    if (opened.headerCount === 0) throw nothing
    const progress = createProgress({
      verb: 'exporting',
      total: opened.headerCount,
      show: (line) => terminal.progress(line),
      nowMs: () => performance.now(),
    })
    const chunks = readStore(store, opened.headerCount, (count) => progress.advance(count))
    await writeOut(path, chunks)
    progress.finish()
    const summary = `exported ${opened.headerCount} headers of ${chain.id}`
    if (path === '-') terminal.log(summary)
    else terminal.result(`${summary} to ${path}`)
    return 0
  } finally {
    await store.close()
  }
}

async function* readStore(
  store: HeaderStore,
  headerCount: number,
  onProgress: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for (let fromHeight = 0; fromHeight < headerCount; fromHeight += HEADERS_PER_CHUNK) {
    const count = Math.min(HEADERS_PER_CHUNK, headerCount - fromHeight)
    yield await store.read({ fromHeight, count })
    onProgress(count)
  }
}
