import type { Event, MessageReceived } from '../core/event.ts'
import { Heap } from '../core/exchange/heap.ts'
import type { ConnectionId } from '../core/ids.ts'
import type { UnreadExchange } from '../host/host.ts'

/** Unread messages of one connection at most, in number and in bytes, before the host stops reading it, … */
export const INBOX_MESSAGES_PER_PEER_MAX = 64
export const INBOX_BYTES_PER_PEER_MAX: number = 4 * 1024 * 1024
/** … and of all connections together: beyond it each may have one that waits. A thousand peers would have 4 GiB otherwise. */
export const INBOX_BYTES_MAX: number = 32 * 1024 * 1024
/** Entries of a wantlist in one event: half a millisecond, so that a thousand peers' turns are half a second, … */
export const ENTRIES_PER_PART_MAX = 128
/** … or a few milliseconds, while no other peer waits. */
export const ENTRIES_PER_PART_ALONE_MAX = 1_024
/** Events that are no messages in a row, while messages wait. */
const OTHERS_IN_A_ROW_MAX = 8
/** What any message costs, however short. */
const MESSAGE_COST_BYTES = 128

type Message = MessageReceived | UnreadExchange

interface Other {
  readonly event: Event
  readonly sequence: number
}

interface Waiting {
  readonly message: Message
  readonly sizeBytes: number
  readonly sequence: number
  /** The last of the other events of its connection before it. */
  readonly behindSequence: number
}

/** What waits of one connection; it stays as long as the connection. */
interface Lane {
  /** At most INBOX_MESSAGES_PER_PEER_MAX, and those that hosts make themselves. */
  readonly messages: Waiting[]
  sizeBytes: number
  /** Of work, its own and what passed while it had none. */
  servedBytes: number
  /** Decides between lanes that were served alike: who came first. */
  order: number
  isInTurns: boolean
  lastSequence: number
  /** Resolves the host's wait once there is room again. */
  onRoom: (() => void)[]
}

/**
 * Everything that happened and was not handled yet. In order means here:
 * 1. Messages of one connection keep their order, and so do all other events among themselves. Nothing is dropped.
 * 2. Between connections it is fair queueing: who was served least is next, counted in bytes of work, and a long wantlist is
 *    worked off in parts; so a newcomer waits for one part of the others' at most, whatever they have sent.
 * 3. A message comes after the other events of its connection that were before it, and before those that end something:
 *    `connection-closed`, `peer-misbehaved`, and failures of a stream. Else others go first, some at a time.
 * Messages are bounded per connection and in sum, connections by the core; other events are few.
 */
export class Inbox {
  /** In order; the array is cut now and then instead of shifted every time. */
  #others: Other[] = []
  #nextOther = 0
  #othersInARow = 0
  /** Bounded by the connections. */
  readonly #lanes = new Map<ConnectionId, Lane>()
  /** Lanes with messages, and some that had them. */
  readonly #turns = new Heap<Lane>(goesBefore)
  /** Of the lane that was served last, before: nobody who comes is behind that. */
  #servedBytes = 0
  #messageBytes = 0
  #messageCount = 0
  #nextSequence = 1
  #nextOrder = 0
  #markSequence = 0
  #markedCount = 0

  get isEmpty(): boolean {
    return this.#messageCount === 0 && this.#nextOther === this.#others.length
  }

  /** From now on `markedCount` says how much of what is queued at this moment is not handled. */
  mark(): void {
    this.#markSequence = this.#nextSequence
    this.#markedCount = this.#messageCount + this.#others.length - this.#nextOther
  }

  get markedCount(): number {
    return this.#markedCount
  }

  put(event: Event): void {
    const sequence = this.#nextSequence++
    this.#others.push({ event, sequence })
    if (event.type === 'connection-opened') this.#laneOf(event.connection).lastSequence = sequence
    else if ('connection' in event) {
      const lane = this.#lanes.get(event.connection)
      if (lane !== undefined) lane.lastSequence = sequence
    }
  }

