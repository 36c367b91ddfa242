import { checkedCore } from '../core/checker/checked-core.ts'
import { InvariantError } from '../core/checker/invariant-error.ts'
import type { Chain } from '../core/chain.ts'
import type { CoreOptions, LightNodeCore } from '../core/core.ts'
import type { Effect } from '../core/effect.ts'
import { guarded, type Log } from './log.ts'
import { recordCore } from './recording.ts'
import { VERSION } from './version.ts'

export interface DebuggedCore {
  readonly core: LightNodeCore
  readonly chain: Chain
  readonly coreOptions: Omit<CoreOptions, 'chain'>
  readonly log: Log
}

/** What these options put around a core, each where it is asked for: the checker, then the recorder, which takes every line. */
export function watchedCore(options: {
  readonly debug?: boolean | undefined
  readonly record?: ((line: string) => void) | undefined
}): (parts: DebuggedCore) => LightNodeCore {
  const { debug, record } = options
  return (parts) => {
    const core = debug === true ? debugCore(parts) : parts.core
    if (record === undefined) return core
    const { id, minimumChainWork } = parts.chain
    const made = { version: VERSION, chain: id, minimumChainWork, options: parts.coreOptions }
    return recordCore({ core, head: { rushlightRecording: 1, ...made }, write: guarded(record) })
  }
}

/**
 * The same core with every step checked: what a debug build runs. A broken invariant is logged once, with the last steps,
 * and thrown from the turn that broke it; from then on nothing is checked, so that the light node can still be stopped.
 */
export function debugCore({ core, chain, coreOptions, log }: DebuggedCore): LightNodeCore {
  const { maxPeers, seed, cidOf } = coreOptions
  const { id, genesis } = chain
  let current = checkedCore(core, { chain: id, genesis, maxPeers, seed, cidOf, isThorough: true })
  const step = (take: (core: LightNodeCore) => readonly Effect[]): readonly Effect[] => {
    try {
      return take(current)
    } catch (error) {
      if (error instanceof InvariantError) {
        current = core
        const { invariant, step: number, lastSteps, message } = error
        const detail = message.split('\n')[0]
        log('invariant-broken', { invariant, detail, seed, step: number, lastSteps: lastSteps.join('\n') })
      }
      throw error
    }
  }
  log('invariants-checked', { seed })
  return {
    tree: core.tree,
    syncView: () => core.syncView(),
    exchangeView: () => core.exchangeView(),
    view: () => core.view(),
    hasWork: () => core.hasWork(),
    nextTimeout: () => core.nextTimeout(),
    handle: (event, now) => step((core) => core.handle(event, now)),
    handleTimeout: (now) => step((core) => core.handleTimeout(now)),
    handleWork: (now) => step((core) => core.handleWork(now)),
  }
}
