import type { ConnectFailure } from './dial-schedule.ts'
import type { ConnectionOpened } from './event.ts'
import type { HandshakeState } from './handshake.ts'
import type { ConnectionId, PeerId } from './ids.ts'
import * as limits from './limits.ts'
import type { SyncMessage } from './message.ts'
import type { PeerNotice } from './peer-notice.ts'

/** One open connection, or one that we asked the host to close. */
export interface Connection {
  readonly id: ConnectionId
  readonly peer: PeerId
  readonly direction: 'inbound' | 'outbound'
  readonly transport: string
  readonly address: string
  readonly openedMs: number
  handshake: HandshakeState
  /** When something last came over it. */
  heardMs: number
  /** Messages before the handshake, in order; bounded by EARLY_MESSAGES_MAX and EARLY_MESSAGE_BYTES_MAX. */
  early: SyncMessage[]
  earlyBytes: number
  /** Learnt from identify: it speaks bitswap and not our handshake. */
  isBitswapOnly: boolean
  /** Block exchange was told that it takes part, and not yet that it is no more. */
  isInExchange: boolean
  /** We asked the host to close it: nothing is sent or heard over it any more. */
  isClosing: boolean
}

export function createConnection(event: ConnectionOpened, nowMs: number): Connection {
  return {
    id: event.connection,
    peer: event.peer,
    direction: event.direction,
    transport: event.transport,
    address: event.address,
    openedMs: nowMs,
    handshake: event.isLimited
      ? { phase: 'limited', deadlineMs: nowMs + limits.LIMITED_CONNECTION_LIFETIME_MS }
      : { phase: 'awaited', deadlineMs: nowMs + limits.HANDSHAKE_TIMEOUT_MS },
    heardMs: nowMs,
    early: [],
    earlyBytes: 0,
    isBitswapOnly: false,
    isInExchange: false,
    isClosing: false,
  }
}

export function isHandshaken(connection: Connection): boolean {
  return connection.handshake.phase === 'completed' && !connection.isClosing
}

/** Completed or exchange-only: from now on it takes part in block exchange. */
export function joinExchange(connection: Connection, notices: PeerNotice[]): void {
  const { id, peer, handshake } = connection
  connection.isInExchange = true
  notices.push({ type: 'exchange-joined', peer, connection: id, isRushlight: handshake.phase === 'completed' })
}

/** Drops what it held; block exchange is told once, and only where it took part. */
export function retire(connection: Connection, notices: PeerNotice[]): void {
  connection.early = []
  connection.earlyBytes = 0
  if (!connection.isInExchange) return
  connection.isInExchange = false
  notices.push({ type: 'exchange-left', peer: connection.peer, connection: connection.id })
}

export function isPending({ handshake }: Connection): boolean {
  return handshake.phase === 'requested' || handshake.phase === 'awaited'
}

/** A handshake would make it ready: it is pending, or was taken for exchange-only and shakes hands after all. */
export function isUnready(connection: Connection): boolean {
  return isPending(connection) || connection.handshake.phase === 'exchange-only'
}

/**
 * Why a dial that led here is over before it was told to have worked; undefined while its peer may become ready.
 * `isAlive`: the connection stays open for something else.
 */
export function endOf(
  connection: Connection | undefined,
  peer: PeerId,
): { readonly failure: ConnectFailure; readonly backoffMs?: number; readonly isAlive?: boolean } | undefined {
  if (connection === undefined) {
    const detail = `${peer} closed the connection before the handshake was done`
    return { failure: { code: 'peer-refused', detail } }
  }
  if (connection.handshake.phase === 'mismatched') {
    const detail = `${peer}: another chain`
    return { failure: { code: 'wrong-chain', detail }, backoffMs: limits.WRONG_CHAIN_BACKOFF_MS }
  }
  if (connection.isClosing) {
    return { failure: { code: 'peer-refused', detail: `${peer}: refused: too many connections, or banned` } }
  }
  if (connection.handshake.phase !== 'exchange-only') return undefined
  const detail = `${peer}: speaks bitswap and not our handshake: good for blocks, not for headers`
  return { failure: { code: 'peer-refused', detail }, isAlive: true }
}

/** Of two connections to one peer both sides prefer the one that the smaller id dialled, then the older one. */
export function isPreferred(args: { connection: Connection; to: Connection; ownPeer: PeerId }): boolean {
  const { connection, to, ownPeer } = args
  const isBySmaller = isDialledBySmaller(connection, ownPeer)
  if (isBySmaller !== isDialledBySmaller(to, ownPeer)) return isBySmaller
  return connection.openedMs < to.openedMs
}

function isDialledBySmaller({ direction, peer }: Connection, ownPeer: PeerId): boolean {
  return (direction === 'outbound') === ownPeer < peer
}

/**
 * When a connection is to be closed beside `survivor`, the one in use: by the side with the smaller id, and by the
 * other only when that one has closed it long ago and the close got lost. Only once both are handshaken and the
 * survivor has shown since that it lives (or one that the remote has lost would cost us every new connection), when
 * idle or at the latest after a while. Infinity otherwise.
 */
export function surplusDeadlineMs(args: {
  connection: Connection
  survivor: Connection | undefined
  ownPeer: PeerId
}): number {
  const { connection, survivor, ownPeer } = args
  if (connection.handshake.phase !== 'completed') return Infinity
  if (survivor === undefined || survivor === connection || survivor.handshake.phase !== 'completed') return Infinity
  const sinceMs = Math.max(connection.handshake.sinceMs, survivor.handshake.sinceMs)
  if (survivor.heardMs < sinceMs) return Infinity
  if (ownPeer >= connection.peer) return sinceMs + limits.SURPLUS_ABANDONED_MS
  const idleFromMs = Math.max(connection.heardMs, sinceMs)
  return Math.min(idleFromMs + limits.SURPLUS_IDLE_MS, sinceMs + limits.SURPLUS_LIFETIME_MS)
}
