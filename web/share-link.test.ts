import { expect, test } from 'vitest'
import { sharedLink } from './share-link.ts'

const PAGE = new URL('https://gateway.example/rushlight/?x=1#peer=/old')
const LOCAL = '/ip4/192.168.0.7/tcp/8645/ws/p2p/relay/p2p-circuit/webrtc/p2p/tab'
const PUBLIC = '/dns4/gateway.example/tcp/443/tls/ws/p2p/relay/p2p-circuit/webrtc/p2p/tab'

test('the page without its own peers, and one peer that it reads back', () => {
  const link = sharedLink([PUBLIC], PAGE)
  expect(link?.url).toMatch(/^https:\/\/gateway\.example\/rushlight\/#peer=/)
  expect(new URLSearchParams(new URL(link?.url ?? '').hash.slice(1)).getAll('peer')).toEqual([PUBLIC])
})

test('the address that reaches furthest, and no further than the page', () => {
  expect(sharedLink([], PAGE)).toBeUndefined()
  expect(sharedLink([LOCAL, PUBLIC], PAGE)).toMatchObject({ address: PUBLIC, reach: 'anywhere' })
  expect(sharedLink([LOCAL], PAGE)?.reach).toBe('local-network')
  expect(sharedLink([PUBLIC], new URL('http://127.0.0.1:8645/'))?.reach).toBe('this-machine')
})
