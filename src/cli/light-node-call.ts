import { existsSync } from 'node:fs'
import { ContentError, createLightNode, LightNodeError, StoreError, type LightNode, type Log } from '../nodejs.ts'
import type { BlockFlags } from './block-flags.ts'
import { CommandError, oneLine } from './command-error.ts'
import { progressLine } from './event-lines.ts'
import { logTo } from './log-line.ts'
import type { Terminal } from './terminal.ts'

/** A light node for one command, and what it was made of. */
export interface LightNodeCall extends BlockFlags {
  readonly lightNode: LightNode
  /** The data folder is open; else everything is in memory and gone afterwards. */
  readonly hasFolder: boolean
  readonly terminal: Terminal
}

/**
 * Runs `work` on a light node over the data folder, whose headers are verified by then. With `folder: 'if-there'` a folder that
 * is missing is not made, and one in use is done without where there are peers to ask. Throws `CommandError`.
 */
export async function withLightNode<Value>(args: {
  readonly flags: BlockFlags
  readonly folder: 'make' | 'if-there'
  readonly terminal: Terminal
  readonly work: (call: LightNodeCall) => Promise<Value>
}): Promise<Value> {
  const { flags, folder, terminal, work } = args
  const hasFolder = folder === 'make' || existsSync(flags.directory)
  try {
    const call = { ...flags, ...(await openLightNode({ flags, hasFolder, terminal })), terminal }
    try {
      await whenStoredIsVerified(call)
      return await work(call)
    } finally {
      terminal.progress(undefined)
      await call.lightNode.stop()
    }
  } catch (error) {
    if (error instanceof LightNodeError) throw commandErrorOf(error)
    throw error
  }
}

async function openLightNode(args: {
  readonly flags: BlockFlags
  readonly hasFolder: boolean
  readonly terminal: Terminal
}): Promise<Pick<LightNodeCall, 'lightNode' | 'hasFolder'>> {
  const { flags, hasFolder, terminal } = args
  const { chain, peers, directory, blockStoreBytesMax } = flags
  const options = {
    chain,
    peers,
    logger: logFaults(terminal),
    ...(blockStoreBytesMax === undefined ? {} : { blockStoreBytesMax }),
  }
  if (!hasFolder) return { lightNode: await createLightNode({ ...options, store: 'memory' }), hasFolder }
  try {
    return { lightNode: await createLightNode({ ...options, store: { directory } }), hasFolder }
  } catch (error) {
    if (!(error instanceof LightNodeError) || error.code !== 'store-locked' || peers.length === 0) throw error
    terminal.log(`rushlight: ${oneLine(error)}; asking the peers alone`)
    return { lightNode: await createLightNode({ ...options, store: 'memory' }), hasFolder: false }
  }
}

/** What is lost or cannot be kept, or is odd about a peer. Who was not reached is told where nobody was. */
function logFaults(terminal: Terminal): Log {
  const log = logTo(terminal)
  return (event, fields) => {
    const isFault = event === 'block-dropped' || (event === 'warning' && fields?.['code'] !== 'dial-failed')
    if (isFault) log(event, fields)
  }
}

async function whenStoredIsVerified({ lightNode, terminal }: LightNodeCall): Promise<void> {
  await until(lightNode, () => {
    terminal.progress(progressLine(lightNode))
    return lightNode.snapshot().status !== 'starting'
  })
}

/**
 * What `ask` gets: from the data folder if all of it is there, else from peers until `--timeout`. A height is asked for once its
 * header is known. Throws `CommandError` 2 where nobody has it, saying how many said so.
 */
export async function fetchContent<Value>(
  call: LightNodeCall,
  block: string | number,
  ask: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const { lightNode, terminal, peers, timeoutMs } = call
  const deadline = AbortSignal.timeout(timeoutMs)
  if (call.hasFolder) {
    const found = await askFolder(call, block, ask, deadline)
    if (found !== undefined) return found.value
  }
  if (peers.length === 0) throw notHere(call, block)
  const endProgress = lightNode.subscribe(() => {
    terminal.progress(wantsLine(lightNode) ?? progressLine(lightNode))
  })
  try {
    await reachPeer(call, deadline)
    if (typeof block === 'number' && (await lightNode.getHeader(block)) === undefined) {
      await syncedBy(lightNode, deadline)
    }
    return await ask(deadline)
  } finally {
    endProgress()
  }
}

