/** Messages that no honest peer sends, thrown at a whole core: it never throws, keeps its rules, and stays bounded. */
import { createRandomSource, type RandomSource } from '../../src/core/random.ts'
import type { IncomingExchange, WantEntry } from '../../src/core/exchange/exchange-message.ts'
import { LEDGER_WANTS_MAX, LENT_BYTES_MAX, OWN_BYTES_PER_PEER } from '../../src/core/limits.ts'
import { asReceived, testBlock, testBlocks, type TestBlock } from './blocks.ts'
import { World, type Computer, type Puppet } from './exchange-world.ts'

const SIZES = [0, 10, 200, 1_025, 40_000, 300_000]
const KNOWN: readonly TestBlock[] = SIZES.flatMap((sizeBytes, index) => testBlocks(8, sizeBytes, 1 + index * 100))

export function fuzzEngine(args: {
  readonly seed: number
  readonly messageCount: number
  readonly isChecked?: boolean
}): Computer {
  const { isChecked = true } = args
  const random = createRandomSource(args.seed)
  const world = new World()
  const computer = world.computer('fuzzed', { blocks: KNOWN.slice(0, 30), storeLatencyMs: 2, maxPeers: 8, isChecked })
  const puppets = new Map<number, Puppet>()
  const puppetAt = (index: number): Puppet => {
    let puppet = puppets.get(index)
    // Who was struck comes back under another name.
    if (puppet?.isConnected !== true) {
      puppet = world.puppet(`puppet${index}-${Math.floor(random() * 1e9)}`)
      world.connect(computer, puppet, { isExchangeOnly: index === 0, bytesPerMs: 500 })
      puppets.set(index, puppet)
    }
    return puppet
  }
  for (let count = 0; count < args.messageCount; count += 1) {
    const puppet = puppetAt(Math.floor(random() * 4))
    puppet.drains = random() < 0.8
    puppet.say(randomMessage(random))
    if (random() < 0.3) computer.want(pick(random).cid, Math.floor(random() * 3))
    if (random() < 0.1) world.run(random() * 300)
  }
  for (const puppet of puppets.values()) puppet.drains = true
  world.run(120_000)
  let outstandingBytes = 0
  for (const peer of computer.core.exchangeView().peers.values()) {
    if (peer.ledgerCount > LEDGER_WANTS_MAX) throw new Error(`a ledger of ${peer.ledgerCount} wants`)
    outstandingBytes += Math.max(0, peer.outstandingBytes - OWN_BYTES_PER_PEER)
  }
  if (outstandingBytes > LENT_BYTES_MAX) throw new Error(`${outstandingBytes} bytes are lent`)
  return computer
}

function pick(random: RandomSource): TestBlock {
  return KNOWN[Math.floor(random() * KNOWN.length)] ?? testBlock({ number: 1 })
}

function some<Item>(random: RandomSource, make: () => Item): Item[] {
  return random() < 0.5 ? [] : Array.from({ length: Math.floor(random() * 12) }, make)
}

function randomMessage(random: RandomSource): IncomingExchange {
  const cid = (): WantEntry['cid'] => pick(random).cid
  const want = (): WantEntry => ({
    cid: cid(),
    priority: Math.floor((random() - 0.5) * 2 ** 32),
    want: random() < 0.5 ? 'block' : 'have',
    sendDontHave: random() < 0.5,
  })
  const blocks = some(random, () => {
    // Now and then one that nobody asked for.
    const block = random() < 0.02 ? testBlock({ number: 1e6 + Math.floor(random() * 1e6) }) : pick(random)
    return { cid: block.cid, bytes: block.bytes }
  })
  const message = {
    wants: some(random, want),
    cancels: some(random, cid),
    isFullWantlist: random() < 0.1,
    blocks: random() < 0.2 ? blocks : [],
    haves: some(random, cid),
    dontHaves: some(random, cid),
    pendingBytes: Math.floor(random() * 1e6),
  }
  const received = asReceived(message)
  return random() < 0.005 ? { ...received, unreadableBlockCount: 1 } : received
}
