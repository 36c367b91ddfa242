import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  ContentError,
  verifyTransaction,
  type BlockPlace,
  type TransactionProof,
  type VerifiedTransaction,
} from '../nodejs.ts'
import { formatCoins, placeWords, transactionJson } from './block-command.ts'
import { CHAIN_AND_DATA_HELP, parseBlockFlags, type BlockFlags } from './block-flags.ts'
import type { Call, Command } from './command.ts'
import { CommandError, oneLine, systemCode, type ExitCode } from './command-error.ts'
import { withLightNode } from './light-node-call.ts'
import { formatCount, formatNumber } from './progress-line.ts'
import { workHex } from './status-json.ts'
import type { Terminal } from './terminal.ts'

/** A transaction and a coinbase of a whole block's size each, as hex in JSON, with the paths: generously. */
const PROOF_FILE_BYTES_MAX = 20_000_000

export const verifyProofCommand: Command = {
  name: 'verify-proof',
  summary: 'checks a proof that a transaction is in a block',
  help: `rushlight verify-proof: checks a proof that a transaction is in a block

Usage
  rushlight verify-proof FILE [--chain CHAIN] [--data DIR] [--json]

  FILE holds what rushlight proof wrote, as bytes or as JSON. The check needs nothing but the proof, and the least work that
  CHAIN ever asks for; where the data folder holds headers, it also says whether the block is on the verified best chain.

Flags
${CHAIN_AND_DATA_HELP}
  --json             the result as one JSON object, values in satoshi
  --help             this text

Example
  rushlight verify-proof proof.json`,
  flags: { chain: { type: 'string' }, data: { type: 'string' }, json: { type: 'boolean' } },
  positionals: ['FILE'],
  run: runVerifyProof,
}

/** Where the block stands; one line of why that is not known where it is not. */
type Place = BlockPlace | string

async function runVerifyProof({ flags, positionals, terminal }: Call): Promise<ExitCode> {
  const blockFlags = parseBlockFlags(flags)
  const [path = ''] = positionals
  const isJson = flags.isSet('json')
  const bytes = await readProofFile(path)
  let verified: VerifiedTransaction
  try {
    const proof = parseProof(bytes)
    verified = blockFlags.chain.content?.verifyProof(proof) ?? verifyTransaction(proof)
  } catch (error) {
    if (!(error instanceof ContentError)) throw error
    const message = oneLine(error)
    if (isJson) terminal.result(JSON.stringify({ error: { step: error.step, message } }))
    throw new CommandError(1, `${path}: no valid proof, ${error.step}: ${message}`, { cause: error })
  }
  const place = await findPlace(verified, blockFlags, terminal)
  if (isJson) terminal.result(verifiedJson(blockFlags.chain.id, verified, place))
  else for (const line of verifiedLines(blockFlags.chain.id, verified, place)) terminal.result(line)
  return 0
}

async function readProofFile(path: string): Promise<Uint8Array> {
  const expected = `${path}: expected a proof of rushlight proof`
  const bytes = await readFile(path).catch((error: unknown) => {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new CommandError(2, `${expected}, found no such file`)
    if (code === 'EISDIR') throw new CommandError(2, `${expected}, got a directory`)
    throw new CommandError(2, `${path} cannot be read: ${oneLine(error)}`)
  })
  if (bytes.length <= PROOF_FILE_BYTES_MAX) return new Uint8Array(bytes)
  throw new CommandError(1, `${expected}, at most ${PROOF_FILE_BYTES_MAX} bytes, got ${bytes.length}`)
}

/** Bytes begin with their version, 1; everything else is read as JSON, whose fields the check itself looks at. */
function parseProof(bytes: Uint8Array): Uint8Array | TransactionProof {
  if (bytes[0] === 1) return bytes
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof value === 'object' && value !== null) return value as TransactionProof
  } catch {
    // Said below.
  }
  throw new ContentError('invalid-proof', 'malformed', 'expected a proof as bytes or as a JSON object, got neither')
}

/** The proof holds whatever becomes of this. */
async function findPlace(verified: VerifiedTransaction, flags: BlockFlags, terminal: Terminal): Promise<Place> {
  const { directory } = flags
  if (!existsSync(directory)) return `no headers in ${directory}`
  try {
    return await withLightNode({
      flags,
      folder: 'if-there',
      terminal,
      async work({ lightNode }) {
        const record = await lightNode.getHeader(verified.blockRoot)
        const { blockRoot: root } = verified
        return { root, height: record?.height, isOnBestChain: record?.isOnBestChain ?? false }
      },
    })
  } catch (error) {
    if (error instanceof CommandError) return oneLine(error)
    throw error
  }
}

function verifiedLines(chain: string, verified: VerifiedTransaction, place: Place): readonly string[] {
  const { txid, blockRoot, index, sizeBytes, outputs, work } = verified
  const total = outputs.reduce((sum, { value }) => sum + value, 0n)
  const isCounted = typeof place !== 'string' && place.isOnBestChain
  return [
    'the proof holds',
    `transaction  ${txid}`,
    `             ${formatCount(sizeBytes)} bytes, ${formatNumber(outputs.length, 'output')}, ${formatCoins(total)} BTC`,
    `block        ${blockRoot}, index ${index}`,
    `height       ${typeof place === 'string' ? `unknown: ${place}` : placeWords(place)} (${chain})`,
    `shown        the block with this header holds this very transaction at this index; a forger would have had to make about ${formatCount(Number(work))} hashes`,
    `not shown    ${isCounted ? '' : 'that the block is on the best chain; '}that the block keeps every rule; that the outputs are unspent`,
  ]
}

function verifiedJson(chain: string, verified: VerifiedTransaction, place: Place): string {
  const { blockRoot, work } = verified
  const { height, isOnBestChain } = typeof place === 'string' ? { height: undefined, isOnBestChain: null } : place
  return JSON.stringify({
    chain,
    blockRoot,
    height: height ?? null,
    isOnBestChain,
    placeUnknown: typeof place === 'string' ? place : null,
    ...transactionJson(verified),
    work: workHex(work),
  })
}