/** Undefined where a part would have to be asked for. */
async function askFolder<Value>(
  { lightNode }: LightNodeCall,
  block: string | number,
  ask: (signal: AbortSignal) => Promise<Value>,
  deadline: AbortSignal,
): Promise<{ readonly value: Value } | undefined> {
  if (typeof block === 'number' && (await lightNode.getHeader(block)) === undefined) return undefined
  const controller = new AbortController()
  const unsubscribe = lightNode.subscribe(() => {
    if (lightNode.snapshot().exchange.wantCount > 0) controller.abort()
  })
  try {
    return { value: await ask(AbortSignal.any([controller.signal, deadline])) }
  } catch (error) {
    if (controller.signal.aborted) return undefined
    throw error
  } finally {
    unsubscribe()
  }
}

function notHere({ hasFolder, directory, lightNode }: LightNodeCall, block: string | number): CommandError {
  const { height } = lightNode.head
  const fault = !hasFolder
    ? `expected a data folder at ${directory}, found none`
    : typeof block === 'number' && block > height
      ? `no header of height ${block} in ${directory}, whose last is ${height}`
      : `block ${block} is not in ${directory}`
  return new CommandError(2, `${fault}; --peer names somebody to ask`)
}

async function reachPeer({ lightNode, peers, timeoutMs }: LightNodeCall, deadline: AbortSignal): Promise<void> {
  const isPeer = (state: string): boolean => state === 'ready' || state === 'exchange-only'
  await until(lightNode, () => lightNode.snapshot().peers.some(({ state }) => isPeer(state)), deadline).catch(() => {
    const { statusReason } = lightNode.snapshot()
    throw new CommandError(2, `nobody at ${peers.join(', ')} in ${timeoutMs / 1_000} s: ${statusReason}`)
  })
}

async function syncedBy(lightNode: LightNode, deadline: AbortSignal): Promise<void> {
  await lightNode.ready({ signal: deadline }).catch(() => {
    throw new CommandError(
      2,
      `expected the headers in time, got them up to height ${lightNode.head.height}; --timeout allows more`,
    )
  })
}

function wantsLine(lightNode: LightNode): string | undefined {
  const { exchange, peers } = lightNode.snapshot()
  return exchange.wantCount === 0 ? undefined : `asking ${peers.length} peers, ${exchange.wantCount} parts to come`
}

/** Resolves when the light node is in a state that fits; rejects with the signal's reason. */
async function until(lightNode: LightNode, fits: () => boolean, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = (): void => {
    if (fits() || signal?.aborted === true) resolve()
  }
  const unsubscribe = lightNode.subscribe(look)
  signal?.addEventListener('abort', look, { once: true })
  look()
  await promise
  unsubscribe()
  signal?.throwIfAborted()
}

/** Which check the content failed, of an error or of what caused it; undefined where it was none. */
export function failedStep(error: unknown): string | undefined {
  if (error instanceof ContentError) return error.step
  return error instanceof Error && error.cause !== undefined ? failedStep(error.cause) : undefined
}

function commandErrorOf(error: LightNodeError): CommandError {
  const isBadData = error.code === 'invalid-block' || error.code === 'invalid-proof' || error.code === 'hash-mismatch'
  // Our own cap was reached, and not the system's: that has a cause.
  const isOurCap =
    error.code === 'quota-exceeded' && error.cause instanceof StoreError && error.cause.cause === undefined
  const advice = isOurCap ? '; --block-store allows more' : ''
  return new CommandError(isBadData ? 1 : 2, `${oneLine(error)}${advice}`, { cause: error })
}
