import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { TabPeerStore } from './tab-peer-store.ts'

async function somebody(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

test('what is merged is added, what is patched replaces, what is undefined goes', async () => {
  const [own, peer] = await Promise.all([somebody(), somebody()])
  const store = new TabPeerStore(own)
  const [first, second] = [multiaddr('/ip4/127.0.0.1/tcp/1'), multiaddr('/ip4/127.0.0.1/tcp/2')]
  await store.merge(peer, { multiaddrs: [first], protocols: ['/a'], tags: { relay: { value: 1, ttl: 1 } } })
  await store.merge(peer, {
    multiaddrs: [first, second],
    protocols: ['/a', '/b'],
    metadata: { name: Uint8Array.of(1) },
  })
  expect(await store.get(peer)).toMatchObject({ protocols: ['/a', '/b'], tags: new Map([['relay', { value: 1 }]]) })
  expect((await store.get(peer)).addresses.map((address) => address.multiaddr.toString())).toEqual([
    first.toString(),
    second.toString(),
  ])
  await store.merge(peer, { tags: { relay: undefined } })
  await store.patch(peer, { protocols: ['/c'], peerRecordEnvelope: Uint8Array.of(7) })
  const known = await store.patch(peer, { multiaddrs: [second] })
  expect(known).toMatchObject({ protocols: ['/c'], tags: new Map(), peerRecordEnvelope: Uint8Array.of(7) })
  expect(known.addresses).toHaveLength(1)
  expect([...known.metadata.keys()]).toEqual(['name'])
  expect(await store.all({ filters: [({ protocols }) => protocols.includes('/c')] })).toEqual([known])
  expect(await store.all({ filters: [({ protocols }) => protocols.includes('/a')] })).toEqual([])
  await store.delete(peer)
  await expect(store.get(peer)).rejects.toMatchObject({ name: 'NotFoundError' })
})

test('1,000 peers are remembered: of one more the oldest is forgotten, and never ourselves', async () => {
  const [own, ...peers] = await Promise.all(Array.from({ length: 1_002 }, somebody))
  if (own === undefined) throw new Error('expected ourselves')
  const store = new TabPeerStore(own)
  await store.merge(own, { protocols: ['/own'] })
  for (const peer of peers.slice(0, 1_000)) await store.merge(peer, { protocols: ['/a'] })
  expect(await store.all()).toHaveLength(1_001)
  for (const peer of peers.slice(1_000)) await store.merge(peer, { protocols: ['/a'] })
  expect(await store.all()).toHaveLength(1_001)
  const [oldest, next] = peers
  if (oldest === undefined || next === undefined) throw new Error('expected peers')
  await expect(store.get(oldest)).rejects.toMatchObject({ name: 'NotFoundError' })
  expect((await store.get(next)).protocols).toEqual(['/a'])
  expect((await store.get(own)).protocols).toEqual(['/own'])
})
