import { assertNever } from './assert.ts'
import type { Connection } from './connection.ts'
import type { CoreOptions, CoreView, ExchangeView, LightNodeCore, PeerView, SyncView } from './core.ts'
import { currentStatus } from './current-status.ts'
import { DialSchedule } from './dial-schedule.ts'
import type { Effect } from './effect.ts'
import type { Event } from './event.ts'
import { BlockExchange, isOutlineMessage } from './exchange/block-exchange.ts'
import type { HeaderTree } from './chain.ts'
import { judgeNodeInfo, ownNodeInfo } from './handshake.ts'
import type { PeerId } from './ids.ts'
import type { Instant } from './instant.ts'
import { isPeersMessage, PeerDiscovery } from './peer-discovery.ts'
import { PeerLifecycle } from './peer-lifecycle.ts'
import type { PeerNotice } from './peer-notice.ts'
import { createRandomSource } from './random.ts'
import type { Status } from './status.ts'
import { HeaderSync } from './sync.ts'
import { waitForPong } from './sync-peer.ts'
import { verifiedPart } from './trust.ts'

export function createLightNodeCore(options: CoreOptions): LightNodeCore {
  return new Core(options)
}

/**
 * Puts the parts together: lifecycle and dials on one side, sync on the other, and one queue of notices between them.
 * After every step the queue is empty, everything due was asked for, and the status is right.
 */
class Core implements LightNodeCore {
  readonly tree: HeaderTree
  readonly #options: CoreOptions
  /** What the step under way asks for; handed out and emptied at its end. */
  readonly #effects: Effect[] = []
  /** From the lifecycle to sync: the only way that sync learns of peers. Empty between steps. */
  readonly #notices: PeerNotice[] = []
  readonly #dials: DialSchedule
  readonly #lifecycle: PeerLifecycle
  readonly #sync: HeaderSync
  readonly #discovery: PeerDiscovery
  readonly #exchange: BlockExchange
  #status: Status = 'starting'
  #statusReason = 'opening the store'
  #hadPeer = false
  #isStopped = false

