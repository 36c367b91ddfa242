import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testBlocks } from '../../../test/exchange/blocks.ts'
import { World, type Computer } from '../../../test/exchange/exchange-world.ts'
import type { ConnectionId, WantToken } from '../ids.ts'

/** Blocks of many sizes: some larger than a peer's own share of memory, some too large for one message. */
const SIZES = [10, 200, 1_500, 30_000, 100_000, 700_000]
const BLOCKS = SIZES.flatMap((sizeBytes, index) => testBlocks(20, sizeBytes, 1 + index * 100))
const COMPUTER_COUNT = 4

type Step =
  | {
      readonly type: 'want'
      readonly who: number
      readonly block: number
      readonly count: number
      readonly session: number
    }
  | { readonly type: 'cancel'; readonly who: number; readonly nth: number }
  | { readonly type: 'cut'; readonly who: number; readonly with: number }
  | { readonly type: 'connect'; readonly who: number; readonly with: number; readonly latencyMs: number }
  | { readonly type: 'store'; readonly who: number; readonly block: number; readonly count: number }
  | { readonly type: 'stall'; readonly who: number }
  | { readonly type: 'fail'; readonly who: number; readonly with: number }
  | { readonly type: 'pass'; readonly ms: number }

const who = fc.nat(COMPUTER_COUNT - 1)
const block = fc.nat(BLOCKS.length - 1)
const count = fc.integer({ min: 1, max: 40 })
const pass = fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3_000 }) })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('want' as const), who, block, count, session: fc.nat(2) }),
  fc.record({ type: fc.constant('cancel' as const), who, nth: fc.nat(50) }),
  fc.record({ type: fc.constant('cut' as const), who, with: who }),
  fc.record({ type: fc.constant('connect' as const), who, with: who, latencyMs: fc.integer({ min: 0, max: 300 }) }),
  fc.record({ type: fc.constant('store' as const), who, block, count }),
  fc.record({ type: fc.constant('stall' as const), who }),
  fc.record({ type: fc.constant('fail' as const), who, with: who }),
  pass,
  pass,
)

class Run {
  readonly world = new World()
  readonly computers: Computer[]
  readonly #links: { one: number; two: number; connection: ConnectionId }[] = []
  readonly #tokens: { owner: Computer; token: WantToken }[] = []

  constructor() {
    const names = Array.from({ length: COMPUTER_COUNT }, (_, index) => `computer${index}`)
    this.computers = names.map((name, index) => this.world.computer(name, { storeLatencyMs: index * 5, maxPeers: 8 }))
  }

  at(index: number): Computer {
    const computer = this.computers[index]
    if (computer === undefined) throw new Error(`no computer ${index}`)
    return computer
  }

  play(next: Step): void {
    switch (next.type) {
      case 'want':
        for (const { cid } of BLOCKS.slice(next.block, next.block + next.count)) {
          const owner = this.at(next.who)
          this.#tokens.push({ owner, token: owner.want(cid, next.session) })
        }
        return
      case 'cancel': {
        const wanted = this.#tokens[next.nth]
        wanted?.owner.cancel(wanted.token)
        return
      }
      case 'cut':
        for (const { one, two, connection } of this.#links) {
          if ((one === next.who && two === next.with) || (one === next.with && two === next.who)) {
            this.at(one).cut(connection)
          }
        }
        return
      case 'connect':
        this.connect(next.who, next.with, next.latencyMs)
        return
      case 'store':
        this.at(next.who).store(BLOCKS.slice(next.block, next.block + next.count))
        return
      case 'stall':
        this.at(next.who).drains = !this.at(next.who).drains
        return
      case 'fail':
        for (const { connection } of this.#links) this.at(next.who).fail(connection, 'closed')
        return
      case 'pass':
        this.world.run(next.ms)
    }
  }

  connect(one: number, two: number, latencyMs: number): void {
    if (one === two) return
    const { from } = this.world.connect(this.at(one), this.at(two), { latencyMs, bytesPerMs: 2_000 })
    this.#links.push({ one, two, connection: from })
  }

  /** All is well again: everybody is connected, and every block is somewhere. */
  heal(): void {
    for (const computer of this.computers) computer.drains = true
    for (let one = 0; one < COMPUTER_COUNT; one += 1) {
      for (let two = one + 1; two < COMPUTER_COUNT; two += 1) this.connect(one, two, 10)
    }
    this.at(0).store(BLOCKS)
    this.world.run(200_000)
  }
}

test('whatever happens: every want is settled once, all is delivered once all is well, and nothing is left', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const run = new Run()
      for (const next of steps) run.play(next)
      run.heal()
      for (const { core, peer, warnings } of run.computers) {
        const view = core.exchangeView()
        expect({ peer, wantCount: view.wantCount, unwanted: view.unwantedBlocks, warnings }).toEqual({
          peer,
          wantCount: 0,
          unwanted: 0,
          warnings: [],
        })
        for (const { ledgerCount, owedCount, outstandingBytes, isSending } of view.peers.values()) {
          expect({ owedCount, outstandingBytes, isSending }).toEqual({
            owedCount: 0,
            outstandingBytes: 0,
            isSending: false,
          })
          expect(ledgerCount).toBe(0)
        }
      }
    }),
    { numRuns: 200 },
  )
}, 120_000)
