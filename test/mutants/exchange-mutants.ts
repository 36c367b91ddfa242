/** The bugs of block exchange that must never come back: boxo's and Helia's, and those next to them. */
import type { Mutant } from './mutant.ts'

const SENDER = 'src/core/exchange/sender.ts'
const RECEIVING = 'src/core/exchange/receiving.ts'
const SCENARIOS = ['test/scenario']

export const EXCHANGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'want-forgotten-before-it-is-drained',
    incident: 'boxo, left open: a failed send is never tried again',
    edits: [{ file: SENDER, search: `peer.ledger.move(entry, 'sending')`, replacement: `peer.ledger.remove(entry)` }],
    suites: SCENARIOS,
  },
  {
    name: 'one-send-slot-for-all-peers',
    incident: 'boxo #1142: workers wait for the silent',
    edits: [
      {
        file: SENDER,
        search: `  #nextSequence = 1\n`,
        replacement: `  #nextSequence = 1\n  #slot: ExchangePeer | undefined\n`,
      },
      {
        file: SENDER,
        search: `if (peer.sending === undefined && !peer.isResting) this.#send(peer, nowMs)`,
        replacement: `if (this.#slot?.sending === undefined && !peer.isResting) this.#send((this.#slot = peer), nowMs)`,
      },
    ],
    suites: SCENARIOS,
  },
  {
    name: 'second-send-while-one-is-on-its-way',
    incident: 'rule X2: one message a peer at a time',
    edits: [
      {
        file: SENDER,
        search: `if (peer.sending === undefined && !peer.isResting) this.#send(peer, nowMs)`,
        replacement: `if (!peer.isResting) this.#send(peer, nowMs)`,
      },
    ],
    suites: SCENARIOS,
  },
  {
    name: 'debts-of-a-silent-peer-kept',
    incident: 'boxo #1142, asking: a silent peer is waited for',
    edits: [{ file: 'src/core/exchange/asking.ts', search: `      this.#fellSilent(peer, nowMs)\n`, replacement: `` }],
    suites: SCENARIOS,
  },
  {
    name: 'unwanted-block-ignored',
    incident: 'rule X6: a liar delays nobody by a timeout',
    edits: [{ file: RECEIVING, search: `    asking.askElsewhere(peer, nowMs)\n`, replacement: `` }],
    suites: SCENARIOS,
  },
  {
    name: 'bytes-delivered-without-hashing',
    incident: 'rule X3: only what hashes to its CID',
    edits: [
      {
        file: RECEIVING,
        search: `const cid = context.cidOf(prefix, bytes)`,
        replacement: `const cid = [...peer.asks.keys()][0] ?? context.cidOf(prefix, bytes)`,
      },
    ],
    suites: SCENARIOS,
  },
  {
    name: 'bad-block-loses-the-others',
    incident: 'boxo, Helia: one unknown hash drops the rest',
    edits: [
      { file: RECEIVING, search: `unknownCount += 1\n      continue`, replacement: `unknownCount += 1\n      break` },
    ],
    suites: SCENARIOS,
  },
  {
    name: 'cancel-not-sent',
    incident: 'Helia: cancels are never sent',
    edits: [
      {
        file: 'src/core/exchange/outgoing.ts',
        search: `peer.outbox.cancels.add(cid)`,
        replacement: `peer.outbox.cancels.delete(cid)`,
      },
    ],
    suites: SCENARIOS,
  },
  {
    name: 'ledger-without-a-bound',
    incident: 'rule X2: ledgers are bounded',
    edits: [
      {
        file: 'src/core/exchange/ledger.ts',
        search: `return this.size < LEDGER_WANTS_MAX && this.#pool.usedCount < LEDGER_POOL_WANTS`,
        replacement: `return true`,
      },
    ],
    suites: ['src/core/exchange/serving.test.ts'],
  },
]
