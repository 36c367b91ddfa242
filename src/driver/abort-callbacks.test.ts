import { expect, test, vi } from 'vitest'
import { onAbort } from './abort-callbacks.ts'

test('one listener a signal, however many wait, and none once nobody does', () => {
  const { signal } = new AbortController()
  const [adding, removing] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')]
  const ends = [1, 2, 3].map(() => onAbort(signal, () => {}))
  expect(adding).toHaveBeenCalledTimes(1)
  ends.forEach((end) => end())
  expect(removing).toHaveBeenCalledTimes(1)
  onAbort(signal, () => {})
  expect(adding).toHaveBeenCalledTimes(2)
  // Late, and nobody else's.
  ends.forEach((end) => end())
  expect(removing).toHaveBeenCalledTimes(1)
})

test('an abort calls whoever still waits, once, in order', () => {
  const controller = new AbortController()
  const called: string[] = []
  const same = (): void => void called.push('same')
  onAbort(controller.signal, same)
  const end = onAbort(controller.signal, () => called.push('ended'))
  onAbort(controller.signal, same)
  end()
  onAbort(new AbortController().signal, () => called.push('other'))
  controller.abort()
  controller.abort()
  end()
  expect(called).toEqual(['same', 'same'])
  onAbort(undefined, same)()
})
