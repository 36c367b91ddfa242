import { ABSENCES_IN_SESSION_MAX, IDLE_SESSIONS_MAX } from '../limits.ts'
import type { ExchangePeer, Session } from './exchange-peer.ts'

/** Bounded by the wants, and by IDLE_SESSIONS_MAX for those without any: the one idle for longest is forgotten. */
export class Sessions {
  readonly #sessions = new Map<number, Session>()
  readonly #idle = new Set<Session>()

  open(id: number): Session {
    let session = this.#sessions.get(id)
    if (session === undefined) {
      session = { id, good: new Map(), latest: undefined, openCount: 0, probedCount: 0 }
      this.#sessions.set(id, session)
    }
    this.#idle.delete(session)
    session.openCount += 1
    return session
  }

  close(session: Session): void {
    session.openCount -= 1
    if (session.openCount > 0) return
    this.#idle.add(session)
    for (const oldest of this.#idle) {
      if (this.#idle.size <= IDLE_SESSIONS_MAX) break
      this.#idle.delete(oldest)
      this.#sessions.delete(oldest.id)
      for (const peer of oldest.good.keys()) peer.sessions.delete(oldest)
    }
  }

  clear(): void {
    this.#sessions.clear()
    this.#idle.clear()
  }
}

/** It has what the session is after. It goes to the end of the line, so that all the good ones have their turn. */
export function praise(session: Session, peer: ExchangePeer): void {
  if (session.latest === peer && session.good.get(peer) === 0) return
  session.latest = peer
  session.good.delete(peer)
  session.good.set(peer, 0)
  peer.sessions.add(session)
}

/** It does not have one of the session's blocks; after too many in a row it counts like anybody else. */
export function blame(session: Session, peer: ExchangePeer): void {
  const count = session.good.get(peer)
  if (count === undefined) return
  if (count + 1 < ABSENCES_IN_SESSION_MAX) session.good.set(peer, count + 1)
  else forget(session, peer)
}

export function forget(session: Session, peer: ExchangePeer): void {
  session.good.delete(peer)
  peer.sessions.delete(session)
  if (session.latest === peer) session.latest = undefined
}
