/**
 * Headers a second from a gateway to a Node.js light node over loopback WebSockets, verified and stored in files; two
 * processes, synthetic regtest headers: `node test/bench/sync.ts [COUNT]`.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bitcoin, createLightNode } from '../../src/nodejs.ts'
import { runCommand, startGateway } from '../e2e/gateway.ts'
import { makeHeaders } from './make-headers.ts'

const HEADER_COUNT = Number(process.argv[2] ?? 900_000)
const ROUNDS = 3
const POLL_MS = 200

const folder = mkdtempSync(join(tmpdir(), 'rushlight-bench-'))
const headersPath = join(folder, 'headers.bin')
const gatewayDirectory = join(folder, 'gateway')

try {
  const file = openSync(headersPath, 'w')
  for (const headers of makeHeaders(HEADER_COUNT)) writeSync(file, headers)
  closeSync(file)
  runCommand('import', headersPath, '--chain', 'bitcoin:regtest', '--data', gatewayDirectory)
  const gateway = await startGateway({ directory: gatewayDirectory, chain: 'bitcoin:regtest' })
  try {
    await untilVerified(gateway.url)
    for (let round = 0; round < ROUNDS; round += 1) await measure(gateway.url, join(folder, `light-node-${round}`))
  } finally {
    await gateway.kill()
  }
} finally {
  rmSync(folder, { recursive: true })
}

async function measure(url: string, directory: string): Promise<void> {
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  await using lightNode = await createLightNode({ chain: bitcoin('regtest'), peers: [url], store: { directory } })
  await lightNode.ready()
  const verifiedMs = performance.now() - startMs
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (lightNode.snapshot().store.headerCount === HEADER_COUNT) resolve()
    }
    lightNode.subscribe(look)
    look()
  })
  const storedMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(startCpu)
  const cpuMs = (user + system) / 1_000
  const { height } = lightNode.head
  if (height !== HEADER_COUNT - 1) throw new Error(`expected height ${HEADER_COUNT - 1}, got ${height}`)
  console.log(
    `${HEADER_COUNT} headers: verified at ${rate(verifiedMs)}, verified and stored at ${rate(storedMs)} headers/s; ${rate(cpuMs)} a second of processor time here`,
  )
}

function rate(ms: number): string {
  return Math.round((HEADER_COUNT * 1_000) / ms).toLocaleString('en')
}

/** The gateway verifies what it has stored first; what it serves meanwhile is not what is measured. */
async function untilVerified(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/api/status`)
    const { head } = (await response.json()) as { readonly head: { readonly height: number; readonly trust: string } }
    if (head.height === HEADER_COUNT - 1 && head.trust !== 'stored') return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
