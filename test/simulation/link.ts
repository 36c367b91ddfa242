/**
 * One connection between two processes: two ends, and in each direction four channels that keep their order while
 * between channels nothing is promised (handshakes, our own requests and announcements, answers to the other's, blocks).
 */
import type { Event } from '../../src/core/event.ts'
import type { ConnectionId, PeerId, RequestId } from '../../src/core/ids.ts'
import type { VirtualTime } from './virtual-time.ts'

export type ChannelName = 'handshake' | 'requests' | 'answers' | 'exchange'

/** What an end hands its deliveries to; the simulated host. */
export interface LinkOwner {
  /** False: there is no room for it; the channel waits until `resume`. */
  deliver(end: LinkEnd, event: Event, sizeBytes: number): boolean
  /** The other side closed, or the network did. */
  closeArrived(end: LinkEnd): void
  readonly isAlive: boolean
}

interface Item {
  readonly arrivesAtMs: number
  readonly event: Event
  readonly sizeBytes: number
  /** Behind it on its channel. */
  next: Item | undefined
}

/** What is under way to one end on one stream, in order. Scheduled for the arrival of its first item. */
class Channel {
  first: Item | undefined
  last: Item | undefined
  bytes = 0
  lastArrivalMs = 0
  isScheduled = false
  private readonly to: LinkEnd

  constructor(to: LinkEnd) {
    this.to = to
  }

  push(item: Item): void {
    if (this.last === undefined) this.first = item
    else this.last.next = item
    this.last = item
    this.bytes += item.sizeBytes
  }

  shift(item: Item): void {
    this.first = item.next
    if (item.next === undefined) this.last = undefined
    this.bytes -= item.sizeBytes
  }

  clear(): void {
    this.first = undefined
    this.last = undefined
    this.bytes = 0
  }

  /** The first item is there. */
  run(): void {
    this.isScheduled = false
    this.to.link.pump(this.to, this)
  }
}

/** One side of a link, owned by one process. */
export class LinkEnd {
  readonly link: Link
  readonly connection: ConnectionId
  readonly owner: LinkOwner
  readonly remotePeer: PeerId
  readonly direction: 'inbound' | 'outbound'
  /** Open from the moment its `connection-opened` is posted until its `connection-closed` is. */
  isOpen = false
  isClosed = false
  /** A close was asked for and takes its time. */
  isClosing = false
  /** Our handshake requests without an answer. */
  readonly handshakeRequests: RequestId[] = []
  /** The remote's handshake requests that we may answer. */
  readonly handshakeQuestions: { readonly request: RequestId; readonly askersRequest: RequestId }[] = []
  /** Our stream was reset: answers to requests up to this one are lost. By the range that requests are numbered in. */
  readonly lostRequestMax: number[] = [-1, -1]
  readonly lastRequestSent: number[] = [-1, -1]
  /** What is under way to this end. */
  readonly arriving: Readonly<Record<ChannelName, Channel>> = {
    handshake: new Channel(this),
    requests: new Channel(this),
    answers: new Channel(this),
    exchange: new Channel(this),
  }
  /** When the last exchange message of ours is on the wire. */
  exchangeFreeMs = 0
  /** Nothing arrives here before this moment (one-way silence). */
  silentUntilMs = 0
  /** Nothing ever arrives here again, not even the close (half-open). */
  isDeaf = false
  /** Only the other side's close never arrives. */
  isCloseLost = false

  constructor(link: Link, side: LinkSide, direction: 'inbound' | 'outbound') {
    this.link = link
    this.owner = side.owner
    this.connection = side.connection
    this.remotePeer = side.remotePeer
    this.direction = direction
  }

  get other(): LinkEnd {
    return this === this.link.dialer ? this.link.listener : this.link.dialer
  }
}

const CHANNEL_NAMES: readonly ChannelName[] = ['handshake', 'requests', 'answers', 'exchange']

export interface LinkSide {
  readonly owner: LinkOwner
  readonly connection: ConnectionId
  readonly remotePeer: PeerId
}

export interface LinkOptions {
  readonly time: VirtualTime
  readonly latencyMs: () => number
  readonly dialer: LinkSide
  readonly listener: LinkSide
}

export class Link {
  readonly dialer: LinkEnd
  readonly listener: LinkEnd
  private readonly time: VirtualTime
  private readonly latencyMs: () => number

  constructor(options: LinkOptions) {
    this.time = options.time
    this.latencyMs = options.latencyMs
    this.dialer = new LinkEnd(this, options.dialer, 'outbound')
    this.listener = new LinkEnd(this, options.listener, 'inbound')
  }

  /** Takes an event over for the other end, to leave after `delayMs`. Returns the bytes under way on that channel. */
  send(to: LinkEnd, name: ChannelName, event: Event, sizeBytes: number, delayMs = 0): number {
    const channel = to.arriving[name]
    const arrivesAtMs = Math.max(channel.lastArrivalMs, this.time.nowMs + delayMs + this.latencyMs())
    channel.lastArrivalMs = arrivesAtMs
    const isFirst = channel.first === undefined
    channel.push({ arrivesAtMs, event, sizeBytes, next: undefined })
    if (isFirst) this.schedule(to, channel)
    return channel.bytes
  }

  /** The far side of a close: travels like data, overtakes what is still under way. */
  sendClose(to: LinkEnd): void {
    const arrive = (): void => {
      if (to.isClosed || to.isDeaf || to.isCloseLost) return
      if (to.silentUntilMs > this.time.nowMs) this.time.at(to.silentUntilMs, arrive)
      else to.owner.closeArrived(to)
    }
    this.time.after(this.latencyMs(), arrive)
  }

  /** There may be room again, or the silence may be over. */
  resume(to: LinkEnd): void {
    for (const name of CHANNEL_NAMES) this.schedule(to, to.arriving[name])
  }

  /** What is under way on that channel is lost. */
  drop(to: LinkEnd, name: ChannelName): void {
    to.arriving[name].clear()
  }

  private schedule(to: LinkEnd, channel: Channel): void {
    const { first } = channel
    if (first === undefined || channel.isScheduled || to.isClosed || to.isDeaf || !to.owner.isAlive) return
    channel.isScheduled = true
    this.time.at(Math.max(first.arrivesAtMs, to.silentUntilMs), channel)
  }

  /** Hands over what has arrived; for the channel alone. */
  pump(to: LinkEnd, channel: Channel): void {
    const { nowMs } = this.time
    while (!to.isClosed && !to.isDeaf && to.owner.isAlive) {
      const { first } = channel
      if (first === undefined) return
      if (!to.isOpen || first.arrivesAtMs > nowMs || to.silentUntilMs > nowMs) break
      if (!to.owner.deliver(to, first.event, first.sizeBytes)) return
      channel.shift(first)
    }
    if (to.isOpen) this.schedule(to, channel)
  }
}
