/**
 * The bugs that must never come back: those of the four incidents that shaped the core, and those next to them.
 * When a patch no longer fits because the source has changed, put the same bug into the new source.
 */
import { EXCHANGE_MUTANTS } from './exchange-mutants.ts'
import type { Mutant } from './mutant.ts'

/** All that a mutant may be killed by: everything quick that watches the core and its driver. */
export const ALL_SUITES: readonly string[] = [
  'src/core',
  'src/driver/driver.test.ts',
  'test/scenario',
  'test/simulation/simulation.test.ts',
]

const LIFECYCLE = 'src/core/peer-lifecycle.ts'
const SYNC = 'src/core/sync.ts'
const LIFECYCLE_TESTS = ['src/core/peer-lifecycle.test.ts']
const SYNC_TESTS = ['src/core/sync.test.ts']

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'two-queues',
    incident: 'btcd #2480: done before add',
    edits: [
      {
        file: LIFECYCLE,
        search: `this.#options.notices.push({ type: 'gone',`,
        replacement: `this.#options.notices.unshift({ type: 'gone',`,
      },
      {
        // Who is ready is told when the timers run; who is gone is told at once.
        file: 'src/core/light-node-core.ts',
        search: `#endStep(now: Instant): readonly Effect[] {\n    this.#drainNotices(now)`,
        replacement: `#endStep(now: Instant): readonly Effect[] {\n    if (this.#notices[0]?.type !== 'ready') this.#drainNotices(now)`,
      },
    ],
    suites: ['test/scenario'],
  },
  {
    name: 'ready-without-admission',
    incident: 'btcd #2480, left open: refused and gone',
    edits: [
      {
        file: LIFECYCLE,
        search: `return this.isReady(peer) || this.#readyCount < this.#options.maxPeers`,
        replacement: `return true`,
      },
    ],
    suites: LIFECYCLE_TESTS,
  },
  {
    name: 'handshake-on-first-connection-only',
    incident: 'anchor #644: simultaneous dial',
    edits: [
      {
        file: LIFECYCLE,
        search: `else if (event.direction === 'outbound' && !event.isLimited) this.#requestHandshake(connection, nowMs)`,
        replacement: `else if (event.direction === 'outbound' && !event.isLimited && this.#peers.get(event.peer)?.connections.size === 1) this.#requestHandshake(connection, nowMs)`,
      },
    ],
    suites: LIFECYCLE_TESTS,
  },
  {
    name: 'closing-connection-acts',
    incident: 'btcd #2480: events of a dead peer',
    edits: [
      {
        file: LIFECYCLE,
        search: `return connection === undefined || connection.isClosing ? undefined : connection`,
        replacement: `return connection`,
      },
    ],
    suites: LIFECYCLE_TESTS,
  },
  {
    name: 'gone-at-first-close',
    incident: 'anchor #644: one connection of two closes',
    edits: [
      {
        file: LIFECYCLE,
        search: `if (this.primaryConnection(connection.peer) !== undefined) {`,
        replacement: `if (false) {`,
      },
    ],
    suites: LIFECYCLE_TESTS,
  },
  {
    name: 'one-request-per-missing-root',
    incident: 'zeam #695: 300 streams',
    edits: [
      {
        file: 'src/core/missing-parents.ts',
        search: `if (roots.push(root) === limits.ROOTS_PER_REQUEST_MAX) break`,
        replacement: `if (roots.push(root) === 1) break`,
      },
    ],
    suites: SYNC_TESTS,
  },
  {
    name: 'evicted-roots-dropped-silently',
    incident: 'zeam #695: roots lost at the cap',
    edits: [
      {
        file: 'src/core/missing-parents.ts',
        search: `      this.#onFailed(root, 'evicted')\n`,
        replacement: ``,
      },
    ],
    suites: ['src/core/missing-parents.test.ts'],
  },
  {
    name: 'roots-kept-by-a-silent-peer',
    incident: 'zeam #695: owned by a request that is over',
    edits: [
      {
        file: 'src/core/ancestor-walk.ts',
        search: `    this.#release(peer.ancestorsRequest?.roots ?? [], peer.peer, 'tried')\n`,
        replacement: ``,
      },
    ],
    suites: ['test/scenario'],
  },
  {
    name: 'sync-peer-kept-after-gone',
    incident: 'btcd #2480: a dead sync peer for ever',
    edits: [{ file: SYNC, search: `if (this.#syncPeer === peer) this.#syncPeer = undefined`, replacement: `` }],
    suites: SYNC_TESTS,
  },
  {
    name: 'sync-peer-re-elected-after-stall',
    incident: 'btcd #2480, left open: the same one again',
    edits: [
      {
        file: SYNC,
        search: `    peer.hasMore = false\n    this.#ranges.release(peer.peer)\n    peer.stalledUntilMs = untilMs ?? now.monotonicMs + limits.STALL_COOLDOWN_MS\n`,
        replacement: `    this.#ranges.release(peer.peer)\n    peer.stalledUntilMs = untilMs ?? now.monotonicMs\n`,
      },
    ],
    suites: SYNC_TESTS,
  },
  {
    name: 'claimed-height-believed',
    incident: 'btcd #2606: claims more, sends nothing',
    edits: [
      {
        file: SYNC,
        search: `peer.hasMore = hasMore && headerCount > 0`,
        replacement: `peer.hasMore = message.head.work > this.#tree.tip.work`,
      },
    ],
    suites: SYNC_TESTS,
  },
  {
    name: 'strike-for-a-network-failure',
    incident: 'rule: network failure is no misbehaviour',
    edits: [
      {
        file: LIFECYCLE,
        search: `this.#close(connection, 'unresponsive', nowMs, 'no answer in time')`,
        replacement: `this.misbehaved({ peer: connection.peer, misbehaviour: 'unasked', detail: 'no answer in time', nowMs })`,
      },
    ],
    suites: SYNC_TESTS,
  },
  {
    name: 'timer-before-queued-answers',
    incident: 'driver, obligation 3',
    edits: [
      {
        file: 'src/driver/driver.ts',
        search: `return this.#inbox.markedCount === 0`,
        replacement: `return true`,
      },
    ],
    suites: ['src/driver/driver.test.ts'],
  },
  {
    name: 'a-turn-a-message-however-long',
    incident: 'a newcomer behind a storm of a thousand peers',
    edits: [
      {
        file: 'src/driver/inbox.ts',
        search: `if (lane.servedBytes !== other.servedBytes) return`,
        replacement: `if (lane.order === other.order) return`,
      },
    ],
    suites: ['src/driver/inbox.test.ts'],
  },
  {
    name: 'end-overtakes-messages',
    incident: 'btcd #2480, next door: what a connection said is lost with it',
    edits: [
      {
        file: 'src/driver/inbox.ts',
        search: `if (!isEnding(event)) return undefined`,
        replacement: `if (event.type !== 'peer-misbehaved') return undefined`,
      },
    ],
    suites: ['src/driver/inbox.test.ts'],
  },
  {
    name: 'mismatch-judged-and-never-answered',
    incident: 'anchor #644: only one side learns',
    edits: [
      {
        file: LIFECYCLE,
        search: `    this.#options.effects.push({ type: 'answer-handshake', connection: connection.id, request: event.request, info })\n    this.#judge(connection, event.info, nowMs)`,
        replacement: `    this.#judge(connection, event.info, nowMs)\n    if (connection.handshake.phase !== 'mismatched') this.#options.effects.push({ type: 'answer-handshake', connection: connection.id, request: event.request, info })`,
      },
    ],
    suites: LIFECYCLE_TESTS,
  },
  {
    name: 'early-messages-dropped',
    incident: 'btcd #2480, left open: "unknown peer"',
    edits: [
      {
        file: LIFECYCLE,
        search: `for (const message of connection.early.splice(0)) {`,
        replacement: `for (const message of connection.early.splice(0, 0)) {`,
      },
    ],
    suites: LIFECYCLE_TESTS,
  },
  {
    name: 'surplus-closed-by-both-sides',
    incident: 'anchor #644: both close the other one',
    edits: [
      {
        file: 'src/core/connection.ts',
        search: `  if (ownPeer >= connection.peer) return sinceMs + limits.SURPLUS_ABANDONED_MS\n`,
        replacement: ``,
      },
    ],
    suites: LIFECYCLE_TESTS,
  },
  {
    name: 'silent-peer-holds-up-the-others',
    incident: 'boxo #1142: workers wait for the silent',
    edits: [
      {
        file: 'src/core/ancestor-walk.ts',
        search: `if (peer.ancestorsRequest !== undefined) continue`,
        replacement: `if (peer.ancestorsRequest !== undefined) return`,
      },
    ],
    suites: SYNC_TESTS,
  },
  {
    name: 'one-round-trip-per-ancestor',
    incident: 'zeam #695: 300 round trips',
    edits: [
      {
        file: 'src/core/ancestor-walk.ts',
        search: `const countMax = limits.HEADERS_PER_MESSAGE_MAX`,
        replacement: `const countMax = 1`,
      },
    ],
    suites: SYNC_TESTS,
  },
  {
    name: 'late-answer-punished',
    incident: 'rule: a slow network is no misbehaviour',
    edits: [{ file: SYNC, search: `if (peer.abandonedCount > 0) peer.abandonedCount -= 1\n    else`, replacement: `` }],
    suites: SYNC_TESTS,
  },
  {
    name: 'range-held-without-its-end',
    incident: 'rule: a range is held for its ends',
    edits: [
      {
        file: 'src/core/range-download.ts',
        search: `if (last === range.to.root && attempt.height === range.to.height)`,
        replacement: `if (attempt.height === range.to.height)`,
      },
    ],
    suites: ['src/core/range-download.test.ts'],
  },
  {
    name: 'slow-range-waited-for',
    incident: 'rule: a stalled range goes to another',
    edits: [
      {
        file: 'src/core/range-download.ts',
        search: `const isSlow = nowMs >= slowAtMs(newest, attempts.length ** 2)`,
        replacement: `const isSlow = false`,
      },
    ],
    suites: ['src/core/range-download.test.ts'],
  },
  {
    name: 'gap-open-to-everybody',
    incident: 'rule: below a gap nothing but the back-fill',
    edits: [
      {
        file: 'src/core/verification.ts',
        search: `const isBackfill = batch.source.type === 'backfill'`,
        replacement: `const isBackfill = true`,
      },
    ],
    suites: ['src/core/backfill-hostile.test.ts'],
  },
  {
    name: 'upper-part-dropped-too-soon',
    incident: 'rule: what is above a gap is stored until it is durable below',
    edits: [
      {
        file: 'src/core/store-writer.ts',
        search: `&& this.#upperEndHeight > 0 && this.#inFlight.length === 0`,
        replacement: `&& this.#upperEndHeight > 0`,
      },
    ],
    suites: ['src/core/backfill-stored.test.ts'],
  },
  {
    name: 'one-source-fills-the-table',
    incident: 'rule P3: a quarter of the peers that we know from one source',
    edits: [
      {
        file: 'src/core/peer-table.ts',
        search: `ofSource.length >= limits.PEER_RECORDS_PER_SOURCE_MAX ? ofSource : isFull`,
        replacement: `isFull`,
      },
    ],
    suites: ['src/core/peer-table.test.ts'],
  },
  {
    name: 'learnt-dials-crowd-out-configured-ones',
    incident: 'rule P4: half of all dials go to configured peers',
    edits: [{ file: 'src/core/dial-schedule.ts', search: `this.#wasLastLearnt && (`, replacement: `false && (` }],
    suites: ['src/core/dial-schedule.test.ts'],
  },
  ...EXCHANGE_MUTANTS,
]
