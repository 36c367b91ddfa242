import { expect, test } from 'vitest'
import { isIdleStunPort, openStunPort } from './stun-ports.nodejs.ts'

const HOST = '127.0.0.1'

test('a released port stays bound for whoever opens it next, and a second release does not take it away', async () => {
  const first = await openStunPort(HOST, 0, () => {})
  expect(isIdleStunPort(HOST, first.port)).toBe(false)
  first.release()
  expect([isIdleStunPort(HOST, first.port), isIdleStunPort('127.0.0.2', first.port)]).toEqual([true, false])
  const second = await openStunPort(HOST, first.port, () => {})
  expect(second.port).toBe(first.port)
  first.release()
  expect(isIdleStunPort(HOST, first.port)).toBe(false)
  second.release()
})
