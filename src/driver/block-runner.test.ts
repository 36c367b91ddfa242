import { expect, test, vi } from 'vitest'
import { makeBlock, rehash, ROOT_A } from '../../test/contract/block-store-model.ts'
import { settled, VirtualClock } from '../../test/driver-parts.ts'
import type { FindBlocks, LoadBlocks, LoadOutline } from '../core/exchange/exchange-effect.ts'
import type { ExchangeStoreEvent } from '../core/exchange/exchange-event.ts'
import type { Cid, LoadId, PeerId } from '../core/ids.ts'
import { toPeerId } from '../core/ids.ts'
import { createMemoryBlockStore } from '../store/block-store-memory.ts'
import type { BlockStore } from '../store/block-store.ts'
import { StoreError } from '../store/store.ts'
import type { BlockRunnerOptions } from './block-runner.ts'
import { BlockRunner } from './block-runner.ts'

const TIMEOUT_MS = 1_000
const [ALICE, BOB] = [toPeerId('alice'), toPeerId('bob')]

interface Rig {
  readonly runner: BlockRunner
  readonly store: BlockStore
  readonly clock: VirtualClock
  readonly events: ExchangeStoreEvent[]
  readonly warnings: Parameters<BlockRunnerOptions['onWarning']>[0][]
}

async function startRig(sizeBytesMax: number = 1e9): Promise<Rig> {
  const store = createMemoryBlockStore({ chain: 'c', sizeBytesMax, rehash, onWarning: () => undefined })
  const clock = new VirtualClock()
  const events: ExchangeStoreEvent[] = []
  const warnings: Rig['warnings'] = []
  const runner = new BlockRunner({
    store,
    clock,
    post: (event) => void events.push(event),
    onWarning: (warning) => void warnings.push(warning),
  })
  await runner.open()
  return { runner, store, clock, events, warnings }
}

function find(load: number, cids: readonly Cid[], owner?: PeerId): FindBlocks {
  return { type: 'find-blocks', load: load as LoadId, owner, cids, timeoutMs: TIMEOUT_MS }
}

function load(id: number, cids: readonly Cid[], owner?: PeerId): LoadBlocks {
  return { type: 'load-blocks', load: id as LoadId, owner, cids, bytesMax: 250, timeoutMs: TIMEOUT_MS }
}

function loadOutline(id: number): LoadOutline {
  return { type: 'load-outline', load: id as LoadId, owner: undefined, root: ROOT_A, timeoutMs: TIMEOUT_MS }
}

/** Calls of `read` are counted and answered by the test. */
function holdReads(store: BlockStore): { readonly cids: readonly Cid[]; readonly answer: () => void }[] {
  const calls: { readonly cids: readonly Cid[]; readonly answer: () => void }[] = []
  vi.spyOn(store, 'read').mockImplementation(({ cids }) => {
    const { promise, resolve } = Promise.withResolvers<undefined[]>()
    calls.push({ cids, answer: () => resolve(cids.map(() => undefined)) })
    return promise
  })
  return calls
}

/** Calls of `write` are counted and answered by the test. */
function holdWrites(store: BlockStore): { readonly count: number; readonly answer: (error?: Error) => void }[] {
  const calls: { readonly count: number; readonly answer: (error?: Error) => void }[] = []
  vi.spyOn(store, 'write').mockImplementation(({ blocks }) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    calls.push({ count: blocks.length, answer: (error) => (error === undefined ? resolve() : reject(error)) })
    return promise
  })
  return calls
}

function loadsOf(events: readonly ExchangeStoreEvent[]): readonly number[] {
  return events.flatMap((event) => (event.type === 'blocks-stored' ? [] : [event.load]))
}

