import { expect, test } from 'vitest'
import { bitcoin } from '../bitcoin.ts'
import { bitcoinPeersProblem, createBitcoinSide } from './bitcoin-side.nodejs.ts'

test('named peers are dialled once each, at their port or the usual one', () => {
  const peers = ['127.0.0.1', '127.0.0.1:8333', 'Node.Example', '[2001:DB8::1]', '10.0.0.1:9']
  expect(createBitcoinSide({ chain: bitcoin('mainnet'), peers }).peers).toEqual([
    'bitcoin://127.0.0.1:8333',
    'bitcoin://node.example:8333',
    'bitcoin://[2001:db8::1]:8333',
    'bitcoin://10.0.0.1:9',
  ])
})

test('any peers are eight', () => {
  const { peers } = createBitcoinSide({ chain: bitcoin('signet'), peers: 'any' })
  expect([peers.length, peers[0], peers[7]]).toEqual([8, 'bitcoin://any/1', 'bitcoin://any/8'])
})

test('an app may connect to a Bitcoin peer, and to others as before', () => {
  const { addressProblem } = createBitcoinSide({ chain: bitcoin('regtest'), peers: [] })
  expect(addressProblem('bitcoin://127.0.0.1:1')).toBeUndefined()
  expect(addressProblem('/ip4/127.0.0.1/tcp/1')).toBeUndefined()
  expect(addressProblem('bitcoin://127.0.0.1')).toMatch(/^expected /)
  expect(addressProblem(7)).toMatch(/^expected /)
})

test('another chain has no Bitcoin peers', () => {
  expect(bitcoinPeersProblem('toy:1', ['127.0.0.1:1'])).toBe('nothing: toy:1 has no Bitcoin network')
})
