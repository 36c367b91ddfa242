import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ScriptedHost } from './libp2p-scripted.ts'

/** RFC 6455, section 4.1, with the key of its own example. */
const UPGRADE =
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
const MASK = [0, 0, 0, 0]

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function startHost(listen: readonly string[]): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start({ listen })
  stops.push(() => scripted.host.stop())
  return scripted
}

/** A WebSocket that was accepted, byte by byte in our hands. */
async function openWebSocket(address: string): Promise<Socket> {
  const [, port] = /\/tcp\/(\d+)\//.exec(address) ?? []
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write(UPGRADE)
  const answer = await new Promise<string>((resolve) =>
    socket.once('data', (bytes) => resolve(bytes.toString('latin1'))),
  )
  expect(answer).toMatch(/^HTTP\/1\.1 101 /)
  return socket
}

/** RFC 6455, section 5.2: 0x82 is a whole binary message; the second byte's top bit says that it is masked. */
test.each([
  ['reserved bits', [0xc2, 0x85, ...MASK, 1, 2, 3, 4, 5]],
  ['an unknown opcode', [0x8f, 0x80, ...MASK]],
  ['no mask', [0x82, 0x05, 1, 2, 3, 4, 5]],
  ['a close with a code that may not be sent', [0x88, 0x82, ...MASK, 0x03, 0xee]],
  ['text that is no UTF-8', [0x81, 0x81, ...MASK, 0xff]],
  ['a message of 1 MiB and a byte, of which nothing has come', [0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, ...MASK]],
  ['a message of 2^63 bytes', [0x82, 0xff, 0x7f, ...Array<number>(7).fill(0xff), ...MASK]],
])('a WebSocket frame with %s ends its connection and nothing else', async (_what, frame) => {
  const server = await startHost(['/ip4/127.0.0.1/tcp/0/ws'])
  const socket = await openWebSocket(server.address)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(Uint8Array.from(frame))
  await closed

  const client = await startHost([])
  expect(await client.dial(server.address)).toMatchObject({ type: 'dial-succeeded' })
})
