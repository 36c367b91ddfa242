import { expect, test } from 'vitest'
import type { HostEffect } from '../core/effect.ts'
import { toConnectionId, toDialId, toPeerId } from '../core/ids.ts'
import { pairHosts } from './host-pair.ts'
import { HostError, type Host, type HostSink } from './host.ts'

class ScriptedHost implements Host {
  readonly peerId
  readonly addresses
  readonly performed: HostEffect[] = []
  sink: HostSink | undefined
  isRunning = false
  startError: Error | undefined

  constructor(name: string) {
    this.peerId = toPeerId(name)
    this.addresses = [`address of ${name}`]
  }

  async start(sink: HostSink): Promise<void> {
    if (this.startError !== undefined) throw this.startError
    this.sink = sink
    this.isRunning = true
  }

  perform(effect: HostEffect): void {
    this.performed.push(effect)
  }

  traffic(): { bytesIn: number; bytesOut: number } {
    return { bytesIn: this.peerId.length, bytesOut: 0 }
  }

  async stop(): Promise<void> {
    this.isRunning = false
  }

  open(id: string): void {
    const peer = toPeerId(`peer of ${id}`)
    const common = { direction: 'outbound', transport: 'test', address: 'nowhere', isLimited: false } as const
    this.sink?.post({ type: 'connection-opened', connection: toConnectionId(id), peer, ...common })
  }
}

function pair(): { first: ScriptedHost; second: ScriptedHost; host: Host; told: string[]; sink: HostSink } {
  const first = new ScriptedHost('one')
  const second = new ScriptedHost('second')
  const told: string[] = []
  const sink: HostSink = {
    post: (event) => told.push(event.type),
    offer: async (event) => {
      told.push(event.type)
    },
  }
  const host = pairHosts({ first, second, isForSecond: (address) => address.startsWith('bitcoin:') })
  return { first, second, host, told, sink }
}

const close = (id: string): HostEffect => ({
  type: 'close-connection',
  connection: toConnectionId(id),
  reason: 'surplus',
})
const dial = (id: number, address: string): HostEffect => ({ type: 'dial', dial: toDialId(id), address, timeoutMs: 1 })

test('each effect goes to the host whose connection or address it names', async () => {
  const { first, second, host, told, sink } = pair()
  await host.start(sink)
  host.perform(dial(1, '/ip4/1.2.3.4'))
  host.perform(dial(2, 'bitcoin://1.2.3.4:8333'))
  host.perform({ type: 'cancel-dial', dial: toDialId(2) })
  host.perform({ type: 'cancel-dial', dial: toDialId(1) })
  first.open('a')
  second.open('b')
  host.perform(close('a'))
  host.perform(close('b'))
  expect(first.performed).toEqual([dial(1, '/ip4/1.2.3.4'), { type: 'cancel-dial', dial: 1 }, close('a')])
  expect(second.performed).toEqual([dial(2, 'bitcoin://1.2.3.4:8333'), { type: 'cancel-dial', dial: 2 }, close('b')])
  expect(told).toEqual(['connection-opened', 'connection-opened'])
  expect(host.traffic(toConnectionId('a'))?.bytesIn).toBe('one'.length)
  expect(host.traffic(toConnectionId('b'))?.bytesIn).toBe('second'.length)
})

test('messages of both arrive, and we are known by the first', async () => {
  const { first, second, host, told, sink } = pair()
  await host.start(sink)
  const message = { type: 'ping', request: 1 } as never
  await first.sink?.offer({ type: 'message-received', connection: toConnectionId('a'), message }, 1)
  await second.sink?.offer({ type: 'message-received', connection: toConnectionId('b'), message }, 1)
  expect(told).toEqual(['message-received', 'message-received'])
  expect(host.peerId).toBe('one')
  expect(host.addresses).toEqual(['address of one'])
})

test('when the second cannot start the first is stopped', async () => {
  const { first, second, host, sink } = pair()
  second.startError = new HostError('listen-failed', 'the port is in use')
  await expect(host.start(sink)).rejects.toThrow('the port is in use')
  expect(first.isRunning).toBe(false)
})

test('both stop', async () => {
  const { first, second, host, sink } = pair()
  await host.start(sink)
  await host.stop()
  expect([first.isRunning, second.isRunning]).toEqual([false, false])
})
