import { expect, test } from 'vitest'
import type { PeerSnapshot, Snapshot } from '../nodejs.ts'
import { statusJson } from './status-json.ts'

const ROOT = '00'.repeat(32) as Snapshot['genesis']

test('unknown is null, and work is 64 hex digits', () => {
  const peer = { id: 'peer', head: undefined, agent: undefined, latencyMs: undefined } as unknown as PeerSnapshot
  const snapshot: Snapshot = {
    chain: 'bitcoin:regtest',
    genesis: ROOT,
    status: 'synced',
    statusReason: 'in step',
    head: { height: 1, root: ROOT, time: 2, work: 255n, trust: 'genesis', confirmedBy: 0 },
    progress: { target: undefined, verifiedShare: 1, verified: 1, headersPerSecond: 0 },
    peers: [peer],
    store: { kind: 'files', reason: undefined, headerCount: 2, sizeBytes: 160 },
    exchange: {
      wantCount: 0,
      blocksReceived: 0,
      bytesReceived: 0,
      duplicateBlocks: 0,
      unwantedBlocks: 0,
      blocksSent: 7,
      bytesSent: 560,
      storedBlocks: 0,
      storedBytes: 0,
    },
    uptimeMs: 1.5,
    version: '0.1.0',
  }
  const json = JSON.parse(JSON.stringify(statusJson(snapshot, 2_500.4))) as Record<string, unknown>
  expect(Object.keys(json)).toEqual([
    'chain',
    'genesis',
    'status',
    'statusReason',
    'head',
    'progress',
    'peers',
    'store',
    'exchange',
    'uptimeMs',
    'version',
  ])
  expect(json['uptimeMs']).toBe(2_500)
  expect(json['head']).toEqual({
    height: 1,
    root: ROOT,
    time: 2,
    work: `${'0'.repeat(62)}ff`,
    trust: 'genesis',
    confirmedBy: 0,
  })
  expect(json['progress']).toEqual({ target: null, verified: 1, verifiedShare: 1, headersPerSecond: 0 })
  expect(json['peers']).toMatchObject([{ agent: null, head: null, latencyMs: null }])
  expect(json['store']).toEqual({ kind: 'files', reason: null, headerCount: 2, sizeBytes: 160 })
})
