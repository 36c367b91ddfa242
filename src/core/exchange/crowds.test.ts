import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { incoming, testBlock, testBlocks, type TestBlock } from '../../../test/exchange/blocks.ts'
import { World, type Computer, type Puppet } from '../../../test/exchange/exchange-world.ts'
import type { Cid } from '../ids.ts'
import * as limits from '../limits.ts'
import type { OutgoingExchange } from './exchange-message.ts'

function wanting(cids: readonly Cid[]): Parameters<Puppet['say']>[0] {
  return incoming({ wants: cids.map((cid) => ({ cid, priority: 1, want: 'block', sendDontHave: true })) })
}

function puppets(world: World, server: Computer, count: number, name: string): Puppet[] {
  return Array.from({ length: count }, (_, index) => {
    const puppet = world.puppet(`${name}${index}`)
    world.connect(server, puppet, { latencyMs: 10 })
    return puppet
  })
}

describe('silent peers', () => {
  /** Virtual time until all of them have 40 blocks of 100 KiB from one server. */
  function serveClients(silentCount: number): number {
    const world = new World()
    const blocks = testBlocks(40, 100 * 1024)
    const server = world.computer('server', { blocks, maxPeers: 200, isChecked: false })
    const silent = puppets(world, server, silentCount, 'silent')
    const clients = Array.from({ length: 24 }, (_, index) => world.computer(`client${index}`, { isChecked: false }))
    for (const client of clients) world.connect(client, server, { latencyMs: 10, bytesPerMs: 200 })
    world.run(1_000)
    for (const puppet of silent) {
      puppet.drains = false
      puppet.say(wanting(blocks.map(({ cid }) => cid)))
    }
    const startMs = world.nowMs
    for (const client of clients) for (const { cid } of blocks) client.want(cid)
    world.run(600_000, () => clients.every(({ deliveredCount }) => deliveredCount === blocks.length))
    return world.nowMs - startMs
  }

  test('of those served, one in ten silent costs the others nothing', () => {
    const alone = serveClients(0)
    const beside = serveClients(4)
    expect(alone / beside).toBeGreaterThanOrEqual(0.99)
  })

  /** Virtual time for 30,000 blocks with 500 wanted at a time, of 40 peers that have everything. */
  function askServers(silentCount: number): number {
    const world = new World()
    const blocks = testBlocks(30_000)
    const client = world.computer('client', { isChecked: false })
    for (let index = 0; index < 40; index += 1) {
      // Silent ones are neither the nearest nor the farthest.
      const isSilent = index % 10 === 5 && index < silentCount * 10
      const latencyMs = 80 + (index % 20) * 2
      const name = `${isSilent ? 'silent' : 'server'}${index}`
      const server = isSilent ? world.puppet(name) : world.computer(name, { blocks, isChecked: false })
      world.connect(client, server, { latencyMs })
    }
    world.run(1_000)
    const startMs = world.nowMs
    let next = 0
    const wantMore = (): boolean => {
      for (; next < blocks.length && next - client.deliveredCount < 500; next += 1) {
        const cid = blocks[next]?.cid
        if (cid !== undefined) client.want(cid)
      }
      return client.deliveredCount === blocks.length
    }
    world.run(600_000, wantMore)
    expect(client.deliveredCount).toBe(blocks.length)
    return world.nowMs - startMs
  }

  test('of those asked, one in ten silent costs one per cent at most', () => {
    const alone = askServers(0)
    const beside = askServers(4)
    expect(alone / beside).toBeGreaterThanOrEqual(0.99)
  })

  test("boxo's table: of 200 peers that want a block 20 never drain it; the others are served within a second", () => {
    const world = new World()
    const block = testBlock({ number: 1 })
    const server = world.computer('server', { blocks: [block], maxPeers: 200, isChecked: false })
    const all = puppets(world, server, 200, 'peer')
    world.run(100)
    const silent = all.filter((_, index) => index % 10 === 0)
    for (const puppet of silent) puppet.drains = false
    for (const puppet of all) puppet.say(wanting([block.cid]))
    world.run(1_000)
    expect(all.filter((puppet) => puppet.take().blocks === 1)).toHaveLength(180)
    expect([...server.core.exchangeView().peers.values()].filter(({ isSending }) => isSending)).toHaveLength(20)
    world.run(2_000)
    expect([...server.core.exchangeView().peers.values()].filter(({ isSending }) => isSending)).toHaveLength(0)
  })
})

