/**
 * One connection between two processes: two ends, and in each direction three channels that keep their order while
 * between channels nothing is promised (handshakes, our own requests and announcements, answers to the other's).
 */
import type { Event } from '../../src/core/event.ts'
import type { ConnectionId, PeerId, RequestId } from '../../src/core/ids.ts'
import type { VirtualTime } from './virtual-time.ts'

export type ChannelName = 'handshake' | 'requests' | 'answers'

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
}

class Channel {
  items: Item[] = []
  bytes = 0
  lastArrivalMs = 0
  isScheduled = false
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
  readonly handshakeRequests: Set<RequestId> = new Set<RequestId>()
  /** The remote's handshake requests that we may answer: our number -> the asker's. */
  readonly handshakeQuestions: Map<RequestId, RequestId> = new Map<RequestId, RequestId>()
  /** Our stream was reset: answers to requests up to this one are lost. */
  lostRequestMax = -1
  lastRequestSent = -1
  /** What is under way to this end. */
  readonly arriving: Readonly<Record<ChannelName, Channel>> = {
    handshake: new Channel(),
    requests: new Channel(),
    answers: new Channel(),
  }
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

const CHANNEL_NAMES: readonly ChannelName[] = ['handshake', 'requests', 'answers']

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
  private readonly options: LinkOptions

  constructor(options: LinkOptions) {
    this.options = options
    this.dialer = new LinkEnd(this, options.dialer, 'outbound')
    this.listener = new LinkEnd(this, options.listener, 'inbound')
  }

  /** Takes an event over for the other end. Returns the bytes under way on that channel. */
  send(to: LinkEnd, name: ChannelName, event: Event, sizeBytes: number): number {
    const channel = to.arriving[name]
    const arrivesAtMs = Math.max(channel.lastArrivalMs, this.options.time.nowMs + this.options.latencyMs())
    channel.lastArrivalMs = arrivesAtMs
    channel.items.push({ arrivesAtMs, event, sizeBytes })
    channel.bytes += sizeBytes
    if (channel.items.length === 1) this.schedule(to, name)
    return channel.bytes
  }

  /** The far side of a close: travels like data, overtakes what is still under way. */
  sendClose(to: LinkEnd): void {
    const arrive = (): void => {
      if (to.isClosed || to.isDeaf || to.isCloseLost) return
      if (to.silentUntilMs > this.options.time.nowMs) this.options.time.at(to.silentUntilMs, arrive)
      else to.owner.closeArrived(to)
    }
    this.options.time.after(this.options.latencyMs(), arrive)
  }

  /** There may be room again, or the silence may be over. */
  resume(to: LinkEnd): void {
    for (const name of CHANNEL_NAMES) this.schedule(to, name)
  }

  /** What is under way on that channel is lost. */
  drop(to: LinkEnd, name: ChannelName): void {
    const channel = to.arriving[name]
    channel.items = []
    channel.bytes = 0
  }

  private schedule(to: LinkEnd, name: ChannelName): void {
    const channel = to.arriving[name]
    const first = channel.items[0]
    if (first === undefined || channel.isScheduled || to.isClosed || to.isDeaf || !to.owner.isAlive) return
    channel.isScheduled = true
    this.options.time.at(Math.max(first.arrivesAtMs, to.silentUntilMs), () => {
      channel.isScheduled = false
      this.pump(to, name)
    })
  }

  private pump(to: LinkEnd, name: ChannelName): void {
    const channel = to.arriving[name]
    const nowMs = this.options.time.nowMs
    while (!to.isClosed && !to.isDeaf && to.owner.isAlive) {
      const first = channel.items[0]
      if (first === undefined) return
      if (!to.isOpen || first.arrivesAtMs > nowMs || to.silentUntilMs > nowMs) break
      if (!to.owner.deliver(to, first.event, first.sizeBytes)) return
      channel.items.shift()
      channel.bytes -= first.sizeBytes
    }
    if (to.isOpen) this.schedule(to, name)
  }
}
