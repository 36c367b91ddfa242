import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { ExchangeSnapshot, Gateway, PeerSnapshot, Snapshot, Status } from '../nodejs.ts'

const STATUSES: readonly Status[] = ['starting', 'connecting', 'syncing', 'synced', 'stale', 'offline', 'stopped']
const DIRECTIONS = ['inbound', 'outbound'] as const

export interface Metrics {
  readonly contentType: string
  /** In Prometheus' text format. */
  read(): Promise<string>
}

/** Numbers of a gateway in a registry of their own. Labels come from fixed lists, never from a peer. */
export function createMetrics(gateway: Gateway): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'rushlight_' })
  addGauges(registry, gateway)
  addCounters(registry, gateway)
  return { contentType: registry.contentType, read: () => registry.metrics() }
}

function addGauges(registry: Registry, gateway: Gateway): void {
  const gauge = (name: string, help: string, value: (snapshot: Snapshot) => number): void => {
    new Gauge({
      name: `rushlight_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value(gateway.snapshot()))
      },
    })
  }
  gauge('head_height', 'Height of the verified head.', ({ head }) => head.height)
  gauge('head_time_seconds', "Unix time of the head's header.", ({ head }) => head.time)
  gauge('head_confirmed_by', 'Ready peers that delivered the head.', ({ head }) => head.confirmedBy)
  gauge('verified_height', 'Height up to which every header is verified.', ({ progress }) => progress.verified)
  gauge(
    'target_height',
    'Greatest height a ready peer claims, or our own.',
    ({ progress }) => progress.target ?? progress.verified,
  )
  gauge('headers_per_second', 'Headers verified a second, lately.', ({ progress }) => progress.headersPerSecond)
  gauge('store_headers', 'Headers in the store.', ({ store }) => store.headerCount)
  gauge('store_bytes', 'Bytes of the store.', ({ store }) => store.sizeBytes)
  gauge('block_store_blocks', 'Blocks in the block store.', ({ exchange }) => exchange.storedBlocks)
  gauge('block_store_bytes', 'Bytes of the block store.', ({ exchange }) => exchange.storedBytes)
  gauge('wants', 'Blocks asked for and not here yet.', ({ exchange }) => exchange.wantCount)
  gauge('uptime_seconds', 'Seconds since the start.', () => gateway.uptimeMs() / 1_000)
  gauge('loop_age_seconds', 'Seconds since the loop last turned.', () => gateway.loopAgeMs() / 1_000)
  gauge('last_verified_age_seconds', 'Seconds since a header was last verified.', () => {
    return gateway.lastVerifiedAgoMs() / 1_000
  })

  new Gauge({
    name: 'rushlight_status',
    help: '1 for the status that holds, 0 for the others.',
    labelNames: ['status'],
    registers: [registry],
    collect() {
      const { status } = gateway.snapshot()
      for (const known of STATUSES) this.set({ status: known }, known === status ? 1 : 0)
    },
  })
  const peers = (name: string, help: string, isMeant: (peer: PeerSnapshot) => boolean): void => {
    new Gauge({
      name: `rushlight_${name}`,
      help,
      labelNames: ['direction'],
      registers: [registry],
      collect() {
        const ready = gateway.snapshot().peers.filter((peer) => peer.state === 'ready' && isMeant(peer))
        for (const direction of DIRECTIONS) {
          this.set({ direction }, ready.filter((peer) => peer.direction === direction).length)
        }
      },
    })
  }
  peers('peers', 'Ready peers by who dialled.', () => true)
  peers('bitcoin_peers', "Of those, the ones on Bitcoin's own network.", ({ transport }) => transport === 'bitcoin')
}

function addCounters(registry: Registry, gateway: Gateway): void {
  const counter = (name: string, help: string): Counter => {
    return new Counter({ name: `rushlight_${name}`, help, registers: [registry] })
  }
  const ready = counter('peers_ready_total', 'Handshakes that made a peer ready.')
  const gone = counter('peers_gone_total', 'Ready peers that went away.')
  const reorgs = counter('reorgs_total', 'Reorganisations of the best chain.')
  const reverted = counter('reverted_headers_total', 'Headers that a reorganisation took off the best chain.')
  const warnings = counter('warnings_total', 'Warnings of any kind.')
  // The light node counts these itself: a scrape sets them to what it says.
  const exchanged = (name: string, help: string, value: (exchange: ExchangeSnapshot) => number): void => {
    new Counter({
      name: `rushlight_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(value(gateway.snapshot().exchange))
      },
    })
  }
  exchanged('blocks_received_total', 'Blocks that came from peers.', (exchange) => exchange.blocksReceived)
  exchanged('block_bytes_received_total', 'Bytes of those blocks.', (exchange) => exchange.bytesReceived)
  exchanged('blocks_duplicate_total', 'Of those, the ones already there.', (exchange) => exchange.duplicateBlocks)
  exchanged('blocks_unwanted_total', 'Of those, the ones nobody asked for.', (exchange) => exchange.unwantedBlocks)
  exchanged('blocks_served_total', 'Blocks that were sent to peers.', (exchange) => exchange.blocksSent)
  exchanged('block_bytes_served_total', 'Bytes of those blocks.', (exchange) => exchange.bytesSent)
  gateway.addEventListener('peer-ready', () => ready.inc())
  gateway.addEventListener('peer-gone', () => gone.inc())
  gateway.addEventListener('warning', () => warnings.inc())
  gateway.addEventListener('reorg', (event) => {
    reorgs.inc()
    reverted.inc(event.detail.reverted.length)
  })
}
