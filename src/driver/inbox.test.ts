import { expect, test } from 'vitest'
import { ping } from '../../test/driver-parts.ts'
import type { Event } from '../core/event.ts'
import { toConnectionId, toPeerId } from '../core/ids.ts'
import type { UnreadExchange } from '../host/host.ts'
import {
  ENTRIES_PER_PART_ALONE_MAX,
  ENTRIES_PER_PART_MAX,
  Inbox,
  INBOX_BYTES_MAX,
  INBOX_BYTES_PER_PEER_MAX,
  INBOX_MESSAGES_PER_PEER_MAX,
} from './inbox.ts'

const ONLINE = { type: 'network-online' } as const

function opened(connection: string): Event {
  const fields = { transport: 'tcp', direction: 'inbound', address: '', isLimited: false } as const
  return { type: 'connection-opened', connection: toConnectionId(connection), peer: toPeerId('p'), ...fields }
}

function closed(connection: string): Event {
  return { type: 'connection-closed', connection: toConnectionId(connection) }
}

function sent(connection: string): Event {
  return { type: 'exchange-sent', connection: toConnectionId(connection), sequence: 1 }
}

/** That many entries, each of which costs a byte; each part says which it is, and how many entries it has. */
function exchange(connection: string, entryCount: number, isBrokenAt = Infinity): UnreadExchange {
  let restCount = entryCount
  return {
    type: 'exchange-unread',
    connection: toConnectionId(connection),
    read: (entriesMax) => {
      const count = Math.min(entriesMax, restCount)
      if (entryCount - restCount >= isBrokenAt) return undefined
      restCount -= count
      const lists = { wants: [], cancels: [], blocks: [], haves: [], dontHaves: [] }
      const message = { ...lists, isFullWantlist: false, pendingBytes: count, unreadableBlockCount: 0 }
      const event = { type: 'exchange-received', connection: toConnectionId(connection), message } as const
      return { event, costBytes: count, isLast: restCount === 0 }
    },
  }
}

function nameOf(event: Event): string {
  if (event.type === 'message-received') {
    return `${event.connection} ${'request' in event.message ? event.message.request : ''}`
  }
  if (event.type === 'exchange-received') return `${event.connection} of ${event.message.pendingBytes}`
  return 'connection' in event ? `${event.connection} ${event.type}` : event.type
}

function takeAll(inbox: Inbox): string[] {
  const names: string[] = []
  for (let event = inbox.take(); event !== undefined; event = inbox.take()) names.push(nameOf(event))
  expect(inbox.isEmpty).toBe(true)
  return names
}

/** Whether there is room for another message of that connection once this one is in. */
async function hasRoomAfter(inbox: Inbox, connection: string, sizeBytes: number): Promise<boolean> {
  let hasRoom = false
  void inbox.putMessage(exchange(connection, 1), sizeBytes).then(() => (hasRoom = true))
  await Promise.resolve()
  return hasRoom
}

test('a connection has room up to its number of messages and its bytes, and again when one is taken', async () => {
  const inbox = new Inbox()
  for (let count = 1; count < INBOX_MESSAGES_PER_PEER_MAX; count += 1) {
    expect(await hasRoomAfter(inbox, 'a', 1)).toBe(true)
  }
  expect(await hasRoomAfter(inbox, 'a', 1)).toBe(false)
  expect(await hasRoomAfter(inbox, 'b', INBOX_BYTES_PER_PEER_MAX - 1)).toBe(true)
  expect(await hasRoomAfter(inbox, 'b', 1)).toBe(false)
  const waiting = inbox.putMessage(exchange('a', 1), 1)
  takeAll(inbox)
  await waiting
})

test('beyond the bytes of all together each connection has one message that waits, and room when it is taken', async () => {
  const inbox = new Inbox()
  const shareBytes = INBOX_BYTES_PER_PEER_MAX - 1
  const fullCount = Math.ceil(INBOX_BYTES_MAX / shareBytes)
  for (let peer = 1; peer < fullCount; peer += 1) {
    expect(await hasRoomAfter(inbox, `peer-${peer}`, shareBytes)).toBe(true)
  }
  expect(await hasRoomAfter(inbox, 'last', shareBytes)).toBe(false)
  let hasNewcomerRoom = false
  void inbox.putMessage(exchange('newcomer', 1), 1).then(() => (hasNewcomerRoom = true))
  await Promise.resolve()
  expect(hasNewcomerRoom).toBe(false)
  for (let count = 0; count < fullCount + 1; count += 1) inbox.take()
  await Promise.resolve()
  expect(hasNewcomerRoom).toBe(true)
})

