/** What host.ts promises, kept by the Bitcoin host among peers that do anything at any time. */
import { expect, test } from 'vitest'
import { toDialId, type ConnectionId } from '../../src/core/ids.ts'
import { encode, FakeBitcoinListener, FakeBitcoinPeer, HostRig, knock } from './bitcoin-fake-peer.ts'

const PEERS = 120

/** A fixed sequence, so that a failure comes again. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Goes a part of the way, and leaves in one of many ways. */
async function misbehave(peer: FakeBitcoinPeer, random: (below: number) => number): Promise<void> {
  const isDialler = random(2) === 0
  const steps: readonly (() => unknown)[] = [
    () => peer.sendVersion(),
    () => (isDialler ? undefined : peer.receive('version')),
    () => peer.send('verack'),
    () => peer.send('ping', new Uint8Array(8)),
    () => peer.sendBytes(encode('headers', new Uint8Array(400)).subarray(0, random(400))),
    () => peer.sendBytes(new Uint8Array(random(100)).fill(random(256))),
  ]
  for (const step of steps.slice(0, random(steps.length + 1))) await step()
  const ends = [() => peer.end(), () => peer.socket.resetAndDestroy(), () => peer.socket.end(), () => {}]
  ends[random(ends.length)]?.()
}

test.each([1, 2, 3])('opened first, closed last, and an end to every dial and handshake (%i)', async (seed) => {
  const random = createRandom(seed)
  const listener = await FakeBitcoinListener.listen()
  const rig = await HostRig.start({
    listen: { host: '127.0.0.1', port: 0 },
    handshakeTimeoutMs: 50,
    forTests: { tickMs: 5, inboundConnectionsMax: PEERS, messageTimeoutMs: 50 },
  })
  for (let count = 0; count < PEERS; count += 1) {
    if (random(2) === 0) void misbehave(knock(rig.port), random).catch(() => {})
    else {
      rig.dial(listener.address)
      if (random(4) === 0) rig.host.perform({ type: 'cancel-dial', dial: toDialId(random(100)) })
      // Its connection may end before it says all, or never come.
      void listener.accept().then((peer) => misbehave(peer, random).catch(() => {}))
    }
    if (random(3) === 0) closeAny(rig, random)
    if (random(5) === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await rig.until('connection-closed')
  const startMs = performance.now()
  await rig.host.stop()
  expect(performance.now() - startMs).toBeLessThan(3_000)
  listener.close()

  const phases = new Map<ConnectionId, string>()
  for (const event of rig.events) {
    if (!('connection' in event)) continue
    const phase = phases.get(event.connection)
    if (event.type === 'connection-opened') expect(phase).toBeUndefined()
    else expect(phase, `${event.type} of ${event.connection}`).toBe('open')
    phases.set(event.connection, event.type === 'connection-closed' ? 'closed' : 'open')
  }
  expect([...phases.values()].filter((phase) => phase !== 'closed')).toEqual([])
  const ends = rig.events.flatMap((event) => ('dial' in event ? [event.dial] : []))
  expect(new Set(ends).size).toBe(ends.length)
  expect(ends.length).toBe(rig.dialCount)
  const handshakes = rig.events.filter(({ type }) => type === 'handshake-answered' || type === 'handshake-failed')
  expect(handshakes.length).toBe(rig.handshakeCount)
})

function closeAny(rig: HostRig, random: (below: number) => number): void {
  const opened = rig.events.flatMap((event) => (event.type === 'connection-opened' ? [event.connection] : []))
  const connection = opened[random(Math.max(1, opened.length))]
  const reason = random(2) === 0 ? 'misbehaviour' : 'surplus'
  if (connection !== undefined) rig.host.perform({ type: 'close-connection', connection, reason })
}