test('what is saved is told of, found and loaded', async () => {
  const { runner, store, events } = await startRig()
  const write = vi.spyOn(store, 'write')
  const blocks = [makeBlock(1, 100), makeBlock(2, 100), makeBlock(3, 100)]
  const [first, second] = blocks
  const cids = blocks.map(({ cid }) => cid)
  runner.perform({ type: 'save-blocks', blocks })
  await settled()
  // The core has hashed them; a second time would be for nothing.
  expect(write).toHaveBeenCalledWith({ blocks, isChecked: true })
  const none = makeBlock(9, 1).cid
  runner.perform(find(1, [none, ...cids]))
  runner.perform(load(2, [...cids]))
  runner.perform(loadOutline(3))
  await settled()
  expect(events.length).toBe(4)
  expect(events[0]).toEqual({ type: 'blocks-stored', blocks: cids.map((cid) => ({ cid, sizeBytes: 100 })) })
  expect(events).toContainEqual({ type: 'blocks-found', load: 1, sizes: [undefined, 100, 100, 100] })
  expect(events).toContainEqual({ type: 'blocks-loaded', load: 2, blocks: [first?.bytes, second?.bytes] })
  expect(events).toContainEqual({ type: 'outline-loaded', load: 3, outline: undefined })
})

test('a put is answered when it is kept, and the core is told of its blocks', async () => {
  const { runner, events } = await startRig()
  const { cid, bytes } = makeBlock(1, 10)
  await runner.put({ blocks: [{ cid, bytes }], outline: { root: ROOT_A, bytes: new Uint8Array(5) }, pin: ROOT_A })
  expect(events).toEqual([{ type: 'blocks-stored', blocks: [{ cid, sizeBytes: 10 }] }])
  runner.perform(loadOutline(1))
  await settled()
  expect(events[1]).toEqual({ type: 'outline-loaded', load: 1, outline: new Uint8Array(5) })
})

test('a put that is refused rejects, and the core is told nothing', async () => {
  const { runner, events, warnings } = await startRig(100)
  const wrong = { cid: makeBlock(1, 10).cid, bytes: new Uint8Array(10) }
  await expect(runner.put({ blocks: [wrong] })).rejects.toMatchObject({ code: 'hash-mismatch' })
  await expect(runner.put({ blocks: [makeBlock(1, 101)] })).rejects.toMatchObject({ code: 'quota-exceeded' })
  expect([...events, ...warnings]).toEqual([])
})

test('a read of a store that does not answer fails at its deadline, once', async () => {
  const { runner, store, clock, events } = await startRig()
  const calls = holdReads(store)
  runner.perform(load(1, [makeBlock(1, 1).cid]))
  clock.pass(TIMEOUT_MS - 1)
  clock.fireTimers()
  expect(events).toEqual([])
  clock.pass(1)
  clock.fireTimers()
  const reason = 'no answer of the block store within 1000 ms'
  expect(events).toEqual([{ type: 'blocks-load-failed', load: 1, reason }])
  calls[0]?.answer()
  await settled()
  expect(events.length).toBe(1)
})

test('a read that waits behind others fails at its deadline too, and is not carried out any more', async () => {
  const { runner, store, clock, events } = await startRig()
  const calls = holdReads(store)
  for (let id = 1; id <= 6; id += 1) runner.perform(load(id, [makeBlock(id, 1).cid]))
  clock.pass(TIMEOUT_MS)
  clock.fireTimers()
  expect(loadsOf(events)).toEqual([1, 2, 3, 4, 5, 6])
  for (const { answer } of calls) answer()
  await settled()
  expect(calls.length).toBe(4)
  runner.perform(load(7, [makeBlock(7, 1).cid]))
  await settled()
  expect(calls.length).toBe(5)
})

test('a read that the store refuses fails with its reason', async () => {
  const { runner, store, events } = await startRig()
  vi.spyOn(store, 'sizes').mockRejectedValue(new StoreError('read-failed', 'the disk is gone'))
  runner.perform(find(1, []))
  await settled()
  expect(events).toEqual([{ type: 'blocks-load-failed', load: 1, reason: 'the disk is gone' }])
})

test('a newcomer waits for the reads under way at most, not for all that another asked for', async () => {
  const { runner, store } = await startRig()
  const calls = holdReads(store)
  const ofBob = makeBlock(999, 1).cid
  for (let id = 0; id < 100; id += 1) runner.perform(load(id, [makeBlock(id, 1).cid], ALICE))
  runner.perform(load(100, [ofBob], BOB))
  expect(calls.length).toBe(4)
  calls[0]?.answer()
  calls[1]?.answer()
  await settled()
  expect(calls.slice(4).map(({ cids }) => cids[0] === ofBob)).toEqual([false, true])
})

