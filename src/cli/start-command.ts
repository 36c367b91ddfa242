import { existsSync } from 'node:fs'
import { LightNodeError, startGateway, StoreError, type Gateway, type Log } from '../nodejs.ts'
import type { Call, Command } from './command.ts'
import { CommandError, oneLine, systemCode, type ExitCode } from './command-error.ts'
import { logEvents } from './event-lines.ts'
import { createHttpHandler, type HttpHandler } from './http-handler.ts'
import { isLoopback } from './http-origin.ts'
import { logTo } from './log-line.ts'
import { openRecording } from './recording-file.ts'
import { openStore } from './open-store.ts'
import { PAGE_DIRECTORY } from './page-files.ts'
import { preparePracticeFolder, resetPracticeFolder } from './practice-folder.ts'
import { PracticeMiner } from './practice-miner.ts'
import { keepHeapSmall } from './small-heap.ts'
import { parseStartOptions, type StartOptions } from './start-options.ts'

/** A clean stop takes a moment; whoever sent the signal waits five seconds. */
const STOP_TIMEOUT_MS = 4_500

export const startCommand: Command = {
  name: 'start',
  summary: 'runs a gateway: syncs, verifies, stores, and serves peers and the page',
  help: `rushlight start: runs a gateway: syncs, verifies, stores, and serves peers and the page

Usage
  rushlight start [FLAGS]

  One port serves the page, peers over WebSockets, and GET /api/status, /api/addresses, /metrics and /healthz. Peers come
  over WebTransport too, on the UDP port of the same number, over WebRTC-Direct on the UDP port after it, and over TCP on
  any free one. Tabs that meet here go on without it, over WebRTC.

Flags
  --chain CHAIN         bitcoin:mainnet (the default), bitcoin:testnet3, bitcoin:testnet4, bitcoin:signet, bitcoin:regtest
  --data DIR            data folder; default $XDG_DATA_HOME/rushlight/<chain>, else ~/.local/share/rushlight/<chain>
  --port PORT           default 8645; 0 takes any free one
  --host ADDRESS        what to bind; default 127.0.0.1, this machine only
  --listen MULTIADDR    where to listen instead for TCP, WebTransport or WebRTC-Direct, such as
                        /ip4/0.0.0.0/udp/8645/quic-v1/webtransport or /ip4/0.0.0.0/udp/8646/webrtc-direct; may be repeated
  --no-tcp              does not listen for TCP
  --no-webtransport     does not listen for WebTransport
  --no-webrtc-direct    does not listen for WebRTC-Direct
  --no-relay            does not help tabs to meet
  --peer ADDRESS        a peer to stay connected to: a multiaddr or a gateway's URL; may be repeated
  --bitcoin-peer HOST:PORT  a peer on Bitcoin's own network to stay connected to, and none besides; may be repeated
  --bitcoin-listen HOST:PORT  where nodes of Bitcoin's own network can dial this one and sync headers from it: an IP address
                        of this machine; without a port the network's own; without this flag nowhere
  --no-bitcoin          leaves Bitcoin's own network alone; without it, and without --peer and --bitcoin-peer, eight peers
                        are found there by DNS seeds (not on regtest, which has none)
  --announce MULTIADDR  where others reach this gateway, if not where it listens; may be repeated
  --trusted-proxy CIDR  a reverse proxy whose Host and X-Forwarded-For are believed; may be repeated
  --block-store MIB     most room for blocks kept beside the headers; default 1024
  --max-peers N         most peers at a time; default 256; with more the heap is kept small, for less speed with large blocks
  --no-status           turns /api/status and /metrics off
  --record FILE         writes down all that happens, so that the run can be repeated step by step
  --debug               checks every step against the rules of the core, and ends with the last steps at a broken one
  --dev                 a private practice chain with a miner inside, in ./.rushlight/dev; not Bitcoin
  --reset               with --dev: begins it anew (whoever still holds the old one, an open tab say, brings it back)
  --block-interval SECONDS  with --dev: time between two headers; default 5
  --reorg-every N       with --dev: every N headers the last two are replaced by three
  --help                this text

Example
  rushlight start --peer https://gateway.example`,
  flags: {
    chain: { type: 'string' },
    data: { type: 'string' },
    port: { type: 'string' },
    host: { type: 'string' },
    listen: { type: 'string', multiple: true },
    'no-tcp': { type: 'boolean' },
    'no-webtransport': { type: 'boolean' },
    'no-webrtc-direct': { type: 'boolean' },
    'no-relay': { type: 'boolean' },
    peer: { type: 'string', multiple: true },
    'bitcoin-peer': { type: 'string', multiple: true },
    'bitcoin-listen': { type: 'string' },
    'no-bitcoin': { type: 'boolean' },
    announce: { type: 'string', multiple: true },
    'trusted-proxy': { type: 'string', multiple: true },
    'block-store': { type: 'string' },
    'max-peers': { type: 'string' },
    'no-status': { type: 'boolean' },
    record: { type: 'string' },
    debug: { type: 'boolean' },
    dev: { type: 'boolean' },
    reset: { type: 'boolean' },
    'block-interval': { type: 'string' },
    'reorg-every': { type: 'string' },
  },
  positionals: [],
  run: runStart,
}

