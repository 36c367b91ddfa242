import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { ProtobufWriter } from '../wire/protobuf.ts'
import { decodeIdentity, encodeIdentity } from './tab-identify.ts'

const ADDRESS = multiaddr('/ip4/127.0.0.1/tcp/1')

test('what is told is heard, in order', () => {
  const bytes = encodeIdentity(
    { userAgent: 'a tab', publicKey: Uint8Array.of(8, 1), addresses: [ADDRESS], protocols: ['/b/1', '/a/1'] },
    multiaddr('/ip4/127.0.0.1/tcp/2'),
  )
  const { listenAddrs, protocols, agentVersion } = decodeIdentity(bytes)
  expect(listenAddrs.map((address) => address.toString())).toEqual([ADDRESS.toString()])
  expect([protocols, agentVersion]).toEqual([['/b/1', '/a/1'], 'a tab'])
})

test('an address of an unknown kind is left out, and what is no message is refused', () => {
  const unknown = new ProtobufWriter()
    .bytes(2, Uint8Array.of(255, 255, 3))
    .bytes(2, ADDRESS.bytes)
    .finish()
  expect(decodeIdentity(unknown).listenAddrs).toHaveLength(1)
  expect(() => decodeIdentity(unknown.subarray(1))).toThrow()
  expect(decodeIdentity(new Uint8Array())).toEqual({ listenAddrs: [], protocols: [], agentVersion: '' })
})