describe('uneven peers', () => {
  /** Virtual time for 1,979 blocks of 600 bytes of peers with these speeds. */
  function fetchFrom(bytesPerMs: readonly number[]): number {
    const world = new World()
    const client = world.computer('client', { isChecked: false })
    const blocks = testBlocks(1_979, 600)
    for (const [index, speed] of bytesPerMs.entries()) {
      world.connect(client, world.computer(`server${index}`, { blocks, isChecked: false }), { bytesPerMs: speed })
    }
    world.run(1_000)
    const startMs = world.nowMs
    for (const { cid } of blocks) client.want(cid)
    world.run(600_000, () => client.deliveredCount === blocks.length)
    expect(client.core.exchangeView().unwantedBlocks).toBe(0)
    return world.nowMs - startMs
  }

  test('a slow peer beside a fast one does not make a session slower than the fast one alone', () => {
    const alone = fetchFrom([1_000])
    const beside = fetchFrom([1_000, 12.5])
    console.log(`a fast peer alone: ${alone.toFixed(0)} ms; beside one of 100 kbit/s: ${beside.toFixed(0)} ms`)
    expect(beside).toBeLessThan(alone + 1_000)
  })

  test('two peers that are alike take half the time of one', () => {
    expect(fetchFrom([100, 100])).toBeLessThan(fetchFrom([100]) * 0.6)
  })
})

describe('liars', () => {
  /** Virtual time until one session has a Bitcoin block's worth of transactions. */
  function fetchTransactions(servers: (world: World, blocks: readonly TestBlock[]) => void): number {
    const world = new World()
    const client = world.computer('client', { isChecked: false })
    const blocks = testBlocks(1_979, 600)
    servers(world, blocks)
    for (const other of world.computers) if (other !== client) world.connect(client, other, { bytesPerMs: 1_000 })
    world.run(1_000)
    const startMs = world.nowMs
    for (const { cid } of blocks) client.want(cid)
    world.run(600_000, () => client.deliveredCount === blocks.length)
    return world.nowMs - startMs
  }

  /** Every so manieth block it sends is another than it was asked for. */
  function lie(everyNth: number): (message: OutgoingExchange) => OutgoingExchange {
    let sentCount = 0
    return (message) => ({
      ...message,
      blocks: message.blocks.map(({ cid, bytes }) => {
        sentCount += 1
        const number = 5_000_000 + sentCount
        return sentCount % everyNth === 0
          ? { cid, bytes: testBlock({ number, sizeBytes: bytes.length }).bytes }
          : { cid, bytes }
      }),
    })
  }

  test('one silent peer and one that lies about every 50th block delay a session by less than two seconds', () => {
    const alone = fetchTransactions((world, blocks) => void world.computer('honest', { blocks, isChecked: false }))
    const beside = fetchTransactions((world, blocks) => {
      world.computer('honest', { blocks, isChecked: false })
      world.computer('silent', { isChecked: false }).onSend = () => undefined
      world.computer('liar', { blocks, isChecked: false }).onSend = lie(50)
    })
    expect(beside - alone).toBeLessThan(2_000)
  })

  test('a liar alone delays nobody by a timeout', () => {
    const alone = fetchTransactions((world, blocks) => void world.computer('honest', { blocks, isChecked: false }))
    const beside = fetchTransactions((world, blocks) => {
      world.computer('honest', { blocks, isChecked: false })
      world.computer('liar', { blocks, isChecked: false }).onSend = lie(50)
    })
    expect(beside).toBeLessThan(alone + limits.SILENCE_MS_MIN)
  })
})

