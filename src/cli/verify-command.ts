import { createHeaderVerifier, type Chain } from '../nodejs.ts'
import { CHAIN_DEFAULT, chainOfGenesis, parseChain, parseNetwork } from './chain-option.ts'
import { parseWhole, type Call, type Command } from './command.ts'
import { CommandError, oneLine, type ExitCode } from './command-error.ts'
import { faultError, faultOfGenesis, faultOfStop, type HeaderFault } from './header-fault.ts'
import { openHeaderFile } from './header-file.ts'
import { createProgress } from './progress-line.ts'
import type { Terminal } from './terminal.ts'

/** Far above any chain; heights are kept in 32 bits. */
const HEIGHT_MAX = 2 ** 31 - 1

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'checks a file of headers against every rule, without a store',
  help: `rushlight verify: checks a file of headers against every rule, without a store

Usage
  rushlight verify FILE [--chain CHAIN] [--start-height N] [--json]

  FILE holds 80-byte headers, one after another. From height 0 it must begin with the chain's genesis; above, its
  first header is taken as given, and a rule that needs earlier headers applies as soon as the file holds them.
  Prints count, last root and headers/s; at the first bad header its index, height and why.

Flags
  --chain CHAIN     bitcoin:mainnet (the default), bitcoin:testnet3, bitcoin:testnet4, bitcoin:signet, bitcoin:regtest
  --start-height N  height of the first header; default 0
  --json            the result as one JSON object
  --help            this text

Example
  rushlight verify mainnet-from-40000.bin --start-height 40000`,
  flags: { chain: { type: 'string' }, 'start-height': { type: 'string' }, json: { type: 'boolean' } },
  positionals: ['FILE'],
  run: runVerify,
}

async function runVerify({ flags, positionals, terminal }: Call): Promise<ExitCode> {
  const chain = parseChain(flags.text('chain') ?? CHAIN_DEFAULT)
  const text = flags.text('start-height') ?? '0'
  const startHeight = parseWhole({ flag: 'start-height', text, min: 0, max: HEIGHT_MAX })
  const [path = ''] = positionals
  const isJson = flags.isSet('json')
  const answer = (value: object): void => terminal.result(JSON.stringify({ chain: chain.id, ...value }))

  const outcome = await verifyPath({ path, chain, startHeight, terminal }).catch((error: unknown) => {
    // A file that is no file of headers: bad data as well, but no header of it.
    const isBadFile = error instanceof CommandError && error.exitCode === 1
    if (isJson && isBadFile) answer({ error: { index: null, height: null, rule: 'file', message: oneLine(error) } })
    throw error
  })
  if ('fault' in outcome) {
    if (isJson) answer({ error: outcome.fault })
    throw faultError(path, outcome.fault)
  }
  const { count, lastHeight, lastRoot, headersPerSecond } = outcome
  if (isJson) answer({ count, startHeight, lastHeight, lastRoot, headersPerSecond })
  else {
    terminal.result(
      `verified ${count} headers of ${chain.id}, heights ${startHeight} to ${lastHeight}, last root ${lastRoot}, ${headersPerSecond} headers/s`,
    )
  }
  return 0
}

type VerifyOutcome =
  | {
      readonly count: number
      readonly lastHeight: number
      readonly lastRoot: string
      readonly headersPerSecond: number
    }
  | { readonly fault: HeaderFault }

async function verifyPath(args: {
  readonly path: string
  readonly chain: Chain
  readonly startHeight: number
  readonly terminal: Terminal
}): Promise<VerifyOutcome> {
  const { path, chain, startHeight, terminal } = args
  const file = await openHeaderFile(path, chain.headerSizeBytes)
  try {
    const progress = createProgress({
      verb: 'verifying',
      total: file.headerCount,
      show: (line) => terminal.progress(line),
      nowMs: () => performance.now(),
    })
    return await verifyChunks({ chunks: file.chunks(), chain, startHeight, progress })
  } finally {
    await file.close()
  }
}

async function verifyChunks(args: {
  readonly chunks: AsyncIterable<Uint8Array>
  readonly chain: Chain
  readonly startHeight: number
  readonly progress: ReturnType<typeof createProgress>
}): Promise<VerifyOutcome> {
  const { chunks, chain, startHeight, progress } = args
  const verifier = createHeaderVerifier({ network: parseNetwork(chain.id), startHeight, nowUnixMs: Date.now() })
  let count = 0
  let lastRoot: string | undefined
  for await (const chunk of chunks) {
    if (count === 0) {
      const fault = faultOfStart({ chain, startHeight, header: chunk.subarray(0, chain.headerSizeBytes) })
      if (fault !== undefined) return { fault }
    }
    const verified = verifier.verify(chunk)
    if (verified.stop !== undefined) {
      return { fault: faultOfStop({ stop: verified.stop, firstIndex: count, firstHeight: startHeight + count }) }
    }
    count += verified.verifiedCount
    lastRoot = verified.lastRoot
    progress.advance(verified.verifiedCount)
  }
  if (lastRoot === undefined) throw new CommandError(1, 'expected at least one header, got none')
  const { perSecond } = progress.finish()
  return { count, lastHeight: startHeight + count - 1, lastRoot, headersPerSecond: perSecond }
}

/** A file that does not begin where it should: the one mistake that deserves more words. */
function faultOfStart(args: {
  readonly chain: Chain
  readonly startHeight: number
  readonly header: Uint8Array
}): HeaderFault | undefined {
  const { chain, startHeight, header } = args
  const root = chain.createTree().rootOf(header)
  if (startHeight === 0) {
    const fault = faultOfGenesis(chain, root)
    if (fault === undefined || chainOfGenesis(root) !== undefined) return fault
    return { ...fault, message: `${fault.message}; --start-height says where a file starts that is not from genesis` }
  }
  if (chainOfGenesis(root) === undefined) return undefined
  const message = `expected a header above genesis, got the genesis of ${chainOfGenesis(root)}`
  return { index: 0, height: startHeight, rule: 'genesis', message }
}