test('a long look-up takes turns with the reads of others', async () => {
  const { runner, store, events } = await startRig()
  const sizes = vi.spyOn(store, 'sizes')
  const block = makeBlock(1, 10)
  await runner.put({ blocks: [block] })
  const cids = Array.from({ length: 2_049 }, () => block.cid)
  for (let id = 1; id <= 5; id += 1) runner.perform(find(id, cids, ALICE))
  runner.perform(find(6, [block.cid], BOB))
  await settled()
  expect(loadsOf(events)[0]).toBe(6)
  expect(sizes.mock.calls.map(([asked]) => asked.length).slice(0, 6)).toEqual([1_024, 1_024, 1_024, 1_024, 1_024, 1])
  expect(new Set(loadsOf(events))).toEqual(new Set([1, 2, 3, 4, 5, 6]))
  const found = events.find((event) => event.type === 'blocks-found' && event.load === (1 as LoadId))
  expect(found).toMatchObject({ sizes: cids.map(() => 10) })
})

test('a long load takes turns too, and ends before the block that would pass its bytes', async () => {
  const { runner, store, events } = await startRig()
  const blocks = Array.from({ length: 600 }, (_, seed) => makeBlock(seed, 1))
  const none = makeBlock(999, 1).cid
  await runner.put({ blocks })
  const cids = blocks.map(({ cid }) => cid)
  const reads = vi.spyOn(store, 'read')
  for (const [id, asked, bytesMax] of [
    [1, cids, 600],
    [2, cids, 256],
    [3, cids, 255],
    [4, [...cids.slice(0, 256), none, ...cids.slice(256)], 256],
    [5, [], 10],
  ] as const) {
    runner.perform({ ...load(id, asked), bytesMax })
  }
  await settled()
  const counts = new Map(
    events.flatMap((event) => (event.type === 'blocks-loaded' ? [[event.load as number, event.blocks.length]] : [])),
  )
  expect([1, 2, 3, 4, 5].map((id) => counts.get(id))).toEqual([600, 256, 255, 257, 0])
  expect(Math.max(...reads.mock.calls.map(([asked]) => asked.cids.length))).toBe(256)
})

test('saves that come while one is under way become one commit, 1 MiB at most', async () => {
  const { runner, store, events } = await startRig()
  const calls = holdWrites(store)
  const small = makeBlock(1, 200)
  const large = { cid: small.cid, bytes: new Uint8Array(1024 * 1024 - 600) }
  runner.perform({ type: 'save-blocks', blocks: [small] })
  await settled()
  for (let count = 0; count < 3; count += 1) runner.perform({ type: 'save-blocks', blocks: [small, small] })
  runner.perform({ type: 'save-blocks', blocks: [large] })
  runner.perform({ type: 'save-blocks', blocks: [small] })
  for (const expected of [1, 6, 2]) {
    await settled()
    const call = calls.at(-1)
    expect(call?.count).toBe(expected)
    call?.answer()
  }
  await settled()
  expect(calls.length).toBe(3)
  expect(events.length).toBe(3)
})

test('a put keeps its place among the saves and is a commit of its own', async () => {
  const { runner, store, events } = await startRig()
  const calls = holdWrites(store)
  const [first, second, third] = [makeBlock(1, 1), makeBlock(2, 2), makeBlock(3, 3)]
  runner.perform({ type: 'save-blocks', blocks: [first] })
  const put = runner.put({ blocks: [second] })
  runner.perform({ type: 'save-blocks', blocks: [third] })
  for (let count = 0; count < 3; count += 1) {
    await settled()
    expect(calls.length).toBe(count + 1)
    calls[count]?.answer()
  }
  await put
  await settled()
  expect(events).toEqual(
    [first, second, third].map(({ cid, bytes }) => ({
      type: 'blocks-stored',
      blocks: [{ cid, sizeBytes: bytes.length }],
    })),
  )
})

