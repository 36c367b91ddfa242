import type { Call, Command } from './command.ts'
import { CommandError, oneLine, type ExitCode } from './command-error.ts'
import { formatCount, formatDuration } from './progress-line.ts'
import { alignColumns } from './table.ts'

const URL_DEFAULT = 'http://127.0.0.1:8645'
/** A gateway answers at once; one that is busy does so between two slices. */
const ANSWER_TIMEOUT_MS = 5_000

export const statusCommand: Command = {
  name: 'status',
  summary: 'shows what a running gateway is doing',
  help: `rushlight status: shows what a running gateway is doing

Usage
  rushlight status [--url URL] [--json]

Flags
  --url URL  the gateway; default ${URL_DEFAULT}
  --json     the gateway's own JSON (GET /api/status)
  --help     this text

Example
  rushlight status --json`,
  flags: { url: { type: 'string' }, json: { type: 'boolean' } },
  positionals: [],
  run: runStatus,
}

async function runStatus({ flags, terminal }: Call): Promise<ExitCode> {
  const url = flags.text('url') ?? URL_DEFAULT
  const status = await fetchStatus(url)
  if (flags.isSet('json')) terminal.result(JSON.stringify(status))
  else for (const line of statusLines(status)) terminal.result(line)
  return 0
}

/** The part of `/api/status` that is shown. */
interface StatusAnswer {
  readonly chain: string
  readonly status: string
  readonly statusReason?: string
  readonly head: {
    readonly height: number
    readonly root: string
    readonly time: number
    readonly trust: string
    readonly confirmedBy: number
  }
  readonly progress: {
    readonly target: number | null
    readonly verified: number
    readonly headersPerSecond: number
  }
  readonly peers: readonly {
    readonly id: string
    readonly transport: string
    readonly address: string
    readonly direction: string
    readonly agent: string | null
    readonly head: { readonly height: number } | null
    readonly state: string
    readonly latencyMs: number | null
    readonly strikes: number
  }[]
  readonly store: { readonly kind: string; readonly reason: string | null; readonly headerCount: number }
  readonly uptimeMs: number
  readonly version: string
}

async function fetchStatus(url: string): Promise<StatusAnswer> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CommandError(2, `--url: expected an http or https URL, got ${JSON.stringify(url)}`)
  }
  let response
  let text
  try {
    response = await fetch(new URL('/api/status', url), { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
    text = await response.text()
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    throw new CommandError(2, `no gateway at ${url}: ${oneLine(cause)}`, { cause: error })
  }
  const answer = parseJson(text)
  if (response.ok && isStatus(answer)) return answer
  const type = response.headers.get('content-type') ?? 'no type'
  const hint = response.status === 404 ? ' (a gateway started with --no-status tells nothing)' : ''
  throw new CommandError(
    2,
    `no gateway at ${url}: expected the JSON of /api/status, got ${response.status} ${type}${hint}`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isStatus(answer: unknown): answer is StatusAnswer {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    ['chain', 'status', 'head', 'progress', 'peers', 'store'].every((key) => key in answer)
  )
}

/** A table for people; words of peers are printable ASCII by the time they are here, and cut. */
function statusLines(answer: StatusAnswer): readonly string[] {
  const { head, progress, store, peers } = answer
  const age = formatDuration(Math.max(0, Date.now() / 1000 - head.time))
  const target = progress.target === null ? '' : ` of ${formatCount(progress.target)}`
  const reason = answer.statusReason === undefined || answer.statusReason === '' ? '' : ` (${answer.statusReason})`
  const rows = [
    ['chain', answer.chain],
    ['status', `${answer.status}${reason}`],
    ['head', `${head.height} ${head.root}`],
    ['', `${age} old, trust ${head.trust}, confirmed by ${head.confirmedBy}`],
    ['verified', `${formatCount(progress.verified)}${target}, ${formatCount(progress.headersPerSecond)} headers/s`],
    [
      'store',
      `${store.kind}, ${formatCount(store.headerCount)} headers${store.reason === null ? '' : `: ${store.reason}`}`,
    ],
    ['up', `${formatDuration(answer.uptimeMs / 1000)}, version ${answer.version}`],
    ['peers', String(peers.length)],
  ]
  const table = peers.map((peer) => [
    // Of these the id is no more than the address.
    peer.transport === 'bitcoin' ? peer.address.replace('bitcoin://', '') : peer.id.slice(-12),
    peer.transport,
    peer.direction,
    peer.state,
    peer.head === null ? '-' : String(peer.head.height),
    peer.latencyMs === null ? '-' : `${Math.round(peer.latencyMs)} ms`,
    `${peer.strikes} strikes`,
    peer.agent ?? '-',
  ])
  return [...rows.map(([name = '', value = '']) => `${name.padEnd(9)} ${value}`), ...alignColumns(table)]
}
