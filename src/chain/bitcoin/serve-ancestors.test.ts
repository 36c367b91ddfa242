import { expect, test } from 'vitest'
import type { HeaderTree } from '../../core/chain.ts'
import { toRoot } from '../../core/ids.ts'
import type { Root } from '../../core/ids.ts'
import { createBitcoinChain } from './bitcoin-chain.ts'
import { HEADER_SIZE_BYTES } from './header.ts'
import { mineHeaders } from './miner.ts'
import { NETWORKS } from './networks.ts'

const { genesisHeader, genesis } = NETWORKS.regtest
const UNKNOWN = toRoot('ab'.repeat(32))
const TIME = 1_600_000_000

/** Heights 1 … 20 of a trunk, and two side branches: `a` on height 10 (11a … 15a), `b` on 13a (14b … 16b). */
const trunk = mine(20, genesisHeader, 0)
const branchA = mine(5, header(trunk, 9), 1)
const branchB = mine(3, header(branchA, 2), 2)
const tree: HeaderTree = createBitcoinChain({ network: 'regtest' }).createTree()
for (const headers of [trunk, branchA, branchB]) {
  tree.add({ headers, index: 0, count: headers.length / HEADER_SIZE_BYTES, nowUnixMs: TIME * 2_000 })
}
const names = new Map<Root, string>([[genesis, '0']])
name(trunk, 1, '')
name(branchA, 11, 'a')
name(branchB, 14, 'b')
const roots = new Map(Array.from(names, ([root, text]) => [text, root]))

function mine(count: number, parent: Uint8Array, salt: number): Uint8Array {
  return mineHeaders({ parent, count, firstTime: TIME + salt * 1_000, stepSeconds: 10, salt })
}

function header(headers: Uint8Array, index: number): Uint8Array {
  return headers.slice(index * HEADER_SIZE_BYTES, (index + 1) * HEADER_SIZE_BYTES)
}

function name(headers: Uint8Array, firstHeight: number, suffix: string): void {
  for (let index = 0; index * HEADER_SIZE_BYTES < headers.length; index += 1) {
    names.set(tree.rootOf(header(headers, index)), `${firstHeight + index}${suffix}`)
  }
}

function serve(asked: string, known: string, countMax = 2_016): { headers: string; answered: string; unknown: string } {
  const toRoots = (text: string): readonly Root[] =>
    text.split(' ').flatMap((part) => (part === '' ? [] : [roots.get(part) ?? UNKNOWN]))
  const toNames = (list: readonly Root[]): string => list.map((root) => names.get(root) ?? '?').join(' ')
  const { headers, answered, unknown } = tree.serveAncestors({ roots: toRoots(asked), known: toRoots(known), countMax })
  const sent = Array.from({ length: headers.length / HEADER_SIZE_BYTES }, (_, index) =>
    tree.rootOf(header(headers, index)),
  )
  return { headers: toNames(sent), answered: toNames(answered), unknown: toNames(unknown) }
}

test('a walk goes back from its root to a known one, and is sent oldest first', () => {
  expect(serve('8', '5 0')).toEqual({ headers: '6 7 8', answered: '8', unknown: '' })
  expect(serve('15a', '13a')).toEqual({ headers: '14a 15a', answered: '15a', unknown: '' })
})

test('a walk on a side branch stops at the best chain once a known root is at or above the join', () => {
  expect(serve('12a', '20 0').headers).toBe('11a 12a')
  expect(serve('12a', '10 0').headers).toBe('11a 12a')
  expect(serve('12a', '9 0').headers).toBe('10 11a 12a')
  expect(serve('12a', '').headers).toBe('1 2 3 4 5 6 7 8 9 10 11a 12a')
})

test('ancestors that two roots share are sent once, with the first', () => {
  expect(serve('15a 16b', '20')).toEqual({
    headers: '11a 12a 13a 14a 15a 14b 15b 16b',
    answered: '15a 16b',
    unknown: '',
  })
  expect(serve('16b 12a 12a', '20')).toEqual({
    headers: '11a 12a 13a 14b 15b 16b',
    answered: '16b 12a 12a',
    unknown: '',
  })
  expect(serve('12a 16b', '20').headers).toBe('11a 12a 13a 14b 15b 16b')
})

test('a root that is known to the asker is answered without headers', () => {
  expect(serve('8', '8 0')).toEqual({ headers: '', answered: '8', unknown: '' })
  expect(serve('0', '')).toEqual({ headers: '', answered: '0', unknown: '' })
})

test('a root that is not in the tree is named as unknown', () => {
  expect(serve('nobody 2', '1')).toEqual({ headers: '2', answered: '2', unknown: '?' })
})

test('a run that does not fit is cut to what is next to its root; one for which nothing fits may be asked for again', () => {
  expect(serve('8', '0', 3)).toEqual({ headers: '6 7 8', answered: '8', unknown: '' })
  expect(serve('8', '5', 3)).toEqual({ headers: '6 7 8', answered: '8', unknown: '' })
  expect(serve('12a 16b', '20', 4)).toEqual({ headers: '11a 12a 15b 16b', answered: '12a 16b', unknown: '' })
  expect(serve('12a 16b 11a nobody', '20', 2)).toEqual({ headers: '11a 12a', answered: '12a 11a', unknown: '?' })
  expect(serve('8', '5', 0)).toEqual({ headers: '', answered: '', unknown: '' })
})
