import { expect, test } from 'vitest'
import type { WantSettled } from '../core/exchange/exchange-effect.ts'
import type { ExchangeAppEvent } from '../core/exchange/exchange-event.ts'
import type { Cid, Root, WantToken } from '../core/ids.ts'
import { toPeerId } from '../core/ids.ts'
import { LightNodeError } from './api.ts'
import { Wants } from './wants.ts'

const [ONE, TWO, THREE] = ['one', 'two', 'three'] as unknown as [Cid, Cid, Cid]
const ROOT = '00'.repeat(32) as Root
const BYTES = Uint8Array.of(1)
const FROM = toPeerId('peer')

interface Rig {
  readonly wants: Wants
  readonly events: ExchangeAppEvent[]
  /** As the core does. */
  settle(token: number, outcome: Partial<WantSettled['outcome']>): void
}

function createRig(): Rig {
  const events: ExchangeAppEvent[] = []
  const wants = new Wants((event) => void events.push(event))
  return {
    wants,
    events,
    settle(token, outcome) {
      const failed = { type: 'failed', detail: 'a reason', progress: { askedCount: 0, absentCount: 0 } }
      const whole = outcome.type === 'delivered' ? outcome : { ...failed, ...outcome }
      wants.settled({ type: 'want-settled', token: token as WantToken, outcome: whole as WantSettled['outcome'] })
    },
  }
}

const delivered = (bytes: Uint8Array): Partial<WantSettled['outcome']> => ({ type: 'delivered', bytes, from: FROM })

test('blocks come in the order asked for, whatever the order they arrive in; several are one session', async () => {
  const { wants, events, settle } = createRig()
  const asked = wants.blocks([ONE, TWO], undefined)
  const alone = wants.blocks([THREE], undefined)
  await Promise.resolve()
  const requested = [
    { token: 1, cid: ONE, session: 1 },
    { token: 2, cid: TWO, session: 1 },
    { token: 3, cid: THREE, session: 0 },
  ]
  expect(events).toEqual([{ type: 'wants-requested', wants: requested }])
  settle(2, delivered(Uint8Array.of(2)))
  settle(3, delivered(Uint8Array.of(3)))
  settle(1, delivered(Uint8Array.of(1)))
  expect(await asked).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
  expect(await alone).toEqual([Uint8Array.of(3)])
  settle(1, delivered(BYTES))
  expect(events).toHaveLength(1)
})

test('no blocks are there at once, and nobody is asked', async () => {
  const { wants, events } = createRig()
  expect(await wants.blocks([], undefined)).toEqual([])
  expect(events).toEqual([])
})

test('a thousand wants are a few events, none of which takes the core for long', async () => {
  const { wants, events } = createRig()
  const cids = Array.from({ length: 1_025 }, (_, index) => `cid ${index}` as Cid)
  const failure = wants.blocks(cids, undefined).catch(() => {})
  await Promise.resolve()
  expect(events.map((event) => (event.type === 'wants-requested' ? event.wants.length : 0))).toEqual([512, 512, 1])
  wants.stop(new LightNodeError('stopped', 'the light node was stopped'))
  await failure
})

test('the first failure gives up what is left', async () => {
  const { wants, events, settle } = createRig()
  const asked = wants.blocks([ONE, TWO, THREE], undefined)
  settle(3, delivered(BYTES))
  settle(1, { code: 'too-many-wants' })
  await expect(asked).rejects.toMatchObject({ code: 'too-many-wants', message: 'block one: a reason' })
  expect(events.slice(1)).toEqual([{ type: 'want-cancelled', token: 2 }])
})

test('an abort waits for the core to say how far it came; its own reason is kept, a deadline’s is the cause', async () => {
  const { wants, events, settle } = createRig()
  const controller = new AbortController()
  const aborted = wants.blocks([ONE], controller.signal)
  controller.abort('enough')
  // In the same turn, and behind what it cancels all the same.
  expect(events).toMatchObject([{ type: 'wants-requested' }, { type: 'want-cancelled', token: 1 }])
  settle(1, { code: 'cancelled' })
  await expect(aborted).rejects.toBe('enough')

  const late = new AbortController()
  const timedOut = wants.outline(ROOT, late.signal)
  late.abort(new DOMException('late', 'TimeoutError'))
  settle(2, { code: 'cancelled' })
  await expect(timedOut).rejects.toMatchObject({
    code: 'not-found',
    message: `the outline of block ${ROOT} did not come in time: a reason`,
    cause: late.signal.reason,
  })
})

test('what the app puts here is what it waits for: no peer is asked any longer', async () => {
  const { wants, events, settle } = createRig()
  const asked = wants.blocks([ONE, TWO], undefined)
  const outline = wants.outline(ROOT, undefined)
  wants.put([{ cid: TWO, bytes: BYTES }])
  expect(events.slice(2)).toEqual([{ type: 'want-cancelled', token: 2 }])
  // The core's answer to the cancel.
  settle(2, { code: 'cancelled' })
  settle(1, delivered(BYTES))
  expect(await asked).toEqual([BYTES, BYTES])
  settle(3, { code: 'not-served' } as never)
  expect(await outline).toBeUndefined()
})

test('a stop lets go of everybody, and of whoever comes later', async () => {
  const { wants } = createRig()
  const waiting = [wants.blocks([ONE, TWO], undefined), wants.outline(ROOT, undefined)]
  const failures = Promise.allSettled(waiting)
  expect(wants.stopped).toBeUndefined()
  wants.stop(new LightNodeError('stopped', 'the light node was stopped'))
  for (const outcome of await failures) expect(outcome).toMatchObject({ reason: { code: 'stopped' } })
  await expect(wants.blocks([ONE], undefined)).rejects.toMatchObject({ code: 'stopped' })
  await expect(wants.outline(ROOT, undefined)).rejects.toBe(wants.stopped)
})