  constructor(options: CoreOptions) {
    this.#options = options
    const { chain, ownPeer, maxPeers, agent } = options
    const effects = this.#effects
    const servesOutlines = chain.content !== undefined && options.cidOf !== undefined
    this.tree = chain.createTree(chain.checkpoints)
    const random = createRandomSource(options.seed)
    const learntFailed = (args: Parameters<PeerDiscovery['dialFailed']>[0]): void => this.#discovery.dialFailed(args)
    this.#dials = new DialSchedule({ peers: options.peers, random, effects, learntFailed })
    this.#lifecycle = new PeerLifecycle({
      ownPeer,
      maxPeers,
      effects,
      notices: this.#notices,
      dials: this.#dials,
      ownInfo: () => ownNodeInfo({ chain, tree: this.tree, agent, servesOutlines }),
      judge: (info) => judgeNodeInfo(info, chain),
    })
    this.#sync = new HeaderSync({
      chain,
      tree: this.tree,
      isAuthority: options.isAuthority,
      effects,
      connectionOf: (peer) => this.#lifecycle.primaryConnection(peer)?.id,
      misbehaved: (args) => this.#lifecycle.misbehaved(args),
      unresponsive: (connection, nowMs) => this.#lifecycle.unresponsive(connection, nowMs),
    })
    this.#discovery = new PeerDiscovery({
      ownPeer,
      // Of its own, so that nobody who tells of peers moves anything else.
      random: createRandomSource(options.seed + 1),
      effects,
      dials: this.#dials,
      connectionOf: (peer) => this.#lifecycle.primaryConnection(peer),
      hasRoom: () => this.#lifecycle.readyCount < maxPeers,
    })
    this.#exchange = new BlockExchange({
      tree: this.tree,
      content: chain.content,
      cidOf: options.cidOf,
      mayServe: options.mayServe,
      seed: options.seed,
      effects,
      connectionOf: (peer) => this.#lifecycle.primaryConnection(peer)?.id,
      isHandshaken: (connection) => this.#lifecycle.connection(connection)?.handshake.phase === 'completed',
      latencyOf: (peer) => this.#sync.peers.get(peer)?.latencyMs,
      isTreeServed: () => this.#sync.verification.isRunning,
      misbehaved: (args) => {
        this.#sync.forgetLiar(args.peer)
        this.#lifecycle.misbehaved(args)
      },
    })
  }

  handle(event: Event, now: Instant): readonly Effect[] {
    if (this.#isStopped) return []
    this.#dispatch(event, now)
    return this.#endStep(now)
  }

  #dispatch(event: Event, now: Instant): void {
    const nowMs = now.monotonicMs
    const lifecycle = this.#lifecycle
    switch (event.type) {
      case 'connection-opened':
        return lifecycle.connectionOpened(event, nowMs)
      case 'connection-closed':
        return lifecycle.connectionClosed(event, nowMs)
      case 'dial-succeeded':
        return lifecycle.dialSucceeded(event, nowMs)
      case 'dial-failed':
        return this.#dials.failed({ ...event, nowMs })
      case 'handshake-requested':
        return lifecycle.handshakeRequested(event, nowMs)
      case 'handshake-answered':
        return lifecycle.handshakeAnswered(event, nowMs)
      case 'handshake-failed':
        return lifecycle.handshakeFailed(event, nowMs)
      case 'protocols-learnt':
        return lifecycle.protocolsLearnt(event, nowMs)
      case 'message-received':
        return lifecycle.messageReceived(event, nowMs)
      case 'sync-stream-failed':
      case 'peer-misbehaved':
        return this.#connectionFault(event, nowMs)
      case 'store-opened':
        return this.#sync.storeOpened(event, now)
      case 'headers-loaded':
        return this.#sync.verification.headersLoaded(event, now)
      case 'load-failed':
        return this.#sync.verification.loadFailed(event, now)
      case 'persisted':
        return this.#sync.verification.writer.persisted(event, nowMs)
      case 'persist-failed':
        return this.#sync.verification.writer.persistFailed(event, nowMs)
      case 'store-became-writable':
        return this.#sync.verification.storeBecameWritable(event, now)
      case 'headers-submitted':
        return this.#sync.verification.submit(event)
      case 'connect-requested':
        return this.#connect(event, nowMs)
      case 'connect-cancelled':
        return this.#dials.cancelConnect(event.token)
      case 'disconnect-requested':
        return this.#disconnect(event.peer, nowMs)
      case 'clock-jumped':
        return this.#clockJumped(event.aheadMs, nowMs)
      case 'network-online':
        return this.#dials.retryNow(nowMs)
      case 'own-record-changed':
        return this.#discovery.ownRecordChanged(event)
      case 'stop-requested':
        return this.#stop(now)
      case 'exchange-received':
        return this.#exchangeReceived(event, now)
      case 'exchange-sent':
      case 'exchange-send-failed':
      case 'blocks-found':
      case 'blocks-loaded':
      case 'outline-loaded':
      case 'blocks-load-failed':
      case 'blocks-stored':
      case 'wants-requested':
      case 'outline-requested':
      case 'want-cancelled':
        return this.#exchange.handle(event, now)
      default:
        assertNever(event)
    }
  }

  /** Whoever exchanges blocks lives: its connection is in use. */
  #exchangeReceived(event: Extract<Event, { type: 'exchange-received' }>, now: Instant): void {
    const connection = this.#lifecycle.connection(event.connection)
    if (connection === undefined) return
    connection.heardMs = now.monotonicMs
    waitForPong(this.#sync.peers.get(connection.peer), connection.id, now.monotonicMs)
    this.#exchange.handle(event, now)
  }

  #connectionFault(event: Extract<Event, { type: 'sync-stream-failed' | 'peer-misbehaved' }>, nowMs: number): void {
    const connection = this.#lifecycle.connection(event.connection)
    if (connection === undefined) return
    const { peer } = connection
    if (event.type === 'sync-stream-failed') {
      this.#exchange.syncConnectionFailed(peer, connection.id, nowMs)
      this.#discovery.connectionFailed(connection.id)
      this.#sync.streamFailed({ peer, connection: connection.id, nowMs })
      return
    }
    this.#sync.forgetLiar(peer)
    this.#lifecycle.misbehaved({ peer, misbehaviour: event.misbehaviour, detail: event.detail, nowMs })
  }

  #connect(event: Extract<Event, { type: 'connect-requested' }>, nowMs: number): void {
    const { token, address } = event
    const peer = this.#dials.connect({ token, address, nowMs })
    if (peer !== undefined) this.#effects.push({ type: 'connect-settled', token, outcome: { type: 'ready', peer } })
  }

  #disconnect(peer: PeerId, nowMs: number): void {
    this.#discovery.disconnected(peer)
    this.#lifecycle.disconnect(peer, nowMs)
  }

  #clockJumped(aheadMs: number, nowMs: number): void {
    this.#lifecycle.shift(aheadMs)
    this.#dials.shift(aheadMs)
    this.#sync.clockJumped({ aheadMs, nowMs })
    this.#exchange.shift(aheadMs)
    this.#dials.retryNow(nowMs)
  }

  #stop(now: Instant): void {
    this.#exchange.stop(now.monotonicMs)
    this.#lifecycle.stop(now.monotonicMs)
    this.#drainNotices(now)
    this.#dials.stop()
    this.#sync.stop()
    this.#isStopped = true
  }

  handleTimeout(now: Instant): readonly Effect[] {
    if (this.#isStopped) return []
    this.#lifecycle.handleTimeout(now.monotonicMs)
    this.#drainNotices(now)
    this.#dials.handleTimeout(now.monotonicMs)
    this.#sync.handleTimeout(now)
    this.#discovery.handleTimeout()
    // Whoever did not answer sync's ping is gone for the exchange too.
    this.#drainNotices(now)
    this.#exchange.handleTimeout(now)
    return this.#endStep(now)
  }

  nextTimeout(): number | undefined {
    if (this.#isStopped) return undefined
    const next = Math.min(
      this.#lifecycle.nextTimeout() ?? Infinity,
      this.#dials.nextTimeout() ?? Infinity,
      this.#sync.nextTimeout() ?? Infinity,
      this.#discovery.nextTimeout(),
      this.#exchange.nextTimeout(),
    )
    return next === Infinity ? undefined : next
  }

  hasWork(): boolean {
    return !this.#isStopped && !this.#sync.verification.queue.isEmpty
  }

  handleWork(now: Instant): readonly Effect[] {
    if (this.#isStopped) return []
    this.#sync.handleWork(now)
    return this.#endStep(now)
  }

  #endStep(now: Instant): readonly Effect[] {
    this.#drainNotices(now)
    if (!this.#isStopped) {
      if (this.#sync.verification.stored.phase !== 'opening') {
        this.#dials.dialDue(now.monotonicMs)
        this.#discovery.settle(now.monotonicMs)
      }
      this.#sync.settle(now)
      this.#exchange.settle(now)
    }
    this.#updateStatus(now)
    return this.#effects.splice(0)
  }

  /** One notice at a time: what follows from it is queued behind those that are there already. */
  #drainNotices(now: Instant): void {
    for (let notice = this.#notices.shift(); notice !== undefined; notice = this.#notices.shift()) {
      switch (notice.type) {
        case 'ready': {
          const { type, peer, generation, info } = notice
          this.#hadPeer = true
          this.#effects.push({ type: `peer-${type}`, peer, generation, agent: info.agent })
          this.#sync.peerReady({ peer, info, nowMs: now.monotonicMs })
          this.#discovery.peerReady({ peer, info, nowMs: now.monotonicMs })
          this.#exchange.peerReady({ peer, info, nowMs: now.monotonicMs })
          break
        }
        case 'gone': {
          const { type, peer, generation, reason } = notice
          this.#sync.peerGone(peer, now.monotonicMs)
          this.#discovery.peerGone(peer)
          this.#exchange.peerGone(peer, now.monotonicMs)
          this.#effects.push({ type: `peer-${type}`, peer, generation, reason })
          break
        }
        case 'connection-added':
          this.#sync.probePeer(notice.peer, now.monotonicMs)
          break
        case 'connection-lost':
          this.#sync.connectionLost({ ...notice, againMs: now.monotonicMs })
          this.#exchange.syncConnectionFailed(notice.peer, notice.connection, now.monotonicMs)
          this.#discovery.connectionFailed(notice.connection)
          break
        case 'exchange-joined':
          this.#exchange.joined({ ...notice, nowMs: now.monotonicMs })
          break
        case 'exchange-left':
          this.#exchange.left({ ...notice, nowMs: now.monotonicMs })
          break
        case 'message':
          this.#message(notice, now)
          break
        default:
          assertNever(notice)
      }
    }
  }

  #message(notice: Extract<PeerNotice, { type: 'message' }>, now: Instant): void {
    const connection = this.#lifecycle.connection(notice.connection)
    if (connection === undefined) return
    const { peer, message } = notice
    if (isPeersMessage(message)) this.#discovery.message({ peer, connection, message, nowMs: now.monotonicMs })
    else if (isOutlineMessage(message)) this.#exchange.message({ ...notice, message, nowMs: now.monotonicMs })
    else this.#sync.message({ ...notice, message, now })
  }

  #updateStatus(now: Instant): void {
    const { status, reason } = currentStatus({
      chain: this.#options.chain,
      isAuthority: this.#options.isAuthority,
      isStopped: this.#isStopped,
      hadPeer: this.#hadPeer,
      readyCount: this.#lifecycle.readyCount,
      dials: this.#dials,
      sync: this.#sync,
      tip: this.tree.tip,
      unixMs: now.unixMs,
    })
    if (status === this.#status && reason === this.#statusReason) return
    this.#status = status
    this.#statusReason = reason
    this.#effects.push({ type: 'status-changed', status, reason })
  }

  syncView(): SyncView {
    const { syncPeer, peers, missing, verification } = this.#sync
    return { isRunning: verification.isRunning, syncPeer, peers, missing, knownPeers: this.#discovery.known }
  }

  exchangeView(): ExchangeView {
    return this.#exchange.view()
  }

  view(): CoreView {
    const peers = this.#peerViews()
    const claims = peers.flatMap(({ state, claimed }) => (state === 'ready' && claimed ? [claimed.height] : []))
    const head = this.#sync.head()
    return {
      status: this.#status,
      statusReason: this.#statusReason,
      isInStep: this.#sync.isInStep && (this.#lifecycle.readyCount > 0 || this.#options.isAuthority),
      hasTargets: this.#dials.hasTargets,
      head,
      targetHeight: claims.length === 0 ? undefined : Math.max(head.height, ...claims),
      ...verifiedPart(this.tree),
      peers,
      storedHeaderCount: this.#sync.verification.storedHeaderCount,
    }
  }

  #peerViews(): readonly PeerView[] {
    const views: PeerView[] = []
    for (const connection of this.#lifecycle.connections) {
      if (connection.handshake.phase === 'limited') continue
      const primary = this.#lifecycle.primaryConnection(connection.peer)
      if (primary === undefined || primary === connection) views.push(this.#peerView(connection))
    }
    return views
  }

  #peerView(connection: Connection): PeerView {
    const { id, peer, transport, direction, address } = connection
    const state = viewState(connection)
    const sync = state === 'ready' ? this.#sync.peers.get(peer) : undefined
    return {
      id: peer,
      connection: id,
      transport,
      direction,
      address,
      agent: sync?.agent,
      claimed: sync?.claimed,
      state,
      isSyncPeer: this.#sync.syncPeer === peer,
      latencyMs: sync?.latencyMs,
      strikes: this.#lifecycle.strikeCount(peer),
    }
  }
}

function viewState({ isClosing, handshake }: Connection): PeerView['state'] {
  if (isClosing) return 'closing'
  switch (handshake.phase) {
    case 'completed':
      return 'ready'
    case 'exchange-only':
      return 'exchange-only'
    case 'mismatched':
      return 'closing'
    case 'requested':
    case 'awaited':
    case 'limited':
      return 'connecting'
  }
}
