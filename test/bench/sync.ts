/**
 * From a gateway to a light node of Node.js over loopback WebSockets, verified and stored in files, beside a raw stream of
 * the same bytes over the same road; and what a restart with all of it stored takes. Each side is a process of its own.
 */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { figure, medians, type Figure } from './exchange/figures.ts'
import { copyOfData, HEADER_COUNT, inTurns, withFolder, withGateway } from './headers/made-once.ts'
import { inNewProcess } from './headers/new-process.ts'
import { report } from './headers/rounds.ts'
import type { Restarted, Synced } from './headers/side.ts'

const HEADER_BYTES = 80
const TOTAL_BYTES: number = HEADER_COUNT * HEADER_BYTES
/** This many, or this share of the raw stream where that is less. */
const HEADERS_PER_SECOND = 300_000
const RAW_SHARE = 0.55
const SHOWN_MS_MAX = 1_000
const BYTES_PER_HEADER_MAX = 140

const perSecond = (ms: number): number => (1_000 * HEADER_COUNT) / ms

const synced: Synced[] = []
const restarted: Restarted[] = []

await withGateway(async (gateway, folder) => {
  await inNewProcess(async (server) => {
    const listen = ['/ip4/127.0.0.1/tcp/0/ws']
    const [address = ''] = await server.call('serveRaw', { totalBytes: TOTAL_BYTES, listen })
    const rounds = await inTurns({
      'raw stream': async () => {
        const args = { address, totalBytes: TOTAL_BYTES }
        return perSecond(await inNewProcess((client) => client.call('readRaw', args)))
      },
      'light node': async () => {
        const args = { url: gateway.url, directory: mkdtempSync(join(folder, 'node-')), headerCount: HEADER_COUNT }
        const round = await inNewProcess((client) => client.call('sync', args))
        synced.push(round)
        return perSecond(round.storedMs)
      },
    })
    await restart()
    report('sync', [syncFigure(rounds), memoryFigure(), restartFigure()])
  })
})

async function restart(): Promise<void> {
  await withFolder(async (folder) => {
    const args = { directory: await copyOfData(folder), headerCount: HEADER_COUNT }
    await inTurns({
      restart: async () => {
        const round = await inNewProcess((side) => side.call('restart', args))
        restarted.push(round)
        return round.shownMs
      },
    })
  })
}

function syncFigure(rounds: readonly Readonly<Record<string, number>>[]): Figure {
  const cpuRounds = synced.map(({ cpuMs }) => ({ 'a second of processor time': perSecond(cpuMs) }))
  const values = { ...medians(rounds), ...medians(cpuRounds) }
  const atLeast = Math.min(HEADERS_PER_SECOND, Math.round(RAW_SHARE * (values['raw stream'] ?? 0)))
  const result = values['light node'] ?? 0
  const name = 'gateway to Node.js, stored in files'
  return figure({ name, values, result, unit: 'headers/s', goal: { atLeast }, rounds })
}

function memoryFigure(): Figure {
  const rounds = synced.map(({ bytesPerHeader }) => ({ measured: bytesPerHeader }))
  const values = medians(rounds)
  const result = values['measured'] ?? 0
  const goal = { atMost: BYTES_PER_HEADER_MAX }
  return figure({ name: 'memory in Node.js', values, result, unit: 'bytes a header', goal, rounds })
}

function restartFigure(): Figure {
  const rounds = restarted.map(({ shownMs, verifiedMs }) => ({ shown: shownMs, 'verified again': verifiedMs }))
  const values = medians(rounds)
  const result = values['shown'] ?? 0
  return figure({ name: 'restart in Node.js', values, result, unit: 'ms', goal: { atMost: SHOWN_MS_MAX }, rounds })
}
