import { decodeHeader, type BlockRecord, type TransactionSummary } from '../nodejs.ts'
import { FETCH_FLAGS, FETCH_HELP, parseBlockFlags } from './block-flags.ts'
import type { Call, Command } from './command.ts'
import { CommandError, type ExitCode } from './command-error.ts'
import { fetchContent, withLightNode } from './light-node-call.ts'
import { formatCount } from './progress-line.ts'
import { alignColumns } from './table.ts'
import { writeOut } from './write-file.ts'

const HEADER_SIZE_BYTES = 80
const SATOSHI_PER_COIN = 100_000_000n

export const blockCommand: Command = {
  name: 'block',
  summary: 'shows a block, or writes it to a file, from the data folder or from peers',
  help: `rushlight block: shows a block, or writes it to a file, from the data folder or from peers

Usage
  rushlight block ROOT|HEIGHT [--out FILE] [--peer ADDRESS]… [--json]

  Prints root, height, time, size and the transactions. Every transaction is checked against the header. A block may be
  asked for by root whose header is not stored; by height its header must be, or come from the peers.

Flags
  --out FILE         writes the block's bytes, in one step, over FILE if it is there; "-" is standard output
${FETCH_HELP}
  --json             the result as one JSON object, values in satoshi
  --help             this text

Example
  rushlight block 363703 --peer https://gateway.example --out block.bin`,
  flags: FETCH_FLAGS,
  positionals: ['ROOT|HEIGHT'],
  run: runBlock,
}

async function runBlock({ flags, positionals, terminal }: Call): Promise<ExitCode> {
  const blockFlags = parseBlockFlags(flags)
  const place = parseBlockPlace(positionals[0] ?? '')
  const block = await withLightNode({
    flags: blockFlags,
    folder: 'if-there',
    terminal,
    work: (call) => fetchContent(call, place, (signal) => call.lightNode.getBlock(place, { signal })),
  })
  const out = flags.text('out')
  if (out !== undefined) await writeOut(out, [block.bytes])
  if (flags.isSet('json')) {
    const line = blockJson(blockFlags.chain.id, block)
    if (out === '-') terminal.log(line)
    else terminal.result(line)
  } else if (out === '-') terminal.log(writtenLine(block, 'standard output'))
  else if (out !== undefined) terminal.result(writtenLine(block, out))
  else for (const line of blockLines(block)) terminal.result(line)
  return 0
}

/** A height, or a root as lower-case hex. Throws `CommandError` 2. */
export function parseBlockPlace(text: string): string | number {
  if (/^[0-9a-f]{64}$/.test(text)) return text
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new CommandError(2, `expected a height or 64 lower-case hex digits for a block, got ${JSON.stringify(text)}`)
}

function writtenLine({ root, bytes }: BlockRecord, path: string): string {
  return `wrote block ${root}, ${formatCount(bytes.length)} bytes, to ${path}`
}

function blockLines(block: BlockRecord): readonly string[] {
  const { root, bytes, transactions } = block
  const { time } = decodeHeader(bytes.subarray(0, HEADER_SIZE_BYTES))
  const rows = [
    ['root', root],
    ['height', placeWords(block)],
    ['time', new Date(time * 1_000).toISOString()],
    ['size', `${formatCount(bytes.length)} bytes`],
    ['transactions', formatCount(transactions.length)],
  ]
  const table = transactions.map(({ index, txid, sizeBytes, outputs }) => [
    String(index),
    txid,
    `${formatCount(sizeBytes)} bytes`,
    `${formatCoins(outputs.reduce((sum, { value }) => sum + value, 0n))} BTC`,
  ])
  return [
    ...rows.map(([name = '', value = '']) => `${name.padEnd(13)} ${value}`),
    ...alignColumns([['', 'transaction', 'size', 'outputs'], ...table]),
  ]
}

/** Where a block stands in the headers that were verified here. */
export function placeWords(place: { readonly height: number | undefined; readonly isOnBestChain: boolean }): string {
  if (place.height === undefined) return 'unknown: its header is not among the verified ones here'
  return `${place.height}, ${place.isOnBestChain ? 'on the verified best chain' : 'on a side branch'}`
}

function blockJson(chain: string, block: BlockRecord): string {
  const { root, height, isOnBestChain, bytes, transactions } = block
  const { time } = decodeHeader(bytes.subarray(0, HEADER_SIZE_BYTES))
  const place = { root, height: height ?? null, isOnBestChain }
  return JSON.stringify({
    chain,
    ...place,
    time,
    sizeBytes: bytes.length,
    transactions: transactions.map(transactionJson),
  })
}

/** Values in satoshi, which JSON's numbers can hold. */
export function transactionJson({ index, txid, wtxid, sizeBytes, outputs }: TransactionSummary): object {
  return {
    index,
    txid,
    wtxid,
    sizeBytes,
    outputs: outputs.map(({ value, script }) => ({ value: Number(value), script })),
  }
}

/** `0.00012345`: satoshi as coins, all eight digits. */
export function formatCoins(satoshi: bigint): string {
  return `${satoshi / SATOSHI_PER_COIN}.${String(satoshi % SATOSHI_PER_COIN).padStart(8, '0')}`
}
