import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConnectionTable, type TableConnection } from './connection-table.ts'

class FakeConnection implements TableConnection {
  readonly id: string
  status = 'open'

  constructor(id: string) {
    this.id = id
  }
}

function makeTable(): { readonly table: ConnectionTable<FakeConnection>; readonly told: string[] } {
  const told: string[] = []
  const table = new ConnectionTable<FakeConnection>({
    onOpened: (connection) => told.push(`opened ${connection.id}`),
    onClosed: (connection) => told.push(`closed ${connection.id}`),
    abort: (connection) => (connection.status = 'aborted'),
  })
  return { table, told }
}

test('open and close are told once each, however often they are hinted', () => {
  const { table, told } = makeTable()
  const connection = new FakeConnection('a')
  table.sawOpen(connection)
  table.reconcile([connection])
  table.sawOpen(connection)
  table.sawClosed(connection)
  table.sawClosed(connection)
  expect(told).toEqual(['opened a', 'closed a'])
})

test('a disconnect that comes before its connect leaves no ghost', () => {
  const { table, told } = makeTable()
  const connection = new FakeConnection('a')
  table.sawClosed(connection)
  expect(table.sawOpen(connection)).toBe(false)
  table.reconcile([connection])
  expect(told).toEqual([])
  expect(table.all).toEqual([])
})

test('a connection that was closed before we heard of it is never opened', () => {
  const { table, told } = makeTable()
  const connection = new FakeConnection('a')
  connection.status = 'closed'
  expect(table.sawOpen(connection)).toBe(false)
  expect(told).toEqual([])
})

test('a connect without a disconnect is closed when the library no longer lists it', () => {
  const { table, told } = makeTable()
  const connection = new FakeConnection('a')
  table.sawOpen(connection)
  table.reconcile([])
  expect(connection.status).toBe('aborted')
  expect(told).toEqual(['opened a', 'closed a'])
})

test('a connection that died without a word is closed though the library still lists it', () => {
  const { table, told } = makeTable()
  const connection = new FakeConnection('a')
  table.sawOpen(connection)
  connection.status = 'reset'
  table.reconcile([connection])
  expect(told).toEqual(['opened a', 'closed a'])
})

test('connections from before we listened are found by the sweep, and a late close ends them', () => {
  const { table, told } = makeTable()
  const connections = [new FakeConnection('a'), new FakeConnection('b')]
  table.reconcile(connections)
  for (const connection of connections) table.sawClosed(connection)
  expect(told).toEqual(['opened a', 'opened b', 'closed a', 'closed b'])
})

test('whatever the order of hints, each connection is opened before it is closed, and closed once', () => {
  const step = fc.record({ index: fc.nat({ max: 3 }), hint: fc.constantFrom('open', 'closed', 'dies', 'list', 'lose') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { table, told } = makeTable()
      const connections = ['a', 'b', 'c', 'd'].map((id) => new FakeConnection(id))
      const listed = new Set<FakeConnection>()
      for (const { index, hint } of steps) {
        const connection = connections[index]
        if (connection === undefined) continue
        if (hint === 'open') table.sawOpen(connection)
        else if (hint === 'closed') table.sawClosed(connection)
        else if (hint === 'dies') connection.status = 'closed'
        else if (hint === 'list') listed.add(connection)
        else listed.delete(connection)
        if (hint === 'list' || hint === 'lose') table.reconcile([...listed])
      }
      table.reconcile([])
      for (const { id } of connections) {
        const own = told.filter((line) => line.endsWith(` ${id}`))
        expect([[], [`opened ${id}`, `closed ${id}`]]).toContainEqual(own)
      }
      expect(table.all).toEqual([])
    }),
  )
})