  /** Resolves when there is room for another message of that connection. */
  putMessage(message: Message, sizeBytes: number): Promise<void> {
    const lane = this.#laneOf(message.connection)
    const sequence = this.#nextSequence++
    lane.messages.push({ message, sizeBytes, sequence, behindSequence: lane.lastSequence })
    lane.sizeBytes += sizeBytes
    this.#messageBytes += sizeBytes
    this.#messageCount += 1
    this.#giveTurn(lane)
    if (this.#hasRoom(lane)) return Promise.resolve()
    return new Promise((resolve) => lane.onRoom.push(resolve))
  }

  take(): Event | undefined {
    for (;;) {
      const other = this.#others[this.#nextOther]
      const lane = this.#nextLane()
      if (lane === undefined && other === undefined) return undefined
      const isMessagesTurn = other === undefined || this.#othersInARow >= OTHERS_IN_A_ROW_MAX
      if (lane !== undefined && isMessagesTurn && !isBehind(lane, other)) {
        this.#othersInARow = 0
        const event = this.#takeTurn(lane)
        if (event !== undefined) return event
      } else if (other !== undefined) {
        const before = this.#laneBefore(other)
        if (before === undefined) return this.#takeOther(other)
        const taken = this.#takeMessage(before)
        if (taken !== undefined) return taken.event
      }
    }
  }

  /** Nothing is read any more: whoever waits for room is let go. */
  close(): void {
    this.#others = []
    this.#nextOther = 0
    this.#turns.retain(() => false)
    for (const { onRoom } of this.#lanes.values()) for (const resolve of onRoom) resolve()
    this.#lanes.clear()
    this.#messageBytes = 0
    this.#messageCount = 0
    this.#markedCount = 0
  }

  #laneOf(connection: ConnectionId): Lane {
    const known = this.#lanes.get(connection)
    if (known !== undefined) return known
    const counts = { sizeBytes: 0, servedBytes: 0, order: 0, lastSequence: 0 }
    const lane: Lane = { ...counts, messages: [], isInTurns: false, onRoom: [] }
    this.#lanes.set(connection, lane)
    return lane
  }

  #giveTurn(lane: Lane): void {
    if (lane.isInTurns || lane.messages.length === 0) return
    lane.isInTurns = true
    lane.servedBytes = Math.max(lane.servedBytes, this.#servedBytes)
    lane.order = this.#nextOrder++
    this.#turns.push(lane)
  }

  #nextLane(): Lane | undefined {
    for (let lane = this.#turns.top; lane !== undefined; lane = this.#turns.top) {
      if (lane.messages.length > 0) return lane
      // An event that ends something took them.
      this.#turns.pop()
      lane.isInTurns = false
    }
    return undefined
  }

  /** The lane with messages that were there before this event, and that it must not overtake. */
  #laneBefore({ event, sequence }: Other): Lane | undefined {
    if (!isEnding(event)) return undefined
    const lane = this.#lanes.get(event.connection)
    const first = lane?.messages[0]
    return first === undefined || first.sequence > sequence ? undefined : lane
  }

  #takeOther({ event, sequence }: Other): Event {
    this.#othersInARow += 1
    this.#nextOther += 1
    if (this.#nextOther === this.#others.length || this.#nextOther >= 1_024) {
      this.#others = this.#others.slice(this.#nextOther)
      this.#nextOther = 0
    }
    this.#noteHandled(sequence)
    if (event.type === 'connection-closed' && this.#lanes.get(event.connection)?.messages.length === 0) {
      this.#lanes.delete(event.connection)
    }
    return event
  }

  #takeTurn(lane: Lane): Event | undefined {
    this.#turns.pop()
    lane.isInTurns = false
    this.#servedBytes = lane.servedBytes
    const taken = this.#takeMessage(lane)
    lane.servedBytes += MESSAGE_COST_BYTES + (taken?.costBytes ?? 0)
    this.#giveTurn(lane)
    return taken?.event
  }

  /** Its first message, or a part of it; undefined when there is none, or it cannot be read. */
  #takeMessage(lane: Lane): { readonly event: Event; readonly costBytes: number } | undefined {
    const first = lane.messages[0]
    if (first === undefined) return undefined
    const { message, sizeBytes } = first
    if (message.type === 'message-received') {
      this.#release(lane, first)
      return { event: message, costBytes: sizeBytes }
    }
    const isAlone = this.#turns.size === 0
    const part = message.read(isAlone ? ENTRIES_PER_PART_ALONE_MAX : ENTRIES_PER_PART_MAX)
    if (part?.isLast !== false) this.#release(lane, first)
    return part
  }

  #release(lane: Lane, { sizeBytes, sequence }: Waiting): void {
    lane.messages.shift()
    lane.sizeBytes -= sizeBytes
    this.#messageBytes -= sizeBytes
    this.#messageCount -= 1
    this.#noteHandled(sequence)
    if (this.#hasRoom(lane)) for (const resolve of lane.onRoom.splice(0)) resolve()
  }

  #noteHandled(sequence: number): void {
    if (sequence < this.#markSequence) this.#markedCount -= 1
  }

  /** Whoever has no message that waits has room, so that each wait ends when one's own messages are taken. */
  #hasRoom({ messages, sizeBytes }: Lane): boolean {
    if (messages.length === 0) return true
    const hasOwnRoom = messages.length < INBOX_MESSAGES_PER_PEER_MAX && sizeBytes < INBOX_BYTES_PER_PEER_MAX
    return hasOwnRoom && this.#messageBytes < INBOX_BYTES_MAX
  }
}

function goesBefore(lane: Lane, other: Lane): boolean {
  if (lane.servedBytes !== other.servedBytes) return lane.servedBytes < other.servedBytes
  return lane.order < other.order
}

/** What waits among the others is of the same connection, and was there before the lane's first message. */
function isBehind({ messages: [first] }: Lane, other: Other | undefined): boolean {
  return first !== undefined && other !== undefined && first.behindSequence >= other.sequence
}

function isEnding(event: Event): event is Extract<Event, { connection: ConnectionId }> {
  switch (event.type) {
    case 'connection-closed':
    case 'peer-misbehaved':
    case 'sync-stream-failed':
    case 'exchange-send-failed':
      return true
    default:
      return false
  }
}