async function runStart({ flags, terminal }: Call): Promise<ExitCode> {
  const options = parseStartOptions(flags)
  keepHeapSmall(options.maxPeers)
  const log = logTo(terminal)
  const signal = stopSignal(log)
  if (options.practice?.reset === true) await resetPracticeFolder(options.directory)
  if (options.practice !== undefined) await preparePracticeFolder(options.directory)
  const loneliness = options.practice === undefined ? await findLoneliness(options) : undefined

  const handler = createHttpHandler({
    host: options.host,
    trustedProxies: options.trustedProxies,
    isPractice: options.practice !== undefined,
    hasStatus: options.hasStatus,
    pageDirectory: PAGE_DIRECTORY,
    log,
  })
  const recording = options.recordFile === undefined ? undefined : await openRecording(options.recordFile)
  const gateway = await openGateway({ options, handler, log, record: recording?.write })
  handler.serve(gateway)
  // Not before: a call that fails says why in one line.
  if (loneliness !== undefined) log('warning', { code: 'no-peers', detail: loneliness })
  warnWhenPublic(options, log)
  if (options.bitcoinPeers === 'any') log('bitcoin-network', { peers: 'found by DNS seeds', off: '--no-bitcoin' })
  for (const address of gateway.addresses) terminal.result(address)
  terminal.result(`page: ${pageUrl(options.host, gateway.port)}`)
  const endLog = logEvents(gateway, { terminal, log })
  const miner =
    options.practice === undefined
      ? undefined
      : new PracticeMiner({ gateway, ...options.practice, log, nowUnixMs: () => Date.now() })

  await signal
  miner?.stop()
  endLog()
  await gateway.stop()
  await recording?.close()
  log('stopped')
  return 0
}

/** Resolves at the first signal; from then on the process ends at the next one, or when stopping takes too long. */
function stopSignal(log: Log): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false
    const stop = (name: NodeJS.Signals): void => {
      if (isStopping) process.exit(2)
      isStopping = true
      log('stopping', { signal: name })
      setTimeout(() => {
        log('warning', { code: 'stop-overdue', detail: `not stopped after ${STOP_TIMEOUT_MS} ms: ending all the same` })
        process.exit(2)
      }, STOP_TIMEOUT_MS).unref()
      resolve()
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}

/**
 * What becomes of a gateway with nobody to ask; undefined when there is somebody. Throws `CommandError` 2 for mainnet with
 * nothing stored, which is a misunderstanding.
 */
async function findLoneliness(options: StartOptions): Promise<string | undefined> {
  const { chain, directory, peers, bitcoinPeers } = options
  if (peers.length > 0 || bitcoinPeers !== undefined) return undefined
  if (await hasHeaders(options)) {
    return `no peer given: serving what is stored in ${directory}, nothing new is fetched`
  }
  if (chain.id === 'bitcoin:mainnet') {
    throw new CommandError(
      2,
      `${chain.id} with --no-bitcoin needs somebody to sync from: --peer MULTIADDR|URL, or rushlight import FILE first, or --dev to practise on a chain of your own`,
    )
  }
  return 'no peer given and nothing stored: waiting for others to connect'
}

/** More than genesis is stored. Throws `CommandError` 2 when the folder cannot be used. */
async function hasHeaders({ chain, directory }: StartOptions): Promise<boolean> {
  // Opening a store would make the folder.
  if (!existsSync(directory)) return false
  const { store, opened } = await openStore(chain, directory)
  await store.close()
  return opened.headerCount > 1
}

function warnWhenPublic({ host, hasStatus }: StartOptions, log: Log): void {
  if (isLoopback(host) || !hasStatus) return
  log('warning', {
    code: 'public-status',
    detail: `bound to ${host}: status and metrics are public to everyone who can reach it; --no-status turns them off`,
  })
}

async function openGateway(args: {
  readonly options: StartOptions
  readonly handler: HttpHandler
  readonly log: Log
  readonly record: ((line: string) => void) | undefined
}): Promise<Gateway> {
  const { options, handler, log, record } = args
  const { chain, directory, peers, bitcoinPeers, bitcoinListen, port, host, announce } = options
  try {
    return await startGateway({
      chain,
      directory,
      peers,
      bitcoinPeers,
      bitcoinListen,
      port,
      host,
      ...options.roads,
      announce,
      blockStoreBytesMax: options.blockStoreBytesMax,
      maxPeers: options.maxPeers,
      isAuthority: options.practice !== undefined,
      log,
      record,
      debug: options.isDebug,
      httpRequestHandler: (request, response) => handler.handle(request, response),
      allowUpgrade: (request) => handler.allowUpgrade(request),
    })
  } catch (error) {
    if (!isExpected(error)) throw error
    const isPortTaken = error.message.includes('the port is in use')
    const flag = options.roads.listen.some((address) => error.message.includes(address)) ? 'listen' : 'port'
    const advice = isPortTaken ? `; stop what uses it, or choose another with --${flag} (0 takes any free one)` : ''
    throw new CommandError(2, `${oneLine(error)}${advice}`, { cause: error })
  }
}

/** Told by the machine or about the call, not a bug. */
function isExpected(error: unknown): error is Error {
  if (error instanceof LightNodeError || error instanceof StoreError) return true
  return error instanceof Error && systemCode(error) !== undefined
}

/** What to open in a browser on this machine. */
function pageUrl(host: string, port: number): string {
  const isAny = host === '0.0.0.0' || host === '::'
  const name = isAny ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}/`
}