test("a newcomer's message waits for the turn under way, whatever a thousand others have sent", () => {
  const inbox = new Inbox()
  for (let peer = 0; peer < 1_000; peer += 1) {
    for (let count = 0; count < 10; count += 1) void inbox.putMessage(exchange(`peer-${peer}`, 1_000), 45_000)
  }
  // In the middle of the storm.
  for (let count = 0; count < 1_500; count += 1) inbox.take()
  void inbox.putMessage(exchange('newcomer', 1), 45)
  const next = Array.from({ length: 501 }, () => nameOf(inbox.take() ?? ONLINE))
  expect(next).toContain('newcomer of 1')
  // And no peer is ahead of another by more than a part.
  const counts = new Map<string, number>()
  for (let count = 0; count < 5_500; count += 1) {
    const [name = ''] = nameOf(inbox.take() ?? ONLINE).split(' ')
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(2)
})

test('who sends short messages is served as much as who sends long ones, not as often', () => {
  const inbox = new Inbox()
  for (let count = 0; count < 60; count += 1) void inbox.putMessage(ping('short', count), 1_000)
  for (let count = 0; count < 60; count += 1) void inbox.putMessage(ping('long', count), 10_000)
  const names = takeAll(inbox).slice(0, 55)
  expect(names.filter((name) => name.startsWith('short')).length).toBeGreaterThan(45)
  expect(names.filter((name) => name.startsWith('long')).length).toBeGreaterThan(3)
})

test('who was silent for long has not saved up turns', () => {
  const inbox = new Inbox()
  void inbox.putMessage(ping('late', 0), 1)
  for (let count = 0; count < 60; count += 1) void inbox.putMessage(ping('busy', count), 1_000)
  for (let count = 0; count < 31; count += 1) inbox.take()
  for (let count = 1; count < 60; count += 1) void inbox.putMessage(ping('late', count), 1_000)
  const names = takeAll(inbox).slice(0, 20)
  expect(names.filter((name) => name.startsWith('busy')).length).toBeGreaterThanOrEqual(9)
})

test('a long wantlist is worked off in parts, longer ones while nobody else waits', () => {
  const inbox = new Inbox()
  const [few, many] = [ENTRIES_PER_PART_MAX, ENTRIES_PER_PART_ALONE_MAX]
  void inbox.putMessage(exchange('a', 2 * many + few), 100_000)
  void inbox.putMessage(exchange('b', few), 10_000)
  expect(takeAll(inbox)).toEqual([`a of ${few}`, `b of ${few}`, `a of ${many}`, `a of ${many}`])
})

test('what cannot be read is over, and the next comes', () => {
  const inbox = new Inbox()
  void inbox.putMessage(exchange('a', 300, 128), 1)
  void inbox.putMessage(ping('a', 1), 1)
  void inbox.putMessage(exchange('b', 1, 0), 1)
  expect(takeAll(inbox)).toEqual(['a of 128', 'a 1'])
})

test("nothing of a connection overtakes its opening or is overtaken by its end, and others' events keep their order", () => {
  const inbox = new Inbox()
  inbox.put(opened('a'))
  void inbox.putMessage(ping('a', 1), 1)
  void inbox.putMessage(exchange('a', 200), 1)
  for (let count = 0; count < 10; count += 1) inbox.put(ONLINE)
  inbox.put(closed('a'))
  inbox.put(opened('b'))
  void inbox.putMessage(ping('b', 1), 1)
  inbox.put(closed('b'))
  const names = takeAll(inbox)
  expect(names.filter((name) => name.startsWith('a'))).toEqual([
    'a connection-opened',
    'a 1',
    expect.stringContaining('a of'),
    expect.stringContaining('a of'),
    'a connection-closed',
  ])
  expect(names.filter((name) => name.startsWith('b'))).toEqual(['b connection-opened', 'b 1', 'b connection-closed'])
  expect(names.indexOf('a connection-closed')).toBeLessThan(names.indexOf('b connection-opened'))
  expect(names.slice(0, 8)).not.toContain('b 1')
})

test('many other events do not starve messages, nor the other way round', () => {
  const inbox = new Inbox()
  for (let count = 0; count < 100; count += 1) inbox.put(ONLINE)
  for (let count = 0; count < 20; count += 1) void inbox.putMessage(ping('a', count), 1)
  for (let count = 0; count < 5; count += 1) inbox.put(sent('b'))
  const names = takeAll(inbox)
  expect(names.slice(0, 9)).toEqual([...Array.from({ length: 8 }, () => 'network-online'), 'a 0'])
  expect(names.indexOf('b exchange-sent')).toBeLessThan(120)
})

test('what was queued at a moment is counted until it is handled, whatever comes meanwhile', () => {
  const inbox = new Inbox()
  void inbox.putMessage(exchange('a', 300), 1)
  inbox.put(ONLINE)
  inbox.mark()
  expect(inbox.markedCount).toBe(2)
  void inbox.putMessage(exchange('b', 1), 1)
  inbox.put(ONLINE)
  const left: number[] = []
  while (inbox.take() !== undefined) left.push(inbox.markedCount)
  expect(left).toEqual([1, 1, 1, 1, 0])
})

test('when it is closed whoever waits for room is let go', async () => {
  const inbox = new Inbox()
  const waiting = inbox.putMessage(ping('a', 1), INBOX_BYTES_PER_PEER_MAX)
  inbox.close()
  await waiting
  expect(inbox.take()).toBeUndefined()
})
