import { existsSync } from 'node:fs'
import { readFile, rm, stat } from 'node:fs/promises'
import { LightNodeError, type ImportedBlock, type LightNode } from '../nodejs.ts'
import { BLOCK_STORE_FLAGS, BLOCK_STORE_HELP, CHAIN_AND_DATA_HELP, parseBlockFlags } from './block-flags.ts'
import type { Call, Command } from './command.ts'
import { CommandError, oneLine, systemCode, type ExitCode } from './command-error.ts'
import { failedStep, withLightNode } from './light-node-call.ts'
import { formatCount, formatNumber } from './progress-line.ts'

/** BIP 141: 4,000,000 weight units, and a byte weighs one at least. */
const BLOCK_BYTES_MAX = 4_000_000

export const importBlockCommand: Command = {
  name: 'import-block',
  summary: 'checks whole blocks and keeps them for peers that ask',
  help: `rushlight import-block: checks whole blocks and keeps them for peers that ask

Usage
  rushlight import-block FILE… [--chain CHAIN] [--data DIR] [--json]

  Each FILE holds one block as it goes over Bitcoin's network and nothing else (what bitcoin-cli getblock ROOT 0 prints,
  as bytes). Its header's proof of work is checked, and its transactions and witnesses against what the header commits
  to. The first bad file ends the command and leaves nothing in the data folder; the files before it stay. An imported
  block is never evicted.

Flags
${CHAIN_AND_DATA_HELP}
${BLOCK_STORE_HELP}
  --json             the result as one JSON object
  --help             this text

Example
  rushlight import-block block-831328.bin`,
  flags: BLOCK_STORE_FLAGS,
  positionals: ['FILE…'],
  run: runImportBlock,
}

async function runImportBlock({ flags, positionals, terminal }: Call): Promise<ExitCode> {
  const blockFlags = parseBlockFlags(flags)
  const { chain, directory } = blockFlags
  const isJson = flags.isSet('json')
  // Before anything is opened: what cannot be read is no block, and a name is easily mistyped.
  for (const path of positionals) await assertBlockFile(path)
  const isNewFolder = !existsSync(directory)
  const blocks: (ImportedBlock & { readonly file: string })[] = []
  const answer = (error?: object): void => {
    const rows = blocks.map(({ height, ...block }) => ({ ...block, height: height ?? null }))
    terminal.result(JSON.stringify({ chain: chain.id, blocks: rows, ...(error === undefined ? {} : { error }) }))
  }
  try {
    await withLightNode({
      flags: blockFlags,
      folder: 'make',
      terminal,
      async work({ lightNode }) {
        for (const [index, file] of positionals.entries()) {
          terminal.progress(`importing block ${index + 1} of ${positionals.length}`)
          const block = await importFile(lightNode, file)
          blocks.push({ file, ...block })
          if (!isJson) terminal.result(toLine(block))
        }
      },
    })
  } catch (error) {
    const isBadBlock = error instanceof CommandError && error.exitCode === 1
    if (isBadBlock && isJson) {
      answer({ file: positionals[blocks.length], step: failedStep(error) ?? null, message: oneLine(error) })
    }
    // Bad data leaves nothing behind, not even the folder that was made to take it.
    if (isBadBlock && isNewFolder && blocks.length === 0) await rm(directory, { recursive: true, force: true })
    throw error
  }
  if (isJson) answer()
  return 0
}

async function assertBlockFile(path: string): Promise<void> {
  const expected = `${path}: expected a file of one block`
  const found = await stat(path).catch((error: unknown) => {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new CommandError(2, `${expected}, found no such file`)
    throw new CommandError(2, `${path} cannot be read: ${oneLine(error)}`)
  })
  if (found.isDirectory()) throw new CommandError(2, `${expected}, got a directory`)
  if (found.size > BLOCK_BYTES_MAX) {
    throw new CommandError(1, `${expected}, at most ${BLOCK_BYTES_MAX} bytes, got ${found.size}`)
  }
}

async function importFile(lightNode: LightNode, path: string): Promise<ImportedBlock> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new CommandError(2, `${path} cannot be read: ${oneLine(error)}`)
  })
  try {
    return await lightNode.importBlock(new Uint8Array(bytes))
  } catch (error) {
    if (!(error instanceof LightNodeError) || error.code !== 'invalid-block') throw error
    throw new CommandError(1, `${path}: no valid block, ${oneLine(error)}`, { cause: error })
  }
}

function toLine({ root, height, isOnBestChain, transactionCount, sizeBytes }: ImportedBlock): string {
  const place =
    height === undefined
      ? 'height unknown as its header is not stored'
      : `height ${height}${isOnBestChain ? '' : ' on a side branch'}`
  return `imported block ${root}, ${place}, ${formatNumber(transactionCount, 'transaction')}, ${formatCount(sizeBytes)} bytes`
}
