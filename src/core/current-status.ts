import type { Chain } from './chain.ts'
import type { DialSchedule } from './dial-schedule.ts'
import type { Status } from './status.ts'
import type { HeaderSync } from './sync.ts'

/** What a light node's status is judged by. */
export interface StatusParts {
  readonly chain: Chain
  readonly isAuthority: boolean
  readonly isStopped: boolean
  /** It has had a ready peer. */
  readonly hadPeer: boolean
  readonly readyCount: number
  readonly dials: Pick<DialSchedule, 'hasTargets' | 'isDialing' | 'lastFailure'>
  readonly sync: HeaderSync
  readonly tip: { readonly time: number; readonly work: bigint }
  readonly unixMs: number
}

/** The status, and why, for people. */
export interface StatusWords {
  readonly status: Status
  readonly reason: string
}

export function currentStatus(parts: StatusParts): StatusWords {
  const { isAuthority, isStopped, readyCount, sync } = parts
  if (isStopped) return { status: 'stopped', reason: 'stopped' }
  const { stored } = sync.verification
  if (stored.phase === 'opening') return { status: 'starting', reason: 'opening the store' }
  if (stored.phase === 'verifying') return { status: 'starting', reason: 'verifying the stored headers' }
  if (isAuthority && sync.isInStep) return { status: 'synced', reason: 'makes this practice chain itself' }
  if (readyCount === 0) return alone(parts)
  return sync.isInStep ? inStep(parts) : { status: 'syncing', reason: syncingReason(parts) }
}

function alone({ dials, hadPeer }: StatusParts): StatusWords {
  if (!dials.hasTargets) return { status: 'offline', reason: 'no peers: nobody to connect to is known' }
  const reason = hadPeer ? 'the last peer is gone; reaching for it again' : 'reaching for the first peer'
  if (dials.isDialing) return { status: 'connecting', reason }
  const what = hadPeer ? 'the last peer is gone' : 'no peer to sync with'
  const why = dials.lastFailure
  return { status: 'offline', reason: `${what}${why === undefined ? '' : ` (${why})`}; trying again` }
}

function inStep({ chain, tip, unixMs }: StatusParts): StatusWords {
  const { staleAfterMs } = chain
  if (staleAfterMs === undefined || unixMs - tip.time * 1000 <= staleAfterMs) {
    return { status: 'synced', reason: 'no peer has more work than is verified here' }
  }
  return { status: 'stale', reason: 'in step with every peer, but the newest block is old' }
}

function syncingReason({ chain, sync, tip }: StatusParts): string {
  const { verification, syncPeer, peers } = sync
  if (!verification.queue.isEmpty || syncPeer !== undefined) return 'fetching and verifying headers'
  if (![...peers.values()].some((peer) => peer.servesHeaders)) return 'no peer here serves headers'
  if (tip.work < chain.minimumChainWork) {
    return 'the best chain that peers have shown has less work than this network is known to have'
  }
  if (verification.future.size > 0) return "peers' headers are ahead of this machine's clock: is it right?"
  return 'asking peers for headers'
}
