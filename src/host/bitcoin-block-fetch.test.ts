import { expect, test } from 'vitest'
import { toRoot, type Root } from '../core/ids.ts'
import { NODE_NETWORK, NODE_NETWORK_LIMITED, NODE_WITNESS } from '../wire/bitcoin/version-message.ts'
import { fetchBlock, type BlockLink } from './bitcoin-block-fetch.ts'
import type { BlockAnswer } from './bitcoin-block-requests.ts'

const ROOT: Root = toRoot('22'.repeat(32))
const FULL = NODE_NETWORK | NODE_WITNESS
const LIMITED = NODE_NETWORK_LIMITED | NODE_WITNESS
const BLOCK: BlockAnswer = { type: 'block', bytes: Uint8Array.of(1, 2, 3) }
const NOT_FOUND: BlockAnswer = { type: 'not-found' }

class FakeLink implements BlockLink {
  askedCount = 0
  readonly complaints: string[] = []
  readonly services: bigint | undefined
  readonly pendingBlockCount: number
  readonly missedBlockCount: number
  readonly #answer: BlockAnswer

  constructor(answer: BlockAnswer, link: Partial<Omit<BlockLink, 'requestBlock'>> = {}) {
    this.#answer = answer
    this.services = 'services' in link ? link.services : FULL
    this.pendingBlockCount = link.pendingBlockCount ?? 0
    this.missedBlockCount = link.missedBlockCount ?? 0
  }

  requestBlock(): Promise<BlockAnswer> {
    this.askedCount += 1
    return Promise.resolve(this.#answer)
  }

  blockWasInvalid(detail: string): void {
    this.complaints.push(detail)
  }
}

const fetch = (links: readonly BlockLink[], depth: number | undefined = 0, problem?: string): Promise<boolean> =>
  fetchBlock(() => links, { root: ROOT, depth, problemOf: () => problem })

const askedOf = (links: readonly FakeLink[]): readonly number[] => links.map(({ askedCount }) => askedCount)

test('who does not have it is followed by the next, and nobody is asked twice', async () => {
  const links = [NOT_FOUND, { type: 'failed', failure: 'timeout' } as const, BLOCK, BLOCK].map((a) => new FakeLink(a))
  expect(await fetch(links)).toBe(true)
  expect(askedOf(links)).toEqual([1, 1, 1, 0])
  expect(await fetch([new FakeLink(NOT_FOUND)])).toBe(false)
  expect(await fetch([])).toBe(false)
})

test('four are asked for one block, no more', async () => {
  const links = Array.from({ length: 6 }, () => new FakeLink(NOT_FOUND))
  expect(await fetch(links)).toBe(false)
  expect(askedOf(links)).toEqual([1, 1, 1, 1, 0, 0])
})

test('who is busy, or left us waiting before, is asked last', async () => {
  const links = [{ pendingBlockCount: 2 }, { missedBlockCount: 1 }, {}].map((link) => new FakeLink(BLOCK, link))
  expect(await fetch(links)).toBe(true)
  expect(askedOf(links)).toEqual([0, 0, 1])
})

test('a block that is not what its header commits to is told to the one who sent it, and another is asked', async () => {
  const links = [new FakeLink(BLOCK), new FakeLink(BLOCK)]
  expect(await fetch(links, 0, 'a wrong merkle root')).toBe(false)
  expect(links.map(({ complaints }) => complaints)).toEqual([['a wrong merkle root'], ['a wrong merkle root']])
})

test.each([
  [undefined, 0, 0],
  [0n, 0, 0],
  [NODE_NETWORK, 0, 0],
  [FULL, undefined, 1],
  [LIMITED, undefined, 0],
  [LIMITED, 285, 1],
  [LIMITED, 286, 0],
])('with services %s a block %s below the head is asked for %s times', async (services, depth, count) => {
  const link = new FakeLink(BLOCK, { services })
  await fetchBlock(() => [link], { root: ROOT, depth, problemOf: () => undefined })
  expect(link.askedCount).toBe(count)
})
