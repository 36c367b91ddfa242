import { encodeTransactionProof, type TransactionPlace, type TransactionRecord } from '../nodejs.ts'
import { formatCoins, parseBlockPlace, placeWords } from './block-command.ts'
import { FETCH_FLAGS, FETCH_HELP, parseBlockFlags } from './block-flags.ts'
import type { Call, Command } from './command.ts'
import { CommandError, type ExitCode } from './command-error.ts'
import { fetchContent, withLightNode } from './light-node-call.ts'
import { formatCount, formatNumber } from './progress-line.ts'
import { writeOut } from './write-file.ts'

export const proofCommand: Command = {
  name: 'proof',
  summary: 'proves that a transaction is in a block',
  help: `rushlight proof: proves that a transaction is in a block

Usage
  rushlight proof ROOT|HEIGHT INDEX|TXID [--out FILE] [--peer ADDRESS]… [--json]

  Takes the transaction and the hashes that lead to its block's header, not the whole block. INDEX counts from 0. Whoever
  has the proof can check it with rushlight verify-proof, or verifyTransaction of the library, and needs nothing else.

Flags
  --out FILE         writes the proof's bytes, or with --json its JSON, in one step, over FILE if it is there; "-" is
                     standard output
${FETCH_HELP}
  --json             the proof as one JSON object
  --help             this text

Example
  rushlight proof 363703 1 --json > proof.json`,
  flags: FETCH_FLAGS,
  positionals: ['ROOT|HEIGHT', 'INDEX|TXID'],
  run: runProof,
}

async function runProof({ flags, positionals, terminal }: Call): Promise<ExitCode> {
  const blockFlags = parseBlockFlags(flags)
  const [blockText = '', transactionText = ''] = positionals
  const place = parseTransactionPlace(blockText, transactionText)
  const transaction = await withLightNode({
    flags: blockFlags,
    folder: 'if-there',
    terminal,
    work: (call) => fetchContent(call, place.block, (signal) => call.lightNode.getTransaction(place, { signal })),
  })
  const { proof } = transaction
  const out = flags.text('out')
  const json = JSON.stringify(proof)
  if (out !== undefined) {
    const bytes = flags.isSet('json') ? new TextEncoder().encode(`${json}\n`) : encodeTransactionProof(proof)
    await writeOut(out, [bytes])
    const line = `wrote the proof of ${transaction.txid}, ${formatCount(bytes.length)} bytes, to ${out}`
    if (out === '-') terminal.log(line)
    else terminal.result(line)
  } else if (flags.isSet('json')) terminal.result(json)
  else for (const line of transactionLines(transaction)) terminal.result(line)
  return 0
}

function parseTransactionPlace(blockText: string, text: string): TransactionPlace {
  const block = parseBlockPlace(blockText)
  if (/^[0-9a-f]{64}$/.test(text)) return { block, txid: text }
  if (/^\d{1,10}$/.test(text)) return { block, index: Number(text) }
  throw new CommandError(
    2,
    `expected an index or 64 lower-case hex digits for a transaction, got ${JSON.stringify(text)}`,
  )
}

function transactionLines(transaction: TransactionRecord): readonly string[] {
  const { txid, root, index, sizeBytes, outputs, proof } = transaction
  const total = outputs.reduce((sum, { value }) => sum + value, 0n)
  return [
    `transaction  ${txid}`,
    `             ${formatCount(sizeBytes)} bytes, ${formatNumber(outputs.length, 'output')}, ${formatCoins(total)} BTC`,
    `block        ${root}, index ${index}`,
    `height       ${placeWords(transaction)}`,
    `proof        ${formatCount(encodeTransactionProof(proof).length)} bytes; --out FILE keeps them, --json prints it as JSON`,
  ]
}
