import { expect, test } from 'vitest'
import { addressProblem } from './address.ts'

test.each(['/ip4/127.0.0.1/tcp/1/ws', '/dns4/gateway.example/tcp/443/tls/ws', 'http://127.0.0.1:1', 'HTTPS://x'])(
  '%s can be tried',
  (address) => {
    expect(addressProblem(address)).toBeUndefined()
  },
)

test.each(['', 'gateway.example', 'ftp://x', 'http://', '/', '/ip4/1.2.3', '/nonsense/1', undefined, null, 7, {}])(
  '%o is told apart in one line',
  (address) => {
    expect(addressProblem(address)).toMatch(/^expected a multiaddr or a gateway's http\(s\) URL, got .*$/)
  },
)
