import { describe, expect, test } from 'vitest'
import { incoming, testBlocks } from '../../../test/exchange/blocks.ts'
import { World } from '../../../test/exchange/exchange-world.ts'

test('a peer whose pong stands behind what it sends is not given up while that keeps coming, and is when it ends', () => {
  const world = new World()
  const server = world.computer('server')
  const puppet = world.puppet('peer')
  world.connect(server, puppet)
  world.run(1_000)
  puppet.answersPings = false
  const [block] = testBlocks(1)
  for (let seconds = 0; seconds < 180; seconds += 10) {
    puppet.say(incoming({ cancels: block === undefined ? [] : [block.cid] }))
    world.run(10_000)
    expect(puppet.isConnected).toBe(true)
  }
  world.run(60_000)
  expect(puppet.isConnected).toBe(false)
})

describe('two light nodes', () => {
  test('1,000 blocks go from one to the other, each once', () => {
    const world = new World()
    const blocks = testBlocks(1_000)
    const server = world.computer('server', { blocks })
    const client = world.computer('client')
    world.connect(client, server)
    for (const { cid } of blocks) client.want(cid)
    world.run(1_000)
    expect(client.deliveredCount).toBe(1_000)
    expect(client.core.exchangeView()).toMatchObject({ blocksReceived: 1_000, duplicateBlocks: 0, wantCount: 0 })
    expect(server.core.exchangeView()).toMatchObject({ blocksSent: 1_000, bytesSent: 200_000 })
    const [served] = server.core.exchangeView().peers.values()
    expect(served).toMatchObject({ ledgerCount: 0, outstandingBytes: 0, isSending: false })
    expect(client.savedCount).toBe(1_000)
  })
})
