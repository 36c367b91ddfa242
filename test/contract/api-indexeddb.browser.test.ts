/** The API with its store in IndexedDB, in a real tab: restarts, and a second light node of the same origin. */
import { deleteDB } from 'idb'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import { createLightNode } from '../../src/browser.ts'
import type { LightNode } from '../../src/driver/api.ts'
import { openGateway } from './gateway-desk.ts'

const CHAIN = bitcoin('regtest')

beforeEach(async () => {
  await deleteDB(`rushlight:${CHAIN.id}`)
})

/** With the default store. */
async function create(peers: readonly string[]): Promise<LightNode> {
  const lightNode = await createLightNode({ chain: CHAIN, peers })
  onTestFinished(() => lightNode.stop())
  return lightNode
}

function until(lightNode: LightNode, fits: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!fits()) return
      end()
      resolve()
    }
    const end = lightNode.subscribe(look)
    look()
  })
}

test('after a restart the stored head is there at once, and then verified without a peer', async () => {
  const gateway = await openGateway({ headerCount: 2_500 })
  const first = await create([gateway.url])
  await first.ready()
  await first.stop()
  await gateway.close()

  const second = await create([])
  expect(second.head).toMatchObject({ ...gateway.head, trust: 'stored', confirmedBy: 0 })
  await until(second, () => second.head.trust === 'genesis')
  expect(second.head).toMatchObject(gateway.head)
  expect(second.snapshot().store).toMatchObject({ kind: 'indexeddb', reason: undefined, headerCount: 2_501 })
  expect(second.peerId).not.toBe(first.peerId)
})

test('a second light node of the origin follows in memory, says so, and writes once the first is gone', async () => {
  const gateway = await openGateway({ headerCount: 2_500 })
  const first = await create([gateway.url])
  await first.ready()
  await until(first, () => first.snapshot().store.headerCount === 2_501)
  const second = await create([gateway.url])
  await second.ready()
  await until(second, () => second.head.height === 2_500)
  expect(second.snapshot().store.reason).toMatch(/another tab/)
  await gateway.mine({ count: 3 })
  await until(second, () => second.head.height === 2_503)
  await until(first, () => first.snapshot().store.headerCount === 2_504)
  await first.stop()
  await gateway.mine({ count: 2, onHeight: 2_502, salt: 1 })
  await until(second, () => second.snapshot().store.headerCount === 2_505)
  expect(second.snapshot().store.reason).toBeUndefined()
  const { root } = second.head
  await second.stop()
  const third = await create([])
  expect(third.head).toMatchObject({ height: 2_504, root, trust: 'stored' })
})
