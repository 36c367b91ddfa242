import { expect, test } from 'vitest'
import { parseCall } from './command.ts'
import { parseRoadFlags } from './road-flags.ts'
import { startCommand } from './start-command.ts'

const parse = (...args: readonly string[]): ReturnType<typeof parseRoadFlags> =>
  parseRoadFlags(parseCall(startCommand, args).flags)

test('every road by default, and without those that are named', () => {
  expect(parse()).toEqual({ listen: [], withoutRoads: [], relays: true })
  expect(parse('--no-tcp', '--no-webtransport', '--no-webrtc-direct', '--no-relay')).toEqual({
    listen: [],
    withoutRoads: ['tcp', 'webtransport', 'webrtc-direct'],
    relays: false,
  })
  const addresses = ['/ip4/0.0.0.0/udp/443/webrtc-direct', '/ip6/::/tcp/4001']
  expect(parse(...addresses.flatMap((address) => ['--listen', address])).listen).toEqual(addresses)
})

test.each([
  [['--listen', '127.0.0.1:80'], /^--listen: expected \/ip4\/[^\n]*, got "127\.0\.0\.1:80"$/],
  [
    ['--listen', '/ip4/127.0.0.1/tcp/80/ws'],
    /^--listen: expected [^\n]*WebSockets listen where --host and --port say, got/,
  ],
  [
    ['--listen', '/ip4/1.1.1.1/tcp/1', '--no-tcp'],
    /^--no-tcp: expected it without --listen \/ip4\/1\.1\.1\.1\/tcp\/1, got/,
  ],
])('%j is refused in one line', (args, message) => {
  expect(() => parse(...args)).toThrow(message)
})
