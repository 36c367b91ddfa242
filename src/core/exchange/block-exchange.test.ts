import { describe, expect, test } from 'vitest'
import { testBlocks } from '../../../test/exchange/blocks.ts'
import { World } from '../../../test/exchange/exchange-world.ts'

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
