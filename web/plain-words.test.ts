import { expect, test } from 'vitest'
import { explainConnectFailure, explainUnreached } from './plain-words.ts'

const PUBLIC_HTTPS = { protocol: 'https:', hostname: 'page.example' }
const PUBLIC_HTTP = { protocol: 'http:', hostname: 'page.example' }
const LOOPBACK_HTTP = { protocol: 'http:', hostname: '127.0.0.1' }

test('mixed content: an encrypted page and an unencrypted address', () => {
  expect(explainUnreached('/dns4/gateway.example/tcp/80/ws', PUBLIC_HTTPS).headline).toContain('this page is encrypted')
  expect(explainUnreached('http://gateway.example', PUBLIC_HTTPS).headline).toContain('this page is encrypted')
  expect(explainUnreached('http://gateway.example', PUBLIC_HTTP).headline).toContain('Nobody could be reached')
  expect(explainUnreached('/dns4/gateway.example/tcp/443/tls/ws', PUBLIC_HTTPS).headline).toContain('Nobody could be')
})

test('the local network: a permission on https, never on public plain http, no matter from the local network', () => {
  expect(explainUnreached('/ip4/127.0.0.1/tcp/8645/ws', PUBLIC_HTTPS).advice).toContain('Allow this site')
  expect(explainUnreached('http://192.168.0.7:8645', PUBLIC_HTTP).headline).toContain('unencrypted public page')
  expect(explainUnreached('http://192.168.0.7:8645', LOOPBACK_HTTP).headline).toContain('Nobody could be reached')
})

test('an address that no tab can dial', () => {
  expect(explainUnreached('/ip4/10.0.0.1/tcp/8333', LOOPBACK_HTTP).headline).toContain('cannot dial')
})

test('the machinery’s own words stay visible, so that both names of a wrong chain do', () => {
  const message = 'expected chain bitcoin:mainnet, got bitcoin:regtest'
  const problem = explainConnectFailure({ code: 'wrong-chain', message, address: 'https://x', page: PUBLIC_HTTPS })
  expect(problem.headline).toContain('another chain')
  expect(problem.detail).toBe(message)
})

test('an error without a code is explained by the address', () => {
  const failure = { code: undefined, message: 'boom', address: 'http://127.0.0.1:9', page: LOOPBACK_HTTP }
  expect(explainConnectFailure(failure)).toMatchObject({
    headline: 'Nobody could be reached at 127.0.0.1.',
    detail: 'boom',
  })
})
