import type { Head, PeerSnapshot, Snapshot } from '../nodejs.ts'

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/**
 * A snapshot as `/api/status` tells it: unknown is null, work 64 hex digits.
 * The uptime comes apart, because a snapshot stays the same as long as nothing else changes.
 */
export function statusJson(snapshot: Snapshot, uptimeMs: number): Json {
  const { progress, store } = snapshot
  return {
    chain: snapshot.chain,
    genesis: snapshot.genesis,
    status: snapshot.status,
    statusReason: snapshot.statusReason,
    head: headJson(snapshot.head),
    progress: {
      target: progress.target ?? null,
      verified: progress.verified,
      verifiedShare: progress.verifiedShare,
      headersPerSecond: progress.headersPerSecond,
    },
    peers: snapshot.peers.map(peerJson),
    store: {
      kind: store.kind,
      reason: store.reason ?? null,
      headerCount: store.headerCount,
      sizeBytes: store.sizeBytes,
    },
    exchange: { ...snapshot.exchange },
    uptimeMs: Math.round(uptimeMs),
    version: snapshot.version,
  }
}

function headJson(head: Head): Json {
  const { height, root, time, work, trust, confirmedBy } = head
  return { height, root, time, work: workHex(work), trust, confirmedBy }
}

function peerJson(peer: PeerSnapshot): Json {
  const { id, transport, direction, address, state, isSyncPeer, bytesIn, bytesOut, strikes } = peer
  return {
    id,
    transport,
    direction,
    address,
    agent: peer.agent ?? null,
    head:
      peer.head === undefined
        ? null
        : { height: peer.head.height, root: peer.head.root, work: workHex(peer.head.work) },
    state,
    isSyncPeer,
    latencyMs: peer.latencyMs ?? null,
    bytesIn,
    bytesOut,
    strikes,
  }
}

/** 64 hex digits, no 0x. */
export function workHex(work: bigint): string {
  return work.toString(16).padStart(64, '0')
}
