/** Two real cores, one link or two, and the incidents that need no more. */
import { expect, test } from 'vitest'
import type { LightNodeCore } from '../../src/core/core.ts'
import type { PeerId } from '../../src/core/ids.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import type { Computer } from './computer.ts'
import { createSimulatedToyChain } from './simulated-chain.ts'
import { Watch } from './watch.ts'
import { addressOf, World } from './world.ts'

interface Two {
  readonly world: World
  readonly one: Computer
  readonly other: Computer
  /** How often a peer became ready, on both sides together. */
  readonly readyCount: () => number
}

/** Started, with nothing between them; the first stays connected to the second where it is told to. */
function createTwo(args: { isDialling: boolean; isOneSmaller?: boolean }): Two {
  const { chain, unixMs, continues } = createSimulatedToyChain()
  const seed = 1
  const watch = new Watch({
    seed,
    chain: chain.id,
    genesis: chain.genesis,
    maxPeers: () => 8,
    isThorough: true,
    isHonestPeer: () => true,
  })
  const { headerSizeBytes } = chain
  const world = new World({
    seed,
    unixMs,
    headerSizeBytes,
    continues,
    observer: watch,
    latencyMs: { min: 20, max: 40 },
  })
  const [one, other] = [0, 1].map((index) =>
    world.addComputer({
      isHonest: true,
      isStoreWritable: true,
      targets: index === 0 && args.isDialling ? [addressOf(1)] : [],
      createMachine: ({ peer, targets }) =>
        createLightNodeCore({
          chain,
          ownPeer: peer,
          agent: 'two',
          peers: targets,
          maxPeers: 8,
          seed,
          isAuthority: false,
        }),
    }),
  )
  if (one === undefined || other === undefined) throw new Error('expected two computers')
  const { isOneSmaller = true } = args
  one.peer = (isOneSmaller ? 'peer-a' : 'peer-z') as PeerId
  other.peer = (isOneSmaller ? 'peer-z' : 'peer-a') as PeerId
  one.start()
  other.start()
  world.time.runUntil(100)
  return { world, one, other, readyCount: () => watch.effectCounts.get('peer-ready') ?? 0 }
}

function readyPeers(computer: Computer): readonly string[] {
  const { peers } = (computer.machine as LightNodeCore).view()
  return peers.flatMap(({ id, state }) => (state === 'ready' ? [id] : []))
}

function expectOneHealthyConnection({ one, other }: Two): void {
  expect(readyPeers(one)).toEqual([other.peer])
  expect(readyPeers(other)).toEqual([one.peer])
  expect(one.host.ends.size).toBe(1)
  expect(other.host.ends.size).toBe(1)
}

// Measured on libp2p: which of the two connections each side sees first.
test.each([
  { order: 'memory: A saw out, in; B saw in, out', oneSeesOwnFirst: true, otherSeesOwnFirst: false },
  { order: 'TCP and noise: A saw out, in; B saw out, in', oneSeesOwnFirst: true, otherSeesOwnFirst: true },
  { order: 'late muxer: A saw in, out; B saw in, out', oneSeesOwnFirst: false, otherSeesOwnFirst: false },
])('a simultaneous dial ends with one ready a side and one connection ($order)', (row) => {
  const two = createTwo({ isDialling: false })
  const { world, one, other } = two
  const [first, second] = [10, 15]
  world.connectUnasked(one, other, {
    dialer: row.oneSeesOwnFirst ? first : second,
    listener: row.otherSeesOwnFirst ? second : first,
  })
  world.connectUnasked(other, one, {
    dialer: row.otherSeesOwnFirst ? first : second,
    listener: row.oneSeesOwnFirst ? second : first,
  })
  world.time.runUntil(60_000)
  expectOneHealthyConnection(two)
  expect(two.readyCount()).toBe(2)
})

// The one that dials does so again at once, and is the only one to whom the other was ever gone; where it is the other
// that lost the connection, nobody dials before a ping finds it out, and then both have lost it.
test.each([
  { loser: 'the smaller id, which dials', isDialerLost: true, isOneSmaller: true, readyCount: 3 },
  { loser: 'the larger id, which dials', isDialerLost: true, isOneSmaller: false, readyCount: 3 },
  { loser: 'the larger id, which is dialled', isDialerLost: false, isOneSmaller: true, readyCount: 4 },
  { loser: 'the smaller id, which is dialled', isDialerLost: false, isOneSmaller: false, readyCount: 4 },
])(
  'a half-open connection, lost by $loser, does not cost the new one',
  ({ isDialerLost, isOneSmaller, readyCount }) => {
    const two = createTwo({ isDialling: true, isOneSmaller })
    const { world } = two
    world.time.runUntil(20_000)
    expectOneHealthyConnection(two)
    const [link] = world.openLinks()
    if (link === undefined) throw new Error('expected a link')
    const [lost, unaware] = isDialerLost ? [link.dialer, link.listener] : [link.listener, link.dialer]
    unaware.isDeaf = true
    lost.owner.closeArrived(lost)
    world.time.runUntil(140_000)
    expectOneHealthyConnection(two)
    expect(two.readyCount()).toBe(readyCount)
  },
)

test('a dead surplus connection is given up by the side that must not close surplus ones', () => {
  for (const isOneUnaware of [true, false]) {
    const two = createTwo({ isDialling: false, isOneSmaller: !isOneUnaware })
    const { world, one, other } = two
    const links = [world.connectUnasked(one, other), world.connectUnasked(other, one)]
    world.time.runUntil(800)
    // Whichever is closed as surplus: the other side never hears of it.
    for (const link of links) {
      for (const end of link === undefined ? [] : [link.dialer, link.listener]) {
        if ((end.owner === one.host) === isOneUnaware) end.isCloseLost = true
      }
    }
    world.time.runUntil(120_000)
    expectOneHealthyConnection(two)
  }
})