describe('memory', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void

  function heapBytes(): number {
    collect()
    return process.memoryUsage().heapUsed
  }

  const DIGITS = 'abcdefghijklmnopqrstuvwxyz234567'

  /** Texts of their own, as the wire makes them, that nobody else holds. */
  function freshCids(count: number, from: number): Cid[] {
    return Array.from({ length: count }, (_, index) => {
      let number = from + index
      let text = ''
      for (; text.length < 51; number = Math.floor(number / 32)) text += DIGITS[number % 32] ?? 'a'
      return Buffer.from(`bafkreia${text}`).toString('latin1') as Cid
    })
  }

  test('1,000 peers that want 1,000 blocks each and drain nothing: bounded, and a newcomer is served at once', () => {
    const world = new World()
    const shared = testBlocks(500, 60_000)
    const server = world.computer('server', { blocks: shared, maxPeers: 1_100, isChecked: false })
    const all = puppets(world, server, 1_000, 'peer')
    world.run(100)
    const before = heapBytes()
    for (const [index, puppet] of all.entries()) {
      puppet.drains = false
      // Half of it is here, half of it is not.
      puppet.say(wanting([...shared.map(({ cid }) => cid), ...freshCids(500, index * 1_000)]))
    }
    world.run(500)
    const view = server.core.exchangeView()
    const held = [...view.peers.values()]
    expect(held.every(({ ledgerCount }) => ledgerCount === 1_000)).toBe(true)
    const outstandingBytes = held.reduce((sum, peer) => sum + peer.outstandingBytes, 0)
    expect(outstandingBytes).toBeLessThanOrEqual(1_000 * limits.OWN_BYTES_PER_PEER + limits.LENT_BYTES_MAX)
    const usedBytes = heapBytes() - before
    console.log(
      `1,000 peers with 1,000 wants each: ${(usedBytes / 2 ** 20).toFixed(0)} MiB of heap, ${(outstandingBytes / 2 ** 20).toFixed(0)} MiB of blocks outstanding`,
    )
    expect(usedBytes + outstandingBytes).toBeLessThan(300 * 2 ** 20)
    const newcomer = world.puppet('newcomer')
    world.connect(server, newcomer, { latencyMs: 10 })
    world.run(20)
    newcomer.say(wanting([shared[0]?.cid ?? ('' as Cid)]))
    world.run(100)
    expect(newcomer.take().blocks).toBe(1)
  }, 60_000)

  test('a want of what is not here takes next to nothing of the heap, however often it is repeated', () => {
    const world = new World()
    const server = world.computer('server', { maxPeers: 100, isChecked: false })
    const all = puppets(world, server, 100, 'peer')
    world.run(100)
    const before = heapBytes()
    for (let round = 0; round < 3; round += 1) {
      for (const [index, puppet] of all.entries()) {
        const wants = freshCids(1_000, index * 1_000).map((cid) => {
          return { cid, priority: 1, want: 'block', sendDontHave: false } as const
        })
        puppet.say(incoming({ wants }))
      }
      world.run(100)
    }
    const bytesPerWant = (heapBytes() - before) / 100_000
    console.log(`a want of an absent block: ${bytesPerWant.toFixed(0)} bytes of heap`)
    const held = [...server.core.exchangeView().peers.values()]
    expect(held.every(({ ledgerCount }) => ledgerCount === 1_000)).toBe(true)
    expect(bytesPerWant).toBeLessThan(40)
  }, 60_000)

  test('storms of wants, cancels and wants again hold no more than one of them', () => {
    const world = new World()
    const server = world.computer('server', { maxPeers: 100, isChecked: false })
    const all = puppets(world, server, 50, 'peer')
    world.run(100)
    for (const puppet of all) puppet.drains = false
    const storm = (round: number): void => {
      for (const [index, puppet] of all.entries()) {
        const cids = freshCids(1_000, (round * 100 + index) * 1_000)
        puppet.say(wanting(cids))
        puppet.say(wanting(cids.slice(500)))
        puppet.say(incoming({ cancels: cids }))
        puppet.say(wanting(cids))
        if (round % 2 === 0) puppet.say(incoming({ isFullWantlist: true }))
        else puppet.say(incoming({ cancels: cids }))
      }
    }
    for (let round = 0; round < 4; round += 1) storm(round)
    const before = heapBytes()
    for (let round = 4; round < 24; round += 1) storm(round)
    world.run(10)
    const grownBytes = heapBytes() - before
    console.log(`20 storms of 50 peers with 1,000 wants each: heap grew by ${(grownBytes / 2 ** 20).toFixed(1)} MiB`)
    expect(grownBytes).toBeLessThan(16 * 2 ** 20)
    expect([...server.core.exchangeView().peers.values()].every(({ ledgerCount }) => ledgerCount === 0)).toBe(true)
  }, 60_000)
})

describe('fairness', () => {
  test('memory that is lent goes to whoever was served least: nobody is far ahead', () => {
    const world = new World()
    const blocks = testBlocks(12, 2 * 1024 * 1024 - 100)
    const server = world.computer('server', { blocks, maxPeers: 100, isChecked: false })
    const all = puppets(world, server, 60, 'peer')
    world.run(100)
    for (const puppet of all) puppet.say(wanting(blocks.map(({ cid }) => cid)))
    let spread = 0
    for (let count = 0; count < 400; count += 1) {
      world.run(20)
      const sent = [...server.core.exchangeView().peers.values()].map(({ blocksSent }) => blocksSent)
      if (Math.max(...sent) < blocks.length) spread = Math.max(spread, Math.max(...sent) - Math.min(...sent))
    }
    expect(server.core.exchangeView().blocksSent).toBe(60 * 12)
    expect(spread).toBeLessThanOrEqual(2)
  })

  test('who drains nothing of what others wait for is reset, and they go on', () => {
    const world = new World()
    const blocks = testBlocks(4, 2 * 1024 * 1024 - 100)
    const server = world.computer('server', { blocks, maxPeers: 100, isChecked: false })
    const silent = puppets(world, server, 40, 'silent')
    world.run(100)
    for (const puppet of silent) {
      puppet.drains = false
      puppet.say(wanting(blocks.map(({ cid }) => cid)))
    }
    world.run(1_000)
    const newcomer = world.puppet('newcomer')
    world.connect(server, newcomer, { latencyMs: 10, bytesPerMs: 100_000 })
    world.run(20)
    newcomer.say(wanting(blocks.map(({ cid }) => cid)))
    world.run(limits.LOAN_STALLED_MS + 1_000)
    expect(newcomer.take().blocks).toBe(4)
  })
})
