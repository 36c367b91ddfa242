import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { raceAttempts, type Attempt } from './dial-race.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

interface Runner {
  readonly attempt: Attempt<string>
  readonly succeed: (value: string) => void
  readonly fail: (reason: string) => void
  readonly signal: () => AbortSignal | undefined
}

function runner(): Runner {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let signal: AbortSignal | undefined
  const attempt: Attempt<string> = (given) => {
    signal = given
    return promise
  }
  return { attempt, succeed: resolve, fail: (reason) => reject(new Error(reason)), signal: () => signal }
}

const attemptsOf = (...runners: readonly Runner[]): readonly Attempt<string>[] => runners.map(({ attempt }) => attempt)

test('the second starts after the head start of the first, and the winner ends the other', async () => {
  const [first, second, late] = [runner(), runner(), vi.fn()]
  const race = raceAttempts(attemptsOf(first, second), { headStartMs: 250, onLate: late })
  await vi.advanceTimersByTimeAsync(249)
  expect(second.signal()).toBeUndefined()
  await vi.advanceTimersByTimeAsync(1)
  expect(second.signal()?.aborted).toBe(false)
  second.succeed('second')
  expect(await race).toEqual({ type: 'won', value: 'second' })
  expect(first.signal()?.aborted).toBe(true)
  first.succeed('first')
  await vi.advanceTimersByTimeAsync(0)
  expect(late.mock.calls).toEqual([['first', 'second']])
})

test('the second starts at once when the first fails, and a winner in its head start leaves it out', async () => {
  const [first, second, third] = [runner(), runner(), runner()]
  const race = raceAttempts(attemptsOf(first, second, third), { headStartMs: 250, onLate: vi.fn() })
  first.fail('nobody')
  await vi.advanceTimersByTimeAsync(0)
  expect(second.signal()).toBeDefined()
  second.succeed('second')
  expect(await race).toEqual({ type: 'won', value: 'second' })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(third.signal()).toBeUndefined()
})

test('without a head start never two at once', async () => {
  const [first, second] = [runner(), runner()]
  const race = raceAttempts(attemptsOf(first, second), { headStartMs: undefined, onLate: vi.fn() })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(second.signal()).toBeUndefined()
  first.fail('nobody')
  await vi.advanceTimersByTimeAsync(0)
  second.succeed('second')
  expect(await race).toEqual({ type: 'won', value: 'second' })
})

test('when all fail the reasons are in the order of the attempts, whoever failed first; of none there is none', async () => {
  const [first, second] = [runner(), runner()]
  const race = raceAttempts(attemptsOf(first, second), { headStartMs: 10, onLate: vi.fn() })
  await vi.advanceTimersByTimeAsync(10)
  second.fail('b')
  first.fail('a')
  expect(await race).toEqual({ type: 'lost', reasons: [new Error('a'), new Error('b')] })
  expect(await raceAttempts([], { headStartMs: 10, onLate: vi.fn() })).toEqual({ type: 'lost', reasons: [] })
})
