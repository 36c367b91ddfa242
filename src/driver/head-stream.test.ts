import { expect, test } from 'vitest'
import type { Head } from '../core/chain.ts'
import { toRoot } from '../core/ids.ts'
import { HeadStream } from './head-stream.ts'

function head(height: number): Head {
  return { height, root: toRoot('00'.repeat(32)), time: 0, work: 1n, trust: 'genesis', confirmedBy: 0 }
}

function open(signal?: AbortSignal): { stream: HeadStream; ends: number[] } {
  const ends: number[] = []
  const stream = new HeadStream({ first: head(1), signal, onEnd: () => ends.push(ends.length) })
  return { stream, ends }
}

test('the current head comes first, then always the newest: no backlog', async () => {
  const { stream } = open()
  expect(await stream.next()).toEqual({ done: false, value: head(1) })
  for (const height of [2, 3, 4]) stream.push(head(height))
  expect(await stream.next()).toEqual({ done: false, value: head(4) })
  const next = stream.next()
  stream.push(head(5))
  stream.push(head(6))
  expect(await next).toEqual({ done: false, value: head(5) })
  expect(await stream.next()).toEqual({ done: false, value: head(6) })
})

test('a head that was replaced before it was read is not read', async () => {
  const { stream } = open()
  stream.push(head(2))
  expect((await stream.next()).value?.height).toBe(2)
})

test('several waiting reads get one head each, in order', async () => {
  const { stream } = open()
  await stream.next()
  const reads = [stream.next(), stream.next()]
  stream.push(head(2))
  stream.push(head(3))
  expect((await Promise.all(reads)).map(({ value }) => value?.height)).toEqual([2, 3])
})

test('an abort rejects with its reason, now and later', async () => {
  const controller = new AbortController()
  const { stream, ends } = open(controller.signal)
  await stream.next()
  const waiting = stream.next()
  const reason = new Error('enough')
  controller.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  await expect(stream.next()).rejects.toBe(reason)
  stream.push(head(2))
  await expect(stream.next()).rejects.toBe(reason)
  expect(ends).toHaveLength(1)
})

test('a loop that is left ends the stream; one that is ended from outside still reads the head that waits', async () => {
  const left = open()
  for await (const { height } of left.stream) if (height === 1) break
  expect(left.ends).toHaveLength(1)
  expect(await left.stream.next()).toEqual({ done: true, value: undefined })

  const ended = open()
  ended.stream.push(head(7))
  ended.stream.end()
  ended.stream.end()
  const heights: number[] = []
  for await (const { height } of ended.stream) heights.push(height)
  expect(heights).toEqual([7])
  expect(ended.ends).toHaveLength(1)
})
