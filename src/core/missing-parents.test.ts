import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toPeerId, toRoot, type Root } from './ids.ts'
import * as limits from './limits.ts'
import { MissingParents } from './missing-parents.ts'

const ALICE = toPeerId('alice')
const BOB = toPeerId('bob')
/** Announces nothing and was never asked. */
const CAROL = toPeerId('carol')

function root(index: number): Root {
  return toRoot(index.toString(16).padStart(64, '0'))
}

function createKit(): { missing: MissingParents; failed: string[]; add(index: number, peer?: typeof ALICE): boolean } {
  const failed: string[] = []
  const missing = new MissingParents((failedRoot, failure) => failed.push(`${Number(`0x${failedRoot}`)} ${failure}`))
  return {
    missing,
    failed,
    add: (index, peer = ALICE) =>
      missing.add({
        parent: root(index),
        headers: new Uint8Array(80),
        last: root(1_000_000 + index),
        headerCount: 1,
        peer,
      }),
  }
}

test('roots are asked of their announcer first, and a root that is owned is asked of nobody else', () => {
  const { missing, add } = createKit()
  add(1, ALICE)
  add(2, BOB)
  expect(missing.askable({ peer: ALICE, isAnnouncer: true })).toEqual([root(1)])
  missing.asked([root(1)], ALICE)
  expect(missing.askable({ peer: BOB, isAnnouncer: false })).toEqual([])
  expect(missing.askable({ peer: BOB, isAnnouncer: true })).toEqual([root(2)])
})

test('what a peer owed is queued again when it goes', () => {
  const { missing, add } = createKit()
  add(1)
  missing.asked([root(1)], ALICE)
  missing.peerGone(ALICE)
  expect(missing.askable({ peer: BOB, isAnnouncer: false })).toEqual([root(1)])
})

test('a root fails once everybody who can be asked has said no, and not before', () => {
  const { missing, failed, add } = createKit()
  add(1)
  for (const peer of [ALICE, BOB]) {
    expect(failed).toEqual([])
    missing.asked([root(1)], peer)
    missing.release({ roots: [root(1)], peer, isTried: true })
    missing.failExhausted([ALICE, BOB])
  }
  expect(failed).toEqual(['1 nobody-has-it'])
  expect(missing.size).toBe(0)
})

test('one announcer may want 1,000 roots; another is not affected', () => {
  const { add } = createKit()
  for (let index = 0; index < limits.WANTED_ROOTS_PER_PEER_MAX; index += 1) expect(add(index)).toBe(true)
  expect(add(limits.WANTED_ROOTS_PER_PEER_MAX)).toBe(false)
  expect(add(limits.WANTED_ROOTS_PER_PEER_MAX, BOB)).toBe(true)
})

test('over the bound the announcer with the most gives way, oldest first, and the failure is told', () => {
  const { missing, failed, add } = createKit()
  let index = 0
  for (let peer = 0; missing.size < limits.WANTED_ROOTS_MAX; peer += 1) {
    const name = toPeerId(`peer${peer}`)
    const count = peer === 0 ? limits.WANTED_ROOTS_PER_PEER_MAX : limits.WANTED_ROOTS_PER_PEER_MAX - 1
    for (let each = 0; each < count && missing.size < limits.WANTED_ROOTS_MAX; each += 1) add(index++, name)
  }
  expect(failed).toEqual([])
  add(index, BOB)
  expect(failed).toEqual(['0 evicted'])
  expect(missing.size).toBe(limits.WANTED_ROOTS_MAX)
})

test('orphans over the bound in bytes give way, however few they are', () => {
  const { missing, failed } = createKit()
  const headers = new Uint8Array(limits.ORPHAN_BYTES_MAX / 4)
  for (let index = 0; index < 4; index += 1) {
    missing.add({ parent: root(index), headers, last: root(100 + index), headerCount: 1, peer: ALICE })
  }
  expect([missing.orphanBytes, failed]).toEqual([limits.ORPHAN_BYTES_MAX, []])
  missing.add({ parent: root(4), headers: new Uint8Array(80), last: root(104), headerCount: 1, peer: BOB })
  expect(failed).toEqual(['0 evicted'])
  expect(missing.orphanBytes).toBeLessThanOrEqual(limits.ORPHAN_BYTES_MAX)
})

test('one missing parent holds no more than its share of orphans, whoever announces them', () => {
  const { missing } = createKit()
  const headers = new Uint8Array(8 * 80)
  for (let index = 0; index < 20_000; index += 1) {
    missing.add({
      parent: root(0),
      headers,
      last: root(1 + index),
      headerCount: 8,
      peer: index % 2 === 0 ? ALICE : BOB,
    })
  }
  expect(missing.orphanBytes).toBe(limits.ORPHANS_PER_ROOT_MAX * headers.length)
  expect(missing.take(root(0))).toHaveLength(limits.ORPHANS_PER_ROOT_MAX)
})

test('what peers announced that have left gives way first', () => {
  const { missing, failed, add } = createKit()
  add(0, ALICE)
  for (let peer = 0; missing.size < limits.WANTED_ROOTS_MAX - 1; peer += 1) {
    const name = toPeerId(`peer${peer}`)
    for (let each = 0; each < 999 && missing.size < limits.WANTED_ROOTS_MAX - 1; each += 1) add(missing.size, name)
  }
  add(20_000, BOB)
  missing.peerGone(BOB)
  add(20_001, ALICE)
  expect(failed).toEqual(['20000 evicted'])
})

test("a liar's announcements are dropped, those that others share stay", () => {
  const { missing, failed, add } = createKit()
  add(1, ALICE)
  add(2, ALICE)
  add(2, BOB)
  missing.dropOf(ALICE)
  expect(failed).toEqual(['1 announcer-misbehaved'])
  expect([...missing.roots]).toEqual([root(2)])
})

describe('accounting', () => {
  test('whatever happens, orphan bytes are what is held, and each root is queued, owned, failed or delivered', () => {
    const action = fc.record({
      type: fc.constantFrom('add', 'ask', 'release', 'take', 'gone', 'lie', 'exhaust'),
      index: fc.nat(9),
      peer: fc.constantFrom(ALICE, BOB),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const { missing, failed, add } = createKit()
        let wantedCount = 0
        let deliveredCount = 0
        for (const { type, index, peer } of actions) {
          const wasWanted = missing.has(root(index))
          if (type === 'add' && add(index, peer) && !wasWanted) wantedCount += 1
          if (type === 'ask') missing.asked(missing.askable({ peer, isAnnouncer: true }), peer)
          if (type === 'release') missing.release({ roots: [root(index)], peer, isTried: true })
          if (type === 'take' && missing.take(root(index)).length > 0) deliveredCount += 1
          if (type === 'gone') missing.peerGone(peer)
          if (type === 'lie') missing.dropOf(peer)
          if (type === 'exhaust') missing.failExhausted([ALICE, BOB])
          expect(missing.orphanBytes).toBe(missing.size * 80)
          const queued = [...missing.roots].filter((each) => missing.ownerOf(each) === undefined)
          expect(missing.askable({ peer: CAROL, isAnnouncer: false })).toEqual(queued)
          expect(missing.size).toBe(wantedCount - deliveredCount - failed.length)
        }
      }),
      { numRuns: 300 },
    )
  })
})