test('saves beyond 8 MiB that wait are not kept, told once until the store has caught up', async () => {
  const { runner, store, warnings } = await startRig()
  const calls = holdWrites(store)
  const { cid } = makeBlock(1, 1)
  const save = (sizeBytes: number): void =>
    runner.perform({ type: 'save-blocks', blocks: [{ cid, bytes: new Uint8Array(sizeBytes) }] })
  for (let count = 0; count < 8; count += 1) save(1024 * 1024)
  expect(warnings).toEqual([])
  save(1)
  save(1)
  expect(warnings).toEqual([{ code: 'block-store-failed', detail: expect.stringContaining('8388608 bytes wait') }])
  for (let count = 0; count < 8; count += 1) {
    await settled()
    calls[count]?.answer()
  }
  await settled()
  expect(calls.length).toBe(8)
  for (let count = 0; count < 8; count += 1) save(1024 * 1024)
  expect(warnings.length).toBe(1)
  save(1)
  expect(warnings.length).toBe(2)
})

test.each([
  [new StoreError('quota-exceeded', 'full'), 'quota-exceeded'],
  [new StoreError('write-failed', 'broken'), 'block-store-failed'],
  [new Error('odd'), 'block-store-failed'],
])('a save that fails with "%s" is a warning, and the next one is tried', async (error, code) => {
  const { runner, store, events, warnings } = await startRig()
  vi.spyOn(store, 'write').mockRejectedValueOnce(error)
  const block = makeBlock(1, 1)
  runner.perform({ type: 'save-blocks', blocks: [block] })
  await settled()
  expect(warnings).toEqual([{ code, detail: `1 blocks are not kept: ${error.message}` }])
  expect(events).toEqual([])
  runner.perform({ type: 'save-blocks', blocks: [block] })
  await settled()
  expect(events.length).toBe(1)
})

test('saves that fail one after another are told of once, until one succeeds', async () => {
  const { runner, store, warnings } = await startRig()
  const write = vi.spyOn(store, 'write').mockRejectedValue(new StoreError('lost-lock', 'gone'))
  const save = async (): Promise<void> => {
    runner.perform({ type: 'save-blocks', blocks: [makeBlock(1, 1)] })
    await settled()
  }
  await save()
  await save()
  expect(warnings.length).toBe(1)
  write.mockResolvedValueOnce()
  await save()
  await save()
  expect(warnings.length).toBe(2)
})

test('closing waits for what is written', async () => {
  const { runner, store, events, warnings } = await startRig()
  const block = makeBlock(1, 1)
  const writes = holdWrites(store)
  const close = vi.spyOn(store, 'close')
  runner.perform({ type: 'save-blocks', blocks: [block] })
  const put = runner.put({ blocks: [block] })
  const closing = runner.close()
  for (let count = 0; count < 2; count += 1) {
    await settled()
    expect(close).not.toHaveBeenCalled()
    writes[count]?.answer()
  }
  await put
  await closing
  expect(close).toHaveBeenCalledOnce()
  expect(events.length).toBe(2)
  await expect(runner.put({ blocks: [block] })).rejects.toMatchObject({ code: 'write-failed' })
  runner.perform({ type: 'save-blocks', blocks: [block] })
  await settled()
  expect([writes.length, warnings.length]).toEqual([2, 0])
})

test('closing lets the reads under way end, carries out no others, and leaves no timer behind', async () => {
  const { runner, store, clock, events } = await startRig()
  const reads = holdReads(store)
  const close = vi.spyOn(store, 'close')
  const cids = Array.from({ length: 300 }, (_, seed) => makeBlock(seed, 1).cid)
  for (let id = 1; id <= 5; id += 1) runner.perform(load(id, cids))
  const closing = runner.close()
  await settled()
  expect(close).not.toHaveBeenCalled()
  for (const { answer } of reads) answer()
  await closing
  expect(close).toHaveBeenCalledOnce()
  runner.perform(find(6, cids))
  await settled()
  clock.pass(TIMEOUT_MS)
  clock.fireTimers()
  expect(reads.length).toBe(4)
  expect(events).toEqual([])
})
